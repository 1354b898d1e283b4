import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

@Suite(.onBothEngines) struct ImportTests {
    let registry: RunningRegistry
    init() async throws { registry = try await RunningRegistry.shared.value }

    /// A commune team and two hamlet teams with members.
    private func rows(prefix: String = "", commune: String = "03154") -> [Cdt_Registry_V1_ImportRow] {
        var rows = [
            teamRow(1, "\(prefix)t0", commune: commune),
            teamRow(2, "\(prefix)t1", commune: commune, hamlet: "Bản \(prefix)Một"),
            teamRow(3, "\(prefix)t2", commune: commune, hamlet: "Bản \(prefix)Hai"),
        ]
        for (index, team) in ["t0", "t1", "t2"].enumerated() {
            for seat in 0..<4 {
                rows.append(
                    memberRow(
                        Int64(rows.count + 1), "\(prefix)\(team)-\(seat)", team: "\(prefix)\(team)",
                        role: seat == 0 ? .leader : .member
                    ) { $0.phones = ["09920\(10_000 + index * 10 + seat)"] })
            }
        }
        return rows
    }

    @Test func `an import is validated, stored, and unchanged the second time`() async throws {
        let rows = rows()
        let validated = try await registry.importing(rows, mode: .validate, source: "test-twice")
        #expect(validated.started.batch.isEmpty)
        #expect(validated.summary.accepted == 15)
        let nothing = await registry.failure {
            _ = try await registry.registry.getTeam(
                .with {
                    $0.source = .with {
                        $0.sourceSystem = "test-twice"
                        $0.externalID = "t0"
                    }
                })
        }
        #expect(nothing.reason == "TEAM_NOT_FOUND")

        let first = try await registry.importing(rows, source: "test-twice")
        #expect(first.outcomes == validated.outcomes)
        #expect(first.reasons == validated.reasons)
        #expect(first.verdicts.map(\.rowNumber) == rows.map(\.rowNumber))
        #expect(first.summary.accepted == 15)

        for mode in [Cdt_Common_V1_ImportMode.commit, .validate] {
            let again = try await registry.importing(rows, mode: mode, source: "test-twice")
            #expect(again.outcomes == rows.map { _ in .unchanged })
            #expect(again.verdicts.map(\.name) == first.verdicts.map(\.name))
        }
        let report = try await registry.imports.getImportBatch(.with { $0.name = first.started.batch }).batch
        #expect(report.complete)
        #expect(report.lastRow == 15)
        #expect(report.summary == first.summary)

        let team = try await registry.registry.getTeam(
            .with {
                $0.source = .with {
                    $0.sourceSystem = "test-twice"
                    $0.externalID = "t1"
                }
                $0.date = "2024-10-15"
            })
        #expect(team.team.status == .active)
        #expect(team.team.flags.isEmpty)
        #expect(team.team.decision.number == "01/QĐ-UBND")
        let members = try await registry.registry.listMemberships(
            .with {
                $0.parent = team.team.name
                $0.date = "2024-10-15"
                $0.includePeople = true
            })
        #expect(members.memberships.count == 4)
        #expect(members.people.count == 4)
        #expect(members.memberships.allSatisfy { $0.from == "2023-03-15" && $0.to.isEmpty })
    }

    @Test func `a broken import is resumed, and no row is stored twice`() async throws {
        let rows = rows(prefix: "r", commune: "00859")
        let call = try await registry.imports.importRows()
        try await call.requests.send(
            .with {
                $0.header = .with {
                    $0.mode = .commit
                    $0.sourceSystem = "test-resume"
                    $0.codeDate = "2024-10-15"
                }
            })
        try await call.requests.send(.with { $0.rows.rows = Array(rows[..<6]) })
        var batch = ""
        for try await response in call.responses {
            if case .started(let started) = response.content { batch = started.batch }
            if case .verdicts = response.content { break }
        }
        call.cancel()

        let report = try await registry.imports.getImportBatch(.with { $0.name = batch }).batch
        #expect(!report.complete)
        #expect(report.lastRow == 6)
        let rest = try await registry.importing(rows, source: "test-resume", batch: batch)
        #expect(rest.started.resumeAfterRow == 6)
        #expect(rest.outcomes == (0..<15).map { $0 < 6 ? .unchanged : .accepted })
        let count = try await count("test-resume")
        #expect(count == 12)
        let other = await registry.failure {
            _ = try await registry.importing([], source: "test-other", batch: batch)
        }
        #expect(other.reason == "BATCH_MISMATCH")
    }

