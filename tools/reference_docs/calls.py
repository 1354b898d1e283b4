"""The calls that are recorded, in an order in which each finds what the ones before it have made."""

import datetime

DOCUMENT = {
    "number": "119/2023/NQ-HĐND",
    "title": "Nghị quyết quy định mức hỗ trợ",
    "issuer": "HĐND tỉnh Hà Tĩnh",
    "issuedOn": "2023-12-08",
}
DECISION = {"number": "203/QĐ-UBND", "issuer": "UBND xã", "issuedOn": "2024-09-20"}
MONTH = "2024-10"


def record_all(r, sandbox):
    known = registry(r)
    for part in (programme_and_rights, people, imports, reorganisations, activity, training, funding, notification):
        try:
            part(r, known)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            # What follows a call that failed lacks what that call should have made; the rest is still tried.
            r.failed.append(f"{part.__name__}: cannot go on after {error!r}")
    r.call(
        "FeedService/Follow",
        {"topic": "registry.facts", "maxBatch": 2},
        program="registry",
        seconds=4,
        replies=1,
        note="The stream stays open; store `cursor` with what was done, and begin there after a break.",
    )
    r.call("FeedService/Follow", {"topic": "registry.nothing"}, program="registry", refused=True)


def registry(r):
    resolved = r.call("RegistryService/ResolveUnitCode", {"code": "42", "date": "2024-10-31"})
    province = resolved["unit"]["name"]
    r.call(
        "RegistryService/ResolveUnitCode",
        {"code": "15"},
        note="Without a date the code means the unit of today, and the reply says so.",
    )
    commune_old = r.call("RegistryService/ResolveUnitCode", {"code": "18070", "date": "2024-10-31"}, keep=False)[
        "unit"
    ]["name"]
    r.call("RegistryService/ResolveUnitCode", {"code": "18070", "date": "2026-01-01"}, refused=True)
    r.call("RegistryService/GetUnit", {"name": province, "date": "2024-10-31"})
    r.call(
        "RegistryService/ListUnits",
        {"parent": province, "level": "UNIT_LEVEL_COMMUNE", "date": "2024-10-31", "pageSize": 2},
    )
    r.call("RegistryService/SearchUnits", {"query": "muong mun", "date": "2024-10-31"})
    r.call("RegistryService/ListUnitAncestors", {"name": commune_old, "date": "2024-10-31"})
    r.call("RegistryService/ListUnitSuccessions", {"name": commune_old})
    commune = r.call("RegistryService/ResolveUnitCode", {"code": "18073"}, keep=False)["unit"]["name"]
    hamlet = r.call(
        "RegistryService/CreateHamlet",
        {"unit": {"displayName": "Tổ dân phố số 99", "parent": commune, "kind": "tổ dân phố"}},
    )
    hamlet = hamlet.get("unit", {}).get("name", "")
    team = r.call(
        "RegistryService/CreateTeam",
        {
            "from": "2026-01-05",
            "team": {
                "level": "TEAM_LEVEL_HAMLET",
                "unit": hamlet,
                "displayName": "Tổ công nghệ số cộng đồng Tổ dân phố số 99",
                "status": "TEAM_STATUS_ACTIVE",
                "decision": {"number": "01/QĐ-UBND", "issuer": "UBND phường Thành Sen", "issuedOn": "2026-01-02"},
                "sourceSystem": "vi-du",
                "externalId": "TDP-99",
            },
        },
    ).get("team", {})
    r.call(
        "RegistryService/CreateTeam",
        {
            "from": "2026-01-05",
            "team": {
                "level": "TEAM_LEVEL_HAMLET",
                "unit": hamlet,
                "displayName": "Tổ thứ hai",
                "status": "TEAM_STATUS_ACTIVE",
            },
        },
        refused=True,
    )
    r.call("RegistryService/GetTeam", {"source": {"sourceSystem": "vi-du", "externalId": "TDP-99"}})
    changed = r.call(
        "RegistryService/UpdateTeam",
        {
            "team": {"name": team["name"], "displayName": "Tổ công nghệ số cộng đồng TDP 99", "etag": team["etag"]},
            "updateMask": "displayName",
        },
    ).get("team", team)
    r.call(
        "RegistryService/UpdateTeam",
        {"team": {"name": team["name"], "displayName": "Tổ khác", "etag": team["etag"]}, "updateMask": "displayName"},
        refused=True,
    )
    teams = r.call(
        "RegistryService/ListTeams",
        {"unit": province, "date": "2024-10-31", "level": "TEAM_LEVEL_COMMUNE", "pageSize": 1},
    )["teams"]
    hamlet_teams = r.call(
        "RegistryService/ListTeams",
        {"unit": province, "date": "2024-10-31", "level": "TEAM_LEVEL_HAMLET", "pageSize": 5},
        keep=False,
    )["teams"]
    r.call("RegistryService/CountTeams", {"unit": province, "date": "2024-10-31"})
    r.call("RegistryService/GetCoverage", {"unit": province, "level": "UNIT_LEVEL_COMMUNE", "date": "2024-10-31"})
    r.call("RegistryService/ListCoverage", {"parent": province, "level": "UNIT_LEVEL_COMMUNE", "date": "2024-10-31"})
    person = r.call(
        "RegistryService/CreatePerson",
        {
            "person": {
                "fullName": "Trần Văn Ví Dụ",
                "birthYear": 1990,
                "sex": "SEX_MALE",
                "phones": ["0992000001"],
                "occupation": "OCCUPATION_TEACHER",
                "residenceUnit": commune,
            }
        },
    ).get("person", {})
    r.call("RegistryService/GetPerson", {"name": person["name"]})
    r.call(
        "RegistryService/UpdatePerson",
        {
            "person": {"name": person["name"], "email": "tran.van.vi.du@hatinh.example", "etag": person["etag"]},
            "updateMask": "email",
        },
    )
    membership = r.call(
        "RegistryService/CreateMembership",
        {
            "parent": team["name"],
            "membership": {"person": person["name"], "role": "MEMBER_ROLE_LEADER", "from": "2026-01-05"},
        },
    ).get("membership", {})
    r.call(
        "RegistryService/CreateMembership",
        {
            "parent": team["name"],
            "membership": {"person": person["name"], "role": "MEMBER_ROLE_MEMBER", "from": "2026-01-06"},
        },
        refused=True,
    )
    r.call("RegistryService/GetMembership", {"name": membership["name"]})
    r.call("RegistryService/ListMemberships", {"parent": team["name"], "date": "2026-02-01"})
    r.call(
        "RegistryService/EndMembership",
        {"name": membership["name"], "to": "2026-06-30", "reason": "Chuyển nơi ở", "etag": membership["etag"]},
    )
    r.call("RegistryService/VoidMembership", {"name": membership["name"], "reason": "Ghi nhầm người"})
    r.call(
        "RegistryService/CreateCapacityPolicy",
        {
            "policy": {
                "unit": commune,
                "level": "TEAM_LEVEL_HAMLET",
                "limit": 5,
                "mode": "CAPACITY_MODE_ENFORCE",
                "from": "2026-01-01",
            }
        },
    )
    r.call("RegistryService/ListCapacityPolicies", {"unit": commune})
    r.call(
        "RegistryService/ChangeTeamStatus",
        {
            "name": team["name"],
            "status": "TEAM_STATUS_DISSOLVED",
            "from": "2026-09-01",
            "reason": "Sáp nhập tổ dân phố",
        },
    )
    return {
        "province": province,
        "commune": commune,
        "commune_old": commune_old,
        "hamlet": hamlet,
        "team": changed,
        "person": person,
        "commune_team": teams[0],
        "hamlet_teams": hamlet_teams,
    }


