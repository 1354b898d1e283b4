"""Submits a month of reports out of a CSV file that has one row for each member.

The obligations say who owes a report: a member, or a team as a whole, whose members' rows are then added. Each is sent
under an operation id made from its obligation. So run again, also after it was killed, it does nothing twice.
Needs the generated messages on PYTHONPATH: examples/README.md says how to make them.
"""

import argparse
import calendar
import collections
import csv
import os
import pathlib
import random
import sys
import time

import grpc
from cdt.activity.v1 import activity_reporting_service_pb2 as api, activity_reporting_service_pb2_grpc, report_pb2
from cdt.common.v1 import common_pb2
from cdt.registry.v1 import import_service_pb2, import_service_pb2_grpc, registry_service_pb2_grpc, units_pb2
from google.rpc import error_details_pb2 as rpc
from grpc_status import rpc_status

# Columns, in the order of the contract's five skills from 1 on.
SKILLS = ["public_services", "online_shopping", "online_payment", "online_safety", "other_platforms"]
# Worth another try: the service is away or busy, or it is not known whether it has stored what was sent. Only because the
# operation id makes the second time harmless may the last two be tried again.
AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED,
         grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNKNOWN}


def details(error, kind):
    """The details of a kind that an error carries."""
    status = rpc_status.from_call(error)
    return [kind.FromString(d.value) for d in (status.details if status else ()) if d.Is(kind.DESCRIPTOR)]


def explain(error):
    """What an error tells: its reason, every field at fault, and the same in Vietnamese."""
    lines = [f"{error.code().name}: {error.details()}"]
    lines += [f"  reason {i.reason} ({i.domain}) {dict(i.metadata) or ''}" for i in details(error, rpc.ErrorInfo)]
    lines += [f"  field {v.field}: {v.description}"
              for b in details(error, rpc.BadRequest) for v in b.field_violations]
    lines += [f"  {v.type} {v.subject}: {v.description}"
              for p in details(error, rpc.PreconditionFailure) for v in p.violations]
    return "\n".join(lines + [f"  {t.locale}: {t.message}" for t in details(error, rpc.LocalizedMessage)])


def connect(address, a):
    """A channel, and a way to make a call on it until it is answered or there is no hope."""
    channel = grpc.insecure_channel(address) if not a.authorities else grpc.secure_channel(
        address, grpc.ssl_channel_credentials(pathlib.Path(a.authorities).read_bytes()))

    def call(method, request, attempts=8):
        for attempt in range(1, attempts + 1):
            token = pathlib.Path(a.token_file).read_text().strip() if a.token_file else ""
            try:
                answer = method(request, timeout=60, metadata=[("authorization", f"Bearer {token}")] if token else [])
                return answer if hasattr(answer, "DESCRIPTOR") else list(answer)
            except grpc.RpcError as error:
                if error.code() not in AGAIN or attempt == attempts:
                    raise
                asked = [i.retry_delay.ToTimedelta().total_seconds() for i in details(error, rpc.RetryInfo)]
                wait = asked[0] if asked else random.uniform(0.1, min(20, 0.2 * 2 ** attempt))
                print(f"{error.code().name}: again in {wait:.1f} s", file=sys.stderr)
                time.sleep(wait)

    return channel, call


def submission(obligation, rows, a):
    """The report of a member, or of a team: then its members' rows are added."""
    made = report_pb2.Report(team=obligation.team, person=obligation.person, period=a.month,
                             source=report_pb2.REPORT_SOURCE_IMPORT, declared_on=min(r["submitted_on"] for r in rows))
    for skill, column in enumerate(SKILLS, 1):
        if count := sum(int(row[column]) for row in rows):
            made.activities.add(skill=skill, beneficiary=report_pb2.BENEFICIARY_KIND_RESIDENT, count=count,
                                channel=report_pb2.ACTIVITY_CHANNEL_HOME_VISIT,
                                platform=a.platform if skill == report_pb2.SKILL_LOCAL_PLATFORM else "")
    for code, column in (("group_sessions", "sessions"), ("households_visited", "households")):
        made.counters.add(code=code, kind=report_pb2.COUNTER_KIND_FLOW, value=sum(int(row[column]) for row in rows),
                          qualifier=common_pb2.QUALIFIER_EXACT)
    return report_pb2.ReportSubmission(operation_id=f"{a.source}:{obligation.name}", report=made)