    private func count(_ source: String) async throws -> Int {
        try await registry.service.context.database.readPooled {
            try $0.count("SELECT count(*) FROM membership WHERE source_system = ?", [.text(source)])
        }
    }

    @Test func `every kind of bad row has its own reason, and VALIDATE says the same`() async throws {
        typealias Row = Cdt_Registry_V1_ImportRow
        let good: [Row] = [
            teamRow(1, "g0", commune: "03155"), teamRow(2, "g1", commune: "03155", hamlet: "Bản Tốt"),
            memberRow(3, "m1", team: "g0", role: .leader), memberRow(4, "m2", team: "g1"),
        ]
        let bad: [(String, Row)] = [
            ("ROW_EMPTY", .with { $0.rowNumber = 10 }),
            ("FIELD_MISSING", teamRow(12, "b12", commune: "03155", hamlet: "Bản A") { $0.level = .unspecified }),
            ("FIELD_MISSING", teamRow(13, "b13", commune: "03155", hamlet: "Bản A") { $0.displayName = " " }),
            ("INVALID_CODE", teamRow(14, "b14", commune: "3155")),
            ("CODE_UNKNOWN", teamRow(15, "b15", commune: "99999")),
            ("CODE_NOT_IN_FORCE", teamRow(16, "b16", commune: "05764")),
            ("PROVINCE_MISMATCH", teamRow(17, "b17", commune: "03155", hamlet: "Bản A") { $0.provinceCode = "12" }),
            ("HAMLET_MISSING", teamRow(18, "b18", commune: "03155") { $0.level = .hamlet }),
            ("HAMLET_NOT_ALLOWED", teamRow(19, "b19", commune: "03155", hamlet: "Bản A") { $0.level = .commune }),
            ("INVALID_DATE", teamRow(20, "b20", commune: "03155", hamlet: "Bản A", established: "2023-02-30")),
            ("FIELD_MISSING", teamRow(21, "b21", commune: "03155", hamlet: "Bản A", established: "")),
            ("DATES_REVERSED", teamRow(22, "b22", commune: "03155", hamlet: "Bản A") { $0.dissolved = "2022-01-01" }),
            ("UNIT_HAS_ACTIVE_TEAM", teamRow(23, "b23", commune: "03155")),
            ("UNIT_HAS_ACTIVE_TEAM", teamRow(24, "b24", commune: "03155", hamlet: "bản  tốt")),
            ("EXTERNAL_ID_REPEATED", teamRow(25, "g0", commune: "03155") { $0.displayName = "Khác" }),
            ("TEXT_TOO_LONG", teamRow(26, "b26", commune: "03155", hamlet: String(repeating: "x", count: 201))),
            ("UNKNOWN_VALUE", teamRow(27, "b27", commune: "03155", hamlet: "Bản A") { $0.level = .UNRECOGNIZED(9) }),
            ("TEAM_NOT_FOUND", memberRow(30, "c30", team: "none")),
            ("FIELD_MISSING", memberRow(31, "c31", team: "")),
            ("FIELD_MISSING", memberRow(32, "c32", team: "g0") { $0.role = .unspecified }),
            ("FIELD_MISSING", memberRow(33, "c33", team: "g0") { $0.fullName = "" }),
            ("TEXT_NOT_ALLOWED", memberRow(34, "c34", team: "g0") { $0.fullName = "Lò 7" }),
            ("INVALID_BIRTH", memberRow(35, "c35", team: "g0") { $0.birth = "19x8" }),
            ("INVALID_PHONE", memberRow(36, "c36", team: "g0") { $0.phones = ["12"] }),
            ("INVALID_EMAIL", memberRow(37, "c37", team: "g0") { $0.email = "a@b" }),
            ("INVALID_DATE", memberRow(38, "c38", team: "g0") { $0.from = "15/3/2023" }),
            ("DATES_REVERSED", memberRow(39, "c39", team: "g0") { $0.to = "2023-03-14" }),
            ("BEFORE_TEAM", memberRow(40, "c40", team: "g0") { $0.from = "2023-03-14" }),
            ("TEAM_HAS_LEADER", memberRow(41, "c41", team: "g0", role: .leader)),
            ("ALREADY_MEMBER", memberRow(42, "c42", team: "g0") { $0.personExternalID = "m1" }),
            ("ALREADY_IN_TEAM_OF_LEVEL", memberRow(44, "c44", team: "g2") { $0.personExternalID = "m2" }),
        ]
        var rows = good + bad.map(\.1)
        rows.insert(teamRow(43, "g2", commune: "03155", hamlet: "Bản Hai"), at: rows.firstIndex { $0.rowNumber == 44 }!)
        let expected = rows.map { row in bad.first { $0.1.rowNumber == row.rowNumber }.map { [$0.0] } ?? [] }

        let validated = try await registry.importing(rows, mode: .validate, source: "test-bad")
        let stored = try await registry.importing(rows, source: "test-bad")
        for outcome in [validated, stored] {
            for (verdict, reasons) in zip(outcome.verdicts, expected) {
                #expect(verdict.problems.map(\.reason) == reasons, "row \(verdict.rowNumber)")
                #expect(verdict.outcome == (reasons.isEmpty ? .accepted : .rejected), "row \(verdict.rowNumber)")
                #expect(
                    verdict.problems.allSatisfy {
                        !$0.field.isEmpty && !$0.description_p.contains("?") && !$0.descriptionVi.isEmpty
                    })
            }
            #expect(outcome.summary.rejected == Int64(bad.count))
        }
        // What was rejected left nothing behind, and can be read later.
        let problems = try await registry.imports.listImportProblems(
            .with {
                $0.parent = stored.started.batch
                $0.pageSize = 1000
            })
        #expect(problems.verdicts.map(\.rowNumber) == bad.map(\.1.rowNumber))
    }

    @Test func `a row tells everything that is wrong with it`() async throws {
        let row = memberRow(1, "x", team: "none", role: .unspecified) {
            $0.fullName = ""
            $0.birth = "1800"
        }
        let outcome = try await registry.importing([row], mode: .validate, source: "test-all")
        #expect(Set(outcome.reasons[0]) == ["FIELD_MISSING", "INVALID_BIRTH", "TEAM_NOT_FOUND"])
        #expect(outcome.verdicts[0].problems.count == 4)
    }

    @Test func `changed rows change what is stored`() async throws {
        let rows = [
            teamRow(1, "c0", commune: "03148"), memberRow(2, "cm", team: "c0", role: .leader),
        ]
        _ = try await registry.importing(rows, source: "test-change")
        let changed = [
            teamRow(1, "c0", commune: "03148") { $0.displayName = "Tổ mới" },
            memberRow(2, "cm", team: "c0", role: .deputy) {
                $0.phones = ["0992999999"]
                $0.occupation = .police
            },
        ]
        let outcome = try await registry.importing(changed, source: "test-change")
        #expect(outcome.outcomes == [.accepted, .accepted])
        let team = try await registry.registry.getTeam(
            .with {
                $0.source = .with {
                    $0.sourceSystem = "test-change"
                    $0.externalID = "c0"
                }
            }
        ).team
        #expect(team.displayName == "Tổ mới")
        #expect(team.flags.contains("NEEDS_LEADER"))
        let person = try await registry.registry.getPerson(
            .with {
                $0.source = .with {
                    $0.sourceSystem = "test-change"
                    $0.externalID = "cm"
                }
            }
        ).person
        #expect(person.phones == ["0992999999"])
        #expect(person.occupation == .police)
        let moved = try await registry.importing(
            [teamRow(1, "c1", commune: "00919"), memberRow(2, "cm", team: "c1")], mode: .validate, source: "test-change"
        )
        #expect(moved.reasons == [[], ["TEAM_CHANGED"]])
        let again = try await registry.importing(changed, source: "test-change")
        #expect(again.outcomes == [.unchanged, .unchanged])
    }

    @Test func `teams follow the reorganisation: followed, presumed, or waiting for a person`() async throws {
        let rows = [
            teamRow(1, "f1", commune: "03124"),  // merged as a whole
            teamRow(2, "f2", commune: "00019"),  // divided into four
            teamRow(3, "f3", commune: "00010"),  // ended on 31/12/2024, no successor recorded
            teamRow(4, "f4", commune: "02608"),  // exists since 1/9/2024 only, under another name before
            teamRow(5, "f5", commune: "03139"),  // merged with the first
        ]
        let outcome = try await registry.importing(rows, source: "test-follow")
        #expect(
            outcome.reasons == [[], ["NEEDS_PLACEMENT"], ["NEEDS_PLACEMENT"], ["PLACE_UNKNOWN_BEFORE"], []])
        func team(_ id: String, _ day: String) async throws -> Cdt_Registry_V1_Team {
            try await registry.registry.getTeam(
                .with {
                    $0.source = .with {
                        $0.sourceSystem = "test-follow"
                        $0.externalID = id
                    }
                    $0.date = day
                }
            ).team
        }
        let merged = try await registry.unit("03334", on: "2025-07-01")
        #expect(try await team("f1", "2025-06-30").unit == registry.unit("03124", on: "2025-06-30"))
        #expect(try await team("f1", "2025-07-01").unit == merged)
        #expect(try await team("f5", "2025-07-01").unit == merged)
        #expect(try await team("f5", "2025-07-01").flags.contains("NEEDS_CONSOLIDATION"))
        #expect(try await !team("f5", "2025-06-30").flags.contains("NEEDS_CONSOLIDATION"))
        #expect(try await team("f2", "2025-07-01").unit == registry.unit("00004", on: "2025-07-01"))
        #expect(try await team("f2", "2025-07-01").flags.contains("NEEDS_PLACEMENT"))
        #expect(try await team("f3", "2025-01-01").unit.isEmpty)
        // "Its figures stay with the parent then in force": the commune is told as its place all the same, to those who
        // count too; and also when the team was established after the commune's end.
        let ended = try await registry.unit("00010", on: "2024-10-15")
        #expect(try await team("f3", "2025-01-01").placements.map { "\($0.unit) \($0.to)" } == ["\(ended) "])
        let late = try await registry.importing(
            [teamRow(1, "f6", commune: "00010", established: "2025-03-01")], source: "test-follow")
        #expect(late.reasons == [["NEEDS_PLACEMENT"]])
        let told = try await placesTold(late.verdicts.map(\.name))
        #expect(told == ["\(ended) 2025-03-01 "])
        // Listed for a person under what was its parent then: Hà Nội.
        let hanoi = try await registry.unit("01", on: "2026-01-01")
        let waiting = try await registry.registry.listTeams(
            .with {
                $0.unit = hanoi
                $0.date = "2026-01-01"
                $0.flag = "NEEDS_PLACEMENT"
            })
        #expect(Set(waiting.teams.map(\.externalID)).isSuperset(of: ["f2", "f3"]))
        // Today's unit, and the past of the territory now in it.
        let past = try await registry.registry.listTeams(
            .with {
                $0.unit = merged
                $0.date = "2024-10-15"
                $0.treeDate = "2026-01-01"
                $0.level = .commune
            })
        #expect(Set(past.teams.map(\.externalID)).isSuperset(of: ["f1", "f5"]))
    }

    /// The places that the feed tells last of some teams.
    private func placesTold(_ teams: [String]) async throws -> [String] {
        let call = try await registry.feed.follow(.with { $0.topic = "registry.facts" })
        defer { call.cancel() }
        var told: [String: [String]] = [:]
        for try await response in call.responses {
            for event in response.events where teams.contains(event.aggregate) {
                let fact = try Cdt_Registry_V1_TeamFact(unpackingAny: event.payload)
                told[event.aggregate] = fact.placements.map { "\($0.unit) \($0.from) \($0.to)" }
            }
            if response.caughtUp { break }
        }
        return teams.flatMap { told[$0] ?? [] }
    }

    @Test func `what the header or the order of messages gets wrong ends the call`() async throws {
        func reason(_ requests: [Cdt_Registry_V1_ImportRowsRequest]) async -> String {
            await registry.failure {
                let call = try await registry.imports.importRows()
                for request in requests { try await call.requests.send(request) }
                call.requests.finish()
                for try await _ in call.responses {}
            }.reason
        }
        typealias Request = Cdt_Registry_V1_ImportRowsRequest
        let header = Request.with {
            $0.header = .with {
                $0.mode = .validate
                $0.sourceSystem = "x"
            }
        }
        let row = Request.with { $0.rows.rows = [teamRow(5, "a", commune: "03154")] }
        #expect(await reason([row]) == "HEADER_MISSING")
        #expect(await reason([]) == "HEADER_MISSING")
        #expect(await reason([header, header]) == "HEADER_REPEATED")
        #expect(await reason([header, row, row]) == "ROW_NUMBER_NOT_RISING")
        #expect(await reason([.with { $0.header = .with { $0.sourceSystem = "x" } }]) == "INVALID_MODE")
        #expect(
            await reason([
                .with {
                    $0.header = .with {
                        $0.mode = .commit
                        $0.sourceSystem = "X Y"
                    }
                }
            ]) == "INVALID_SOURCE")
        let many = Request.with { $0.rows.rows = (1...2_001).map { teamRow($0, "a\($0)", commune: "03154") } }
        #expect(await reason([header, many]) == "TOO_MANY_ROWS")
        let batch = Request.with {
            $0.header = .with {
                $0.mode = .commit
                $0.sourceSystem = "x"
                $0.batch = "importBatches/01930000-0000-7000-8000-000000000000"
            }
        }
        #expect(await reason([batch]) == "BATCH_NOT_FOUND")
    }

    @Test func `an export gives the rows that an import takes`() async throws {
        let rows = [
            teamRow(1, "e0", commune: "03142"), teamRow(2, "e1", commune: "03142", hamlet: "Bản Xuất"),
            memberRow(3, "em", team: "e1", role: .leader),
        ]
        _ = try await registry.importing(rows, source: "test-export")
        let commune = try await registry.unit("03142", on: "2024-10-15")
        var teams: [Cdt_Registry_V1_TeamRow] = []
        for try await page in try await registry.imports.exportTeams(
            .with {
                $0.unit = commune
                $0.date = "2024-10-15"
            }
        )
        .responses { teams += page.rows }
        var members: [Cdt_Registry_V1_MemberRow] = []
        for try await page in try await registry.imports.exportMembers(
            .with {
                $0.unit = commune
                $0.date = "2024-10-15"
            }
        ).responses { members += page.rows }
        #expect(teams.map(\.communeCode) == ["03142", "03142"])
        #expect(Set(teams.map(\.provinceCode)) == ["11"])
        #expect(teams.map(\.externalID) == ["e0", "e1"])
        #expect(members.map(\.externalID) == ["em"])
        func people(of source: String) async throws -> [String] {
            var people: [String] = []
            let request = Cdt_Registry_V1_ExportMembersRequest.with {
                $0.unit = commune
                $0.date = "2024-10-15"
                $0.sourceSystem = source
            }
            for try await page in try await registry.imports.exportMembers(request).responses {
                #expect(page.people.count == page.rows.count && page.names.count == page.rows.count)
                people += page.people
            }
            return people
        }
        let person = try await registry.registry.getPerson(
            .with {
                $0.source.sourceSystem = "test-export"
                $0.source.externalID = "em"
            }
        ).person.name
        #expect(try await people(of: "") == [person])
        #expect(try await people(of: "test-export") == [person])
        #expect(try await people(of: "another").isEmpty)
        #expect(await registry.failure { _ = try await people(of: "Not A System") }.reason == "INVALID_SOURCE")
        let back = teams.enumerated().map { index, row in
            Cdt_Registry_V1_ImportRow.with {
                $0.rowNumber = Int64(index + 1)
                $0.team = row
            }
        }
        let outcome = try await registry.importing(back, mode: .validate, source: "test-export")
        #expect(outcome.summary.rejected == 0)
    }
}