def programme_and_rights(r, k):
    agency = r.call(
        "ProgrammeService/CreateAgency",
        {"agency": {"kind": "AGENCY_KIND_PROVINCE", "displayName": "UBND tỉnh Hà Tĩnh", "unit": k["province"]}},
    ).get("agency", {})
    r.call("ProgrammeService/ListAgencies", {})
    r.call(
        "ProgrammeService/RecordMilestone",
        {
            "milestone": {
                "agency": agency.get("name"),
                "kind": "MILESTONE_KIND_PLAN_ISSUED",
                "date": "2022-05-10",
                "document": {"number": "150/KH-UBND", "issuer": "UBND tỉnh Hà Tĩnh", "issuedOn": "2022-05-10"},
            }
        },
    )
    r.call("ProgrammeService/ListMilestones", {"agency": agency.get("name")})
    r.call("ProgrammeService/GetProgrammeStatus", {"date": "2022-08-23"})
    r.call(
        "ProgrammeService/RecordFigure",
        {
            "figure": {
                "unit": k["province"],
                "indicator": "digital_stores",
                "date": "2022-06-08",
                "value": 8140,
                "qualifier": "QUALIFIER_AT_LEAST",
                "source": "Báo cáo tháng 6/2022",
            }
        },
    )
    r.call("ProgrammeService/ListFigures", {"unit": k["province"]})
    grant = r.call(
        "AccessService/CreateGrant",
        {"grant": {"subject": "can-bo-thanh-sen", "unit": k["commune"], "role": "ACCESS_ROLE_EDITOR"}},
    ).get("grant", {})
    r.call("AccessService/ListGrants", {"subject": "can-bo-thanh-sen"})
    r.call(
        "AccessService/CheckAccess",
        {"subject": "can-bo-thanh-sen", "verb": "ACCESS_VERB_WRITE_TEAMS", "unit": k["commune"]},
    )
    r.call("AccessService/RevokeGrant", {"name": grant.get("name")})
    r.call(
        "RegistryService/GetTeam",
        {"name": k["commune_team"]["name"]},
        by="nguoi-la",
        grant=f"registry.read@{k['commune']}",
        refused=True,
    )
    r.call("AuditService/ListAuditEntries", {"resource": k["team"]["name"], "pageSize": 1})
    r.call("AuditService/VerifyAudit", {})


def people(r, k):
    def make(phone, name="Lê Thị Trùng"):
        return r.call(
            "RegistryService/CreatePerson",
            {
                "person": {
                    "fullName": name,
                    "birthYear": 1985,
                    "sex": "SEX_FEMALE",
                    "phones": [phone],
                    "residenceUnit": k["commune"],
                }
            },
            keep=False,
        ).get("person", {})

    first, second = make("0992000002"), make("0992000002")
    make("0992000003", "Phạm Văn Khác"), make("0992000003", "Phạm Văn Khác")
    r.call("PeopleService/ScanDuplicates", {})
    pairs = r.call("PeopleService/ListDuplicates", {"state": "DUPLICATE_STATE_OPEN"}).get("duplicates", [])
    other = [pair for pair in pairs if first["name"] not in json_text(pair)]
    if other:
        r.call("PeopleService/DismissDuplicate", {"name": other[0]["name"]})
    merge = r.call(
        "PeopleService/MergePeople",
        {"survivor": first["name"], "merged": second["name"], "reason": "Cùng một người, nhập hai lần"},
    )
    r.call("PeopleService/UnmergePeople", {"name": merge.get("merge", {}).get("name")})
    r.call("PeopleService/ExportPersonData", {"name": k["person"]["name"]})
    r.call("PeopleService/ErasePerson", {"name": second["name"], "reason": "Theo yêu cầu của chủ thể dữ liệu"})