def main(a):
    with open(a.file, encoding="utf-8-sig", newline="") as lines:
        rows = {row["member_id"]: row for row in csv.DictReader(lines) if row["submitted_on"]}
    (registry, ask_registry), (activity, ask) = connect(a.registry, a), connect(a.activity, a)
    service = activity_reporting_service_pb2_grpc.ActivityReportingServiceStub(activity)

    # A code means something only together with a date: here the month's last day.
    day = f"{a.month}-{calendar.monthrange(*map(int, a.month.split('-')))[1]}"
    unit = ask_registry(registry_service_pb2_grpc.RegistryServiceStub(registry).ResolveUnitCode,
                        units_pb2.ResolveUnitCodeRequest(code=a.unit, date=day)).unit.name
    members = {}  # the rows by team and by (team, person), as the suite names them
    for part in ask_registry(import_service_pb2_grpc.ImportServiceStub(registry).ExportMembers,
                             import_service_pb2.ExportMembersRequest(unit=unit, date=day, source_system=a.source)):
        for row, name, person in zip(part.rows, part.names, part.people):
            if row.external_id in rows:
                team = name.split("/memberships/")[0]
                members.setdefault((team, ""), []).append(rows[row.external_id])
                members.setdefault((team, person), []).append(rows[row.external_id])

    counts, page = collections.Counter(), None
    while page is None or page.next_page_token:
        page = ask(service.ListObligations, api.ListObligationsRequest(
            period=a.month, unit=unit, page_size=500, page_token=page.next_page_token if page else ""))
        due = [o for o in page.obligations if (o.team, o.person) in members]
        answer = ask(service.SyncReports, api.SyncReportsRequest(
            submissions=[submission(o, members[o.team, o.person], a) for o in due]))
        for verdict in answer.verdicts:
            outcome = report_pb2.SubmitOutcome.Name(verdict.outcome)[15:]
            counts[outcome] += 1
            for problem in verdict.problems:
                print(verdict.operation_id, outcome, problem.reason, problem.field, problem.description, sep="\t")
    print(*(f"{outcome} {count}" for outcome, count in sorted(counts.items())))
    return 1 if counts.keys() - {"APPLIED", "DUPLICATE"} else 0


options = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="Exit codes: 0 all reports are there; "
                                  "1 some or all were refused; 2 usage; 75 try again later.")
options.add_argument("file", help="reports of one month")
options.add_argument("--month", required=True, help="YYYY-MM")
options.add_argument("--unit", required=True, help="national code of the unit, as on the month's last day")
options.add_argument("--source", required=True, help="name of your system, as when the members were imported")
options.add_argument("--platform", default="local", help="what the column other_platforms counts")
options.add_argument("--registry", default=os.environ.get("CDT_REGISTRY", "127.0.0.1:50051"), help="CDT_REGISTRY")
options.add_argument("--activity", default=os.environ.get("CDT_ACTIVITY", "127.0.0.1:50052"), help="CDT_ACTIVITY")
options.add_argument("--token-file", default=os.environ.get("CDT_TOKEN_FILE"), help="CDT_TOKEN_FILE")
options.add_argument("--authorities", default=os.environ.get("CDT_AUTHORITIES"), help="PEM, for TLS; CDT_AUTHORITIES")
try:
    sys.exit(main(options.parse_args()))
except grpc.RpcError as failure:
    print(explain(failure), file=sys.stderr)
    sys.exit(75 if failure.code() in AGAIN else 1)