def json_text(value):
    import json

    return json.dumps(value)


def imports(r, k):
    header = {"header": {"mode": "IMPORT_MODE_COMMIT", "sourceSystem": "he-thong-tinh", "codeDate": "2024-10-01"}}
    row = {
        "rows": {
            "rows": [
                {
                    "rowNumber": 1,
                    "team": {
                        "externalId": "T-1",
                        "level": "TEAM_LEVEL_HAMLET",
                        "displayName": "Tổ công nghệ số cộng đồng Xóm Ví Dụ",
                        "communeCode": "18070",
                        "hamlet": "Xóm Ví Dụ",
                        "provinceCode": "42",
                        "established": "2024-09-20",
                        "decision": DECISION,
                    },
                },
                {
                    "rowNumber": 2,
                    "team": {
                        "externalId": "T-2",
                        "level": "TEAM_LEVEL_HAMLET",
                        "displayName": "Tổ không có xã",
                        "communeCode": "99999",
                        "hamlet": "Xóm Khác",
                        "provinceCode": "42",
                        "established": "2024-09-20",
                        "decision": DECISION,
                    },
                },
            ]
        }
    }
    found = r.call(
        "ImportService/ImportRows",
        messages=[header, row],
        replies=5,
        note="The client sends the header, then rows; it hears `started`, then a verdict for each row.",
    )
    batch = ""
    for reply in found if isinstance(found, list) else [found]:
        batch = reply.get("started", {}).get("batch", batch)
    batch = batch.get("name", "") if isinstance(batch, dict) else batch
    r.call("ImportService/GetImportBatch", {"name": batch})
    r.call("ImportService/ListImportProblems", {"parent": batch})
    r.call("ImportService/ExportTeams", {"unit": k["province"], "date": "2024-10-31"}, replies=1, entries=1)
    r.call("ImportService/ExportMembers", {"unit": k["province"], "date": "2024-10-31"}, replies=1, entries=1)


def reorganisations(r, k):
    made = r.call(
        "ReorganisationService/CreateReorganisation",
        {
            "reorganisation": {
                "title": "Đổi tên phường (ví dụ)",
                "effectiveOn": "2027-01-01",
                "document": {"number": "01/NQ-UBTVQH", "issuedOn": "2026-11-01"},
            },
            "newUnits": [
                {
                    "key": "moi",
                    "level": "UNIT_LEVEL_COMMUNE",
                    "displayName": "Phường Ví Dụ",
                    "kind": "phường",
                    "code": "18073",
                }
            ],
            "lines": [{"kind": "REORGANISATION_KIND_RENAME", "source": k["commune"], "target": "moi"}],
        },
    ).get("reorganisation", {})
    r.call("ReorganisationService/GetReorganisation", {"name": made.get("name")})
    r.call("ReorganisationService/ListReorganisations", {})
    r.call("ReorganisationService/ListReorganisationLines", {"parent": made.get("name")})
    r.call("ReorganisationService/PreviewReorganisation", {"name": made.get("name")})
    applied = r.call("ReorganisationService/ApplyReorganisation", {"name": made.get("name"), "etag": made.get("etag")})
    r.call("ReorganisationService/ApplyReorganisation", {"name": made.get("name")}, refused=True)
    r.call(
        "ReorganisationService/RevertReorganisation",
        {"name": made.get("name"), "reason": "Chỉ là ví dụ", "etag": applied.get("reorganisation", {}).get("etag")},
    )
    r.call(
        "ReorganisationService/CorrectPlacement",
        {"name": k["commune_team"]["name"], "commune": k["commune"], "reason": "Ví dụ"},
        refused=True,
    )


def activity(r, k):
    s = "ActivityReportingService"
    province, team = k["province"], k["hamlet_teams"][0]["name"]
    policy = r.call(
        f"{s}/SetReportingPolicy",
        {
            "policy": {
                "jurisdiction": k["commune"],
                "validFrom": "2027-01-01",
                "communeTeamSubject": "REPORTING_SUBJECT_MEMBER",
                "hamletTeamSubject": "REPORTING_SUBJECT_TEAM",
                "dueDay": 5,
                "graceDays": 3,
            }
        },
    ).get("policy", {})
    r.call(f"{s}/GetReportingPolicy", {"name": policy.get("name")})
    r.call(f"{s}/ListReportingPolicies", {})
    r.call(f"{s}/OpenPeriod", {"period": "2024-11"})
    r.call(f"{s}/GetPeriod", {"name": f"periods/{MONTH}"})
    r.call(f"{s}/GetPeriod", {"name": "periods/2023-01"}, refused=True)
    r.call(f"{s}/ListPeriods", {})
    missing = r.call(
        f"{s}/ListObligations",
        {"period": MONTH, "unit": province, "states": ["OBLIGATION_STATE_MISSING"], "pageSize": 10},
    ).get("obligations", [])
    r.call(f"{s}/GetObligation", {"name": missing[0]["name"]})
    open_ones = [o for o in missing if not o.get("person")] or missing
    sent = {
        "operationId": "0192d3a4-5b6c-7def-8123-000000000001",
        "report": {
            "team": open_ones[0]["team"],
            "person": open_ones[0].get("person", ""),
            "period": MONTH,
            "source": "REPORT_SOURCE_API",
            "activities": [
                {
                    "skill": "SKILL_ONLINE_PUBLIC_SERVICES",
                    "beneficiary": "BENEFICIARY_KIND_HOUSEHOLD",
                    "channel": "ACTIVITY_CHANNEL_HOME_VISIT",
                    "count": 12,
                }
            ],
            "counters": [
                {"code": "digital_stores", "kind": "COUNTER_KIND_FLOW", "value": 3, "qualifier": "QUALIFIER_EXACT"}
            ],
            "difficulties": [
                {
                    "kind": "DIFFICULTY_KIND_LOW_SMARTPHONE",
                    "severity": "SEVERITY_MEDIUM",
                    "text": "Nhiều hộ chưa có điện thoại thông minh",
                }
            ],
        },
    }
    report = r.call(f"{s}/SubmitReport", {"submission": sent}).get("verdict", {})
    changed = {**sent, "report": {**sent["report"], "narrative": "Nội dung khác"}}
    r.call(f"{s}/SubmitReport", {"submission": changed}, refused=True)
    name = open_ones[0]["name"].replace("obligations/", "reports/")

    def another(number, obligation):
        return {
            "operationId": f"0192d3a4-5b6c-7def-8123-00000000000{number}",
            "report": {
                **sent["report"],
                "team": obligation["team"],
                "person": obligation.get("person", ""),
                "difficulties": [],
            },
        }

    rest = [o for o in missing if o["name"] != open_ones[0]["name"]]
    r.call(f"{s}/SubmitReports", messages=[{"submissions": [another(2, rest[0])]}])
    r.call(f"{s}/SyncReports", {"submissions": [another(3, rest[1])]})
    r.call(f"{s}/GetReport", {"name": name})
    r.call(f"{s}/ListReports", {"period": MONTH, "unit": province, "pageSize": 1})
    r.call(
        f"{s}/ReturnReport", {"name": rest[0]["name"].replace("obligations/", "reports/"), "reason": "Thiếu số liệu"}
    )
    r.call(f"{s}/EndorseReport", {"name": name})
    r.call(f"{s}/ApproveReport", {"name": name})
    r.call(f"{s}/AcceptReport", {"name": name})
    r.call(f"{s}/AcceptReport", {"name": name}, refused=True)
    r.call(f"{s}/ExcuseObligation", {"name": rest[2]["name"], "reason": "Tổ bị ảnh hưởng bởi mưa lũ"})
    r.call(
        f"{s}/WaiveObligations",
        {
            "period": MONTH,
            "unit": k["commune_old"],
            "reason": "Thiên tai",
            "decision": {"number": "12/QĐ-UBND", "issuedOn": "2024-10-30"},
        },
    )
    # The team was established in 2026: nothing is owed for 2024, and the report waits for a person.
    early = another(4, {"team": k["team"]["name"]})
    r.call(f"{s}/SubmitReport", {"submission": early}, refused=True)
    early = another(5, {"team": k["team"]["name"]})
    r.call(f"{s}/SubmitReport", {"submission": early}, refused=True, keep=False)
    kept = r.call(f"{s}/ListRejectedReports", {"period": MONTH}).get("rejectedReports", [])
    if kept:
        r.call(f"{s}/GetRejectedReport", {"name": kept[0]["name"]})
        r.call(f"{s}/AdmitRejectedReport", {"name": kept[0]["name"], "reason": "Tổ đã hoạt động"}, refused=True)
        r.call(f"{s}/DismissRejectedReport", {"name": kept[-1]["name"], "reason": "Tổ chưa thành lập"})
    r.call(f"{s}/GetFigures", {"period": MONTH, "unit": province})
    r.call(f"{s}/ListFigures", {"period": MONTH, "parent": province, "pageSize": 2})
    r.call(
        f"{s}/WatchFigures",
        {"period": MONTH, "unit": province},
        seconds=3,
        replies=1,
        note="The stream stays open, and sends again when the figures change.",
    )
    r.call(f"{s}/ClosePeriod", {"name": f"periods/{MONTH}"})
    a = "AchievementService"
    r.call(f"{a}/GetAchievements", {"period": MONTH, "unit": province})
    r.call(f"{a}/ListAchievements", {"period": MONTH, "parent": province, "pageSize": 1})
    r.call(f"{a}/WatchAchievements", {"period": MONTH, "unit": province}, seconds=3, replies=1)
    r.call(
        f"{a}/GetIndicator",
        {
            "period": MONTH,
            "unit": province,
            "numerator": "digital_stores",
            "denominator": "households",
            "kind": "COUNTER_KIND_FLOW",
            "threshold": 50,
        },
    )
    r.call(f"{a}/GetParticipation", {"period": MONTH, "unit": province})
    r.call(f"{a}/GetComposition", {"unit": province, "date": "2024-10-31"})
    d = "DifficultyService"
    found = r.call(f"{d}/ListDifficulties", {"unit": province, "treeDate": "2024-10-31"}).get("difficulties", [])
    if found:
        one = {"name": found[0]["name"]}
        r.call(f"{d}/GetDifficulty", dict(one))
        r.call(f"{d}/AssignDifficulty", {**one, "owner": "Phòng Văn hóa – Xã hội"})
        r.call(f"{d}/ResolveDifficulty", {**one, "resolution": "Hỗ trợ 20 điện thoại"})
        r.call(f"{d}/ReopenDifficulty", {**one, "reason": "Còn hộ chưa có máy"})
    platform = r.call(
        "PlatformService/SetPlatform",
        {
            "platform": {
                "unit": province,
                "code": "cong_dan_so_ha_tinh",
                "displayName": "Công dân số Hà Tĩnh",
                "kind": "PLATFORM_KIND_CITIZEN_APP",
                "validFrom": "2024-01-01",
            }
        },
    ).get("platform", {})
    r.call("PlatformService/GetPlatform", {"name": platform.get("name")})
    r.call("PlatformService/ListPlatforms", {"unit": province})
    t = "TargetService"
    target = r.call(
        f"{t}/CreateTarget",
        {
            "target": {
                "displayName": "100% số xã có tổ",
                "measure": "TARGET_MEASURE_COMMUNES_WITH_TEAM",
                "threshold": 100,
                "validFrom": "2022-03-01",
            }
        },
    ).get("target", {})
    r.call(f"{t}/GetTarget", {"name": target.get("name")})
    r.call(f"{t}/ListTargets", {})
    r.call(f"{t}/GetTargetStanding", {"name": target.get("name"), "unit": province, "date": "2024-10-31"})
    r.call(f"{t}/ListTargetStandings", {"name": target.get("name"), "date": "2024-10-31", "pageSize": 2})
    r.call(f"{t}/EndTarget", {"name": target.get("name"), "validTo": "2026-12-31"})


def training(r, k):
    s, team = "TrainingService", k["hamlet_teams"][0]["name"]
    member = r.call("RegistryService/ListMemberships", {"parent": team, "date": "2024-10-31"}, keep=False)[
        "memberships"
    ][0]
    course = r.call(
        f"{s}/CreateCourse",
        {
            "course": {
                "unit": k["province"],
                "displayName": "Dịch vụ công trực tuyến",
                "skills": ["SKILL_ONLINE_PUBLIC_SERVICES"],
                "level": "SKILL_LEVEL_CAN_TEACH",
            }
        },
    ).get("course", {})
    r.call(f"{s}/ListCourses", {"unit": k["province"]})

    def plan(days, **more):
        planned = {
            "course": course.get("name"),
            "unit": k["province"],
            "mode": "SESSION_MODE_IN_PERSON",
            "heldOn": (datetime.date.today() + datetime.timedelta(days)).isoformat(),
            "startsAt": "08:00",
            "place": "Nhà văn hóa tỉnh, 1 Nguyễn Du, thành phố Hà Tĩnh",
            **more,
        }
        return r.call(f"{s}/ScheduleSession", {"session": planned}).get("session", {})

    first = plan(21, invitation={"roles": ["MEMBER_ROLE_LEADER"]}, trainer="Sở Khoa học và Công nghệ")
    second = plan(2, invitation={"invitees": [{"team": team, "person": member["person"]}]})
    r.call(
        f"{s}/UpdateSession",
        {
            "session": {"name": first.get("name"), "startsAt": "14:00", "etag": first.get("etag")},
            "updateMask": "startsAt",
        },
    )
    cancelled = {"name": first.get("name"), "reason": "Bão số 3"}
    r.call(f"{s}/CancelSession", dict(cancelled))
    r.call(f"{s}/CancelSession", dict(cancelled), refused=True)
    attendances = [{"team": team, "person": member["person"], "completed": True}]
    r.call(
        f"{s}/RecordSession",
        {
            "session": {
                "course": course.get("name"),
                "unit": k["province"],
                "mode": "SESSION_MODE_IN_PERSON",
                "heldOn": "2024-10-12",
                "trainer": "Sở Thông tin và Truyền thông",
                "attendances": attendances,
            }
        },
    )
    r.call(
        f"{s}/RecordSession",
        {
            "plannedSession": second.get("name"),
            "session": {"heldOn": "2024-10-19", "attendances": attendances},
        },
        note="Of a planned session what is not said is as it was planned.",
    )
    r.call(f"{s}/GetSession", {"name": second.get("name")})
    r.call(f"{s}/ListSessions", {"unit": k["province"], "state": "SESSION_STATE_HELD"})
    r.call(
        f"{s}/AssessSkills",
        {
            "team": team,
            "assessedOn": "2024-10-20",
            "assessments": [
                {"person": member["person"], "skill": "SKILL_ONLINE_PUBLIC_SERVICES", "level": "SKILL_LEVEL_CAN_TEACH"}
            ],
        },
    )
    r.call(f"{s}/GetTeamSkills", {"team": team, "date": "2024-10-31"})


def funding(r, k):
    s, policy, province = "FundingPolicyService", "policies/ha-tinh-119-2023", k["province"]
    team = k["hamlet_teams"][0]["name"]
    r.call(f"{s}/ListPolicies", {"validOn": "2024-10-31"}, entries=1)
    r.call(f"{s}/GetPolicy", {"name": policy})
    draft = r.call(
        f"{s}/CreatePolicy",
        {
            "policy": {
                "title": "Allowance, an example",
                "titleVi": "Hỗ trợ (ví dụ)",
                "jurisdictionCode": "42",
                "territoryDate": "2026-01-01",
                "document": {**DOCUMENT, "number": "01/2026/NQ-HĐND", "issuedOn": "2026-01-01"},
                "validFrom": "2026-01-01",
                "validTo": "2026-12-31",
                "beneficiary": "BENEFICIARY_TEAM",
                "levels": ["TEAM_LEVEL_HAMLET"],
                "partMonthRule": "PART_MONTH_RULE_HALF_MONTH",
                "budgetSource": "BUDGET_SOURCE_STATE",
                "requiresEnrolment": True,
                "components": [
                    {
                        "id": "thang",
                        "kind": "COMPONENT_KIND_RATE_PER_TEAM_MONTH",
                        "rateDong": "700000",
                        "clause": "Điều 1",
                    }
                ],
            }
        },
    ).get("policy", {})
    r.call(
        f"{s}/ActivatePolicy",
        {"name": draft.get("name"), "version": draft.get("version", 1), "etag": draft.get("etag")},
    )
    r.call(
        f"{s}/RecordEnrolmentList",
        {
            "enrolmentList": {
                "policy": draft.get("name"),
                "from": "2026-01-01",
                "to": "2026-12-31",
                "teams": [team],
                "decision": {"number": "15/QĐ-UBND", "issuedOn": "2026-01-10"},
            }
        },
    )
    r.call(f"{s}/ListEnrolmentLists", {"policy": draft.get("name")})
    r.call(f"{s}/GetTeamEntitlement", {"team": team, "fromMonth": MONTH, "toMonth": MONTH}, entries=3)
    r.call(
        f"{s}/GetTeamEntitlement",
        {"team": "teams/0192d3a4-5b6c-7def-8123-456789abcdef", "fromMonth": MONTH, "toMonth": MONTH},
        refused=True,
    )
    r.call(
        f"{s}/ComputeEntitlements",
        {"unit": province, "fromMonth": MONTH, "toMonth": MONTH, "totalsOnly": True},
        replies=2,
    )
    r.call(
        f"{s}/SimulatePolicies",
        {
            "unit": province,
            "fromMonth": "2026-01",
            "toMonth": "2026-01",
            "policies": [{"policy": draft.get("name"), "version": 1}],
        },
        replies=2,
    )
    ledger, year = "LedgerService", 2024
    r.call(
        f"{ledger}/RecordAppropriation",
        {
            "policy": policy,
            "year": year,
            "amountDong": "9000000000",
            "budgetSource": "BUDGET_SOURCE_STATE",
            "document": {"number": "12/QĐ-STC", "issuer": "Sở Tài chính", "issuedOn": "2024-01-05"},
        },
    )
    run = r.call(f"{s}/StartRun", {"unit": province, "fromMonth": MONTH, "toMonth": MONTH}).get("run", {})
    one = {"name": run.get("name")}
    r.call(f"{s}/WatchRun", dict(one), replies=1, seconds=15)
    run = r.call(f"{s}/GetRun", dict(one)).get("run", {})
    r.call(f"{s}/ListRuns", {"unit": province})
    r.call(f"{s}/ListRunLines", {"run": run.get("name"), "pageSize": 1})
    r.call(
        f"{s}/ApproveRun", {**one, "etag": run.get("etag")}, refused=True, note="Who started a run does not approve it."
    )
    run = r.call(f"{s}/ApproveRun", {**one, "etag": run.get("etag")}, by="nguoi-duyet").get("run", run)
    r.call(f"{s}/PostRun", {**one, "etag": run.get("etag")}, by="nguoi-duyet")
    r.call(f"{s}/WatchRun", dict(one), keep=False, seconds=20)
    second = r.call(f"{s}/StartRun", {"unit": province, "fromMonth": "2024-09", "toMonth": "2024-09"}, keep=False).get(
        "run", {}
    )
    r.call(f"{s}/WatchRun", {"name": second.get("name")}, keep=False, seconds=15)
    r.call(f"{s}/RejectRun", {"name": second.get("name"), "note": "Chưa đủ dữ liệu"}, by="nguoi-duyet")
    accounts = r.call(f"{ledger}/ListAccounts", {"policy": policy, "year": year}).get("accounts", [])
    appropriated = [a["name"] for a in accounts if "ppropriated" in json_text(a) or "APPROPRIATED" in json_text(a)]
    r.call(
        f"{ledger}/SetOverdraft",
        {
            "account": appropriated[0] if appropriated else "",
            "mayOverdraw": True,
            "document": {"number": "13/QĐ-STC", "issuedOn": "2024-02-01"},
        },
    )
    r.call(f"{ledger}/GetTrialBalance", {"policy": policy, "year": year})
    journals = r.call(f"{ledger}/ListJournals", {"reference": run.get("name")}).get("journals", [])
    if journals:
        r.call(f"{ledger}/ListJournalEntries", {"journal": journals[0]["name"], "pageSize": 2})
    r.call(f"{ledger}/VerifyLedger", {}, replies=1)
    c, da_nang = "ClaimService", "policies/da-nang-36-2024"
    claim = {
        "team": team,
        "policy": da_nang,
        "items": [
            {
                "date": "2024-10-15",
                "amountDong": "1500000",
                "description": "Mua vật tư tập huấn",
                "evidence": [{"kind": "EVIDENCE_KIND_RECEIPT", "number": "HD-17"}],
            }
        ],
    }
    made = r.call(
        f"{c}/SubmitClaim",
        {"claim": claim},
        note="A team of Hà Tĩnh claims under Đà Nẵng's policy: the claim is kept, and says why nothing is due.",
    ).get("claim", {})
    r.call(f"{c}/GetClaim", {"name": made.get("name")})
    r.call(f"{c}/ListClaims", {"team": team})
    r.call(
        f"{c}/RejectClaim",
        {"name": made.get("name"), "note": "Ngoài địa bàn", "etag": made.get("etag")},
        by="nguoi-duyet",
    )
    again = r.call(f"{c}/SubmitClaim", {"claim": claim}, keep=False).get("claim", {})
    r.call(f"{c}/ApproveClaim", {"name": again.get("name"), "etag": again.get("etag")}, refused=True)
    r.call(f"{c}/ApproveClaim", {"name": again.get("name"), "etag": again.get("etag")}, by="nguoi-duyet")
    r.call(f"{c}/ReverseClaim", {"name": again.get("name"), "note": "Duyệt nhầm"}, by="nguoi-duyet")
    r.call(f"{c}/GetTeamCeilings", {"team": team, "policy": da_nang, "year": 2024})
    p = "PaymentService"
    first = r.call(
        f"{p}/CreatePaymentBatch",
        {"policy": policy, "year": year, "budgetSource": "BUDGET_SOURCE_STATE", "teams": [team]},
    ).get("paymentBatch", {})
    name = first.get("name")
    r.call(f"{p}/GetPaymentBatch", {"name": name})
    r.call(f"{p}/ListPaymentBatches", {"policy": policy})
    instructions = r.call(f"{p}/ListPaymentInstructions", {"batch": name}).get("paymentInstructions", [])
    first = r.call(f"{p}/ApprovePaymentBatch", {"name": name, "etag": first.get("etag")}, by="nguoi-duyet").get(
        "paymentBatch", {}
    )
    r.call(f"{p}/ExportPaymentBatch", {"name": name}, by="nguoi-chi")
    paid = instructions[0] if instructions else {}
    r.call(
        f"{p}/RecordPaymentResults",
        {
            "batch": name,
            "results": [
                {
                    "instruction": paid.get("name"),
                    "state": "PAYMENT_STATE_PAID",
                    "amountDong": paid.get("amountDong"),
                    "bankReference": "FT24001",
                    "paidOn": "2024-11-20",
                }
            ],
        },
        by="nguoi-chi",
    )
    r.call(
        f"{p}/RecordPaymentResults",
        {
            "batch": name,
            "results": [
                {
                    "instruction": paid.get("name"),
                    "state": "PAYMENT_STATE_RETURNED",
                    "amountDong": paid.get("amountDong"),
                    "note": "Sai số tài khoản",
                }
            ],
        },
        by="nguoi-chi",
        keep=False,
    )
    r.call(
        f"{p}/ReopenReturnedPayments",
        {"batch": name, "instructions": [paid.get("name")], "note": "Đã sửa tài khoản"},
        by="nguoi-chi",
    )
    other = r.call(
        f"{p}/CreatePaymentBatch",
        {
            "policy": policy,
            "year": year,
            "budgetSource": "BUDGET_SOURCE_STATE",
            "teams": [k["hamlet_teams"][1]["name"]],
        },
        keep=False,
    ).get("paymentBatch", {})
    r.call(f"{p}/VoidPaymentBatch", {"name": other.get("name"), "note": "Lập nhầm", "etag": other.get("etag")})


def notification(r, k):
    s = "NotificationService"
    r.call(f"{s}/ListChannels", {}, entries=6)
    body = {
        "language": "LANGUAGE_VI",
        "email": {"subject": "Nhắc báo cáo {{month}}", "text": "Đề nghị nộp báo cáo tháng {{month}} trước ngày 5."},
    }
    template = r.call(
        f"{s}/CreateTemplate",
        {
            "template": {
                "name": "templates/vi-du",
                "displayName": "Ví dụ",
                "parameters": [{"name": "month", "type": "PARAMETER_TYPE_TEXT", "description": "Tháng"}],
                "contents": [body],
            }
        },
    ).get("template", {})
    r.call(
        f"{s}/UpdateTemplate",
        {
            "template": {
                "name": "templates/vi-du",
                "displayName": "Ví dụ, bản hai",
                "etag": template.get("etag"),
                "parameters": [{"name": "month", "type": "PARAMETER_TYPE_TEXT", "description": "Tháng"}],
                "contents": [body],
            }
        },
    )
    r.call(f"{s}/GetTemplate", {"name": "templates/vi-du"})
    r.call(f"{s}/ListTemplates", {"pageSize": 1})
    r.call(
        f"{s}/RenderTemplate",
        {"name": "templates/vi-du", "language": "LANGUAGE_VI", "parameters": {"month": "10/2024"}},
    )
    r.call(f"{s}/RenderTemplate", {"name": "templates/vi-du", "language": "LANGUAGE_VI"}, refused=True)
    campaign = {
        "displayName": "Nhắc báo cáo tháng 10",
        "audience": {"unit": k["province"], "treeDate": "2024-10-31", "roles": ["MEMBER_ROLE_LEADER"]},
        "template": "templates/vi-du",
        "parameters": {"month": "10/2024"},
        "language": "LANGUAGE_VI",
        "channels": ["CHANNEL_KIND_EMAIL"],
    }
    made = r.call(f"{s}/CreateCampaign", {"campaign": campaign}).get("campaign", {})
    one = {"name": made.get("name")}
    r.call(f"{s}/PlanCampaign", dict(one))
    r.call(f"{s}/LaunchCampaign", {**one, "etag": made.get("etag")})
    import time

    time.sleep(3)
    r.call(f"{s}/PauseCampaign", dict(one))
    r.call(f"{s}/ResumeCampaign", dict(one))
    r.call(f"{s}/GetCampaign", dict(one))
    r.call(f"{s}/ListCampaigns", {})
    r.call(f"{s}/WatchCampaign", dict(one), seconds=3, replies=1)
    deliveries = r.call(f"{s}/ListDeliveries", {"parent": made.get("name"), "pageSize": 1}).get("deliveries", [])
    if deliveries:
        r.call(f"{s}/GetDelivery", {"name": deliveries[0]["name"]})
        r.call(
            f"{s}/ResolveDelivery",
            {"name": deliveries[0]["name"], "decision": "DELIVERY_DECISION_DISCARD"},
            refused=True,
        )
    r.call(f"{s}/ListDeadLetters", {})
    r.call(
        f"{s}/ResolveDeadLetters",
        {"campaign": made.get("name"), "state": "DELIVERY_STATE_FAILED", "decision": "DELIVERY_DECISION_DISCARD"},
    )
    r.call(f"{s}/CancelCampaign", dict(one))
    r.call(f"{s}/LaunchCampaign", {**one}, refused=True)
    endpoint = r.call(
        f"{s}/CreateWebhookEndpoint",
        {
            "endpoint": {
                "unit": k["province"],
                "url": "https://tiep-nhan.hatinh.example/cdt",
                "displayName": "Hệ thống của tỉnh",
            }
        },
    )
    hide_secret(r, s)
    r.call(f"{s}/ListWebhookEndpoints", {})
    r.call(f"{s}/DeleteWebhookEndpoint", {"name": endpoint.get("endpoint", {}).get("name")})
    rule = r.call(
        f"{s}/CreateRule",
        {
            "rule": {
                "name": "rules/sap-den-han",
                "kind": "RULE_KIND_REPORT_DUE_SOON",
                "unit": k["province"],
                "enabled": False,
                "days": 3,
                "sendAt": "08:00",
                "template": "templates/report-reminder",
                "language": "LANGUAGE_VI",
                "channels": ["CHANNEL_KIND_EMAIL"],
                "topic": "reports",
            }
        },
    ).get("rule", {})
    r.call(f"{s}/ListRules", {})
    if rule:
        r.call(f"{s}/UpdateRule", {"rule": {**{n: v for n, v in rule.items() if n != "lastRunTime"}, "days": 2}})
        r.call(f"{s}/DeleteRule", {"name": rule["name"]})
    point = r.call(f"{s}/CreateFocalPoint", {"focalPoint": {"unit": k["province"], "person": k["person"]["name"]}}).get(
        "focalPoint", {}
    )
    r.call(f"{s}/ListFocalPoints", {"unit": k["province"]})
    r.call(f"{s}/DeleteFocalPoint", {"name": point.get("name")})
    r.call(f"{s}/SetOptOut", {"person": k["person"]["name"], "topic": "reports", "optedOut": True})
    r.call(f"{s}/ListOptOuts", {"person": k["person"]["name"]})
    group = r.call(
        f"{s}/CreateGroup",
        {
            "group": {
                "unit": k["province"],
                "displayName": "Đầu mối Hà Tĩnh",
                "account": "oa-tinh",
                "zaloGroupId": "f414c8f76fa586fbdfb4",
                "purpose": "dau-moi",
                "size": 120,
            }
        },
    ).get("group", {})
    r.call(f"{s}/ListGroups", {"unit": k["province"]})
    if group:
        r.call(f"{s}/UpdateGroup", {"group": {**group, "size": 125}})
        r.call(f"{s}/DeleteGroup", {"name": group["name"]})
    record_articles(r, s, k)
    r.call(f"{s}/ListTickets", {})
    r.call(
        f"{s}/AnswerTicket",
        {"name": "tickets/0192d3a4-5b6c-7def-8123-456789abcdef", "answer": "Đã tiếp nhận"},
        refused=True,
    )


def record_articles(r, s, k):
    article = {
        "kind": "ARTICLE_KIND_GUIDE",
        "unit": k["province"],
        "title": "Cài đặt ứng dụng định danh điện tử",
        "text": "Ba bước: tải ứng dụng, quét thẻ căn cước, xác nhận tại công an xã.",
        "url": "https://huong-dan.hatinh.example/vneid",
        "subjects": ["vneid"],
        "language": "LANGUAGE_VI",
    }
    made = r.call(f"{s}/CreateArticle", {"article": article}).get("article", {})
    own = {"name": made.get("name"), "etag": made.get("etag")}
    r.call(f"{s}/UpdateArticle", {"article": {**article, **own, "subjects": ["vneid", "dinh-danh"]}})
    r.call(f"{s}/GetArticle", {"name": made.get("name")})
    r.call(f"{s}/ListArticles", {"subject": "vneid"})
    audience = {"unit": k["province"], "treeDate": "2024-10-31", "roles": ["MEMBER_ROLE_LEADER"]}
    published = r.call(
        f"{s}/PublishArticle",
        {"name": made.get("name"), "audience": audience, "channels": ["CHANNEL_KIND_EMAIL"], "acknowledge": True},
    ).get("campaign", {})
    sent = r.call(f"{s}/ListDeliveries", {"parent": published.get("name"), "pageSize": 1}, keep=False)
    for delivery in sent.get("deliveries", []):
        r.call(f"{s}/AcknowledgeDelivery", {"name": delivery["name"]}, refused=True)


def hide_secret(r, service):
    """A secret is not an example, though it opens nothing any more."""
    for call in r.recorded.get(service, {}).get("CreateWebhookEndpoint", []):
        for reply in call["replies"]:
            for name in reply:
                if "ecret" in name:
                    reply[name] = "…"
