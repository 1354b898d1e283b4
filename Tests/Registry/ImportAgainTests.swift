import Foundation
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Registry

/// Imports that break, come again, or contradict what is stored.
@Suite(.onBothEngines) struct ImportAgainTests {
    let registry: RunningRegistry
    init() async throws { registry = try await RunningRegistry.shared.value }

    private typealias Row = Cdt_Registry_V1_ImportRow

    /// A commune's team, hamlets' teams and their members, some rows of them bad.
    private func rows(_ commune: String, seed: UInt64) -> [Row] {
        var random = SeededGenerator(seed: seed)
        var rows: [Row] = [teamRow(1, "c", commune: commune)]
        for team in 0..<8 {
            rows.append(teamRow(Int64(rows.count + 1), "t\(team)", commune: commune, hamlet: "Thôn \(team)"))
            for seat in 0..<5 {
                let isBad = Int.random(in: 0..<9, using: &random) == 0
                rows.append(
                    memberRow(Int64(rows.count + 1), "t\(team)-\(seat)", team: "t\(team)") {
                        $0.fullName = isBad ? "" : "Lò Văn \(["An", "Bình", "Chi", "Dũng", "Em"][seat])"
                        $0.phones = []
                    })
            }
        }
        return rows
    }

    /// What an import has left: the state without ids and times, and how often each thing was written.
    private func picture(_ source: String, batch: String) async throws -> [String] {
        try await registry.service.context.database.readPooled { tx in
            let queries = [
                """
                SELECT 'team', t.external_id, t.name, s.status, s.valid_from, s.valid_to, t.import_row, t.version
                FROM team t JOIN team_stretch s ON s.team_id = t.id WHERE t.source_system = ?
                """,
                """
                SELECT 'member', m.external_id, t.external_id, m.role, m.valid_from, m.valid_to, m.import_row, m.version
                FROM membership m JOIN team t ON t.id = m.team_id WHERE m.source_system = ?
                """,
                "SELECT 'person', external_id, full_name, sex, folded, email, occupation, version FROM person WHERE source_system = ?",
            ]
            var lines = try queries.flatMap { sql in
                try tx.query(sql, [.text(source)]) { row in
                    try (0..<8).map { index in
                        try row.isNull(index)
                            ? "-" : (try? row.text(index)) ?? String(try row.int64(index))
                    }.joined(separator: " ")
                }
            }
            lines.append("audited \(try tx.count("SELECT count(*) FROM audit WHERE request_id = ?", [.text(batch)]))")
            return lines.sorted()
        }
    }

    /// Sends rows and breaks off after some verdicts; the batch.
    private func broken(_ rows: [Row], source: String, batch: String, after verdicts: Int, perMessage: Int) async throws
        -> String
    {
        let call = try await registry.imports.importRows()
        try await call.requests.send(
            .with {
                $0.header = .with {
                    $0.mode = .commit
                    $0.sourceSystem = source
                    $0.codeDate = "2024-10-15"
                    $0.batch = batch
                }
            })
        for start in stride(from: 0, to: rows.count, by: perMessage) {
            try await call.requests.send(
                .with { $0.rows.rows = Array(rows[start..<min(start + perMessage, rows.count)]) })
        }
        var name = ""
        var judged = 0
        for try await response in call.responses {
            if case .started(let started) = response.content { name = started.batch }
            if case .verdicts(let some) = response.content { judged += some.verdicts.count }
            // The stream goes in the middle of the rows: some that were sent are stored, and their verdicts lost.
            if !name.isEmpty, judged >= verdicts { break }
        }
        call.cancel()
        return name
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `broken at random rows and resumed, an import leaves what an unbroken one does`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let communes = [["29236", "29239"], ["29242", "29248"], ["29254", "29257"]][Int(seed) - 1]
        let rows = rows(communes[0], seed: seed)
        let whole = "whole-\(seed)-\(UUID().uuidString.lowercased())"
        let pieces = "pieces-\(seed)-\(UUID().uuidString.lowercased())"
        let unbroken = try await registry.importing(rows, source: whole)
        #expect(unbroken.summary.rejected > 0)

        // The same rows of another commune, for one hamlet has one team.
        let others = rows.map { row in
            var row = row
            if case .team(var team) = row.row {
                team.communeCode = communes[1]
                row.team = team
            }
            return row
        }
        var batch = ""
        for _ in 0..<4 {
            batch = try await broken(
                others, source: pieces, batch: batch, after: Int.random(in: 0..<others.count, using: &random),
                perMessage: Int.random(in: 1...9, using: &random))
        }
        let resumed = try await registry.importing(others, source: pieces, batch: batch)
        #expect(resumed.started.batch == batch)
        #expect(
            try await picture(pieces, batch: batch) == picture(whole, batch: unbroken.started.batch))
        // What was bad is told for the whole of it.
        func problems(_ batch: String) async throws -> [Int64] {
            try await registry.imports.listImportProblems(
                .with {
                    $0.parent = batch
                    $0.pageSize = 1000
                }
            ).verdicts.map(\.rowNumber)
        }
        #expect(try await problems(batch) == problems(unbroken.started.batch))

        let again = try await registry.importing(others, source: pieces)
        #expect(zip(again.outcomes, unbroken.outcomes).allSatisfy { $0 == ($1 == .rejected ? .rejected : .unchanged) })
        #expect(again.summary.accepted == 0)
    }

    @Test func `rows that contradict what is stored have reasons of their own, and VALIDATE says the same`()
        async throws
    {
        let source = "contradict-\(UUID().uuidString.lowercased())"
        func hamlet(_ number: Int64, _ id: String, _ name: String, _ commune: String) -> Row {
            .with {
                $0.rowNumber = number
                $0.hamlet = .with {
                    $0.externalID = id
                    $0.displayName = name
                    $0.communeCode = commune
                }
            }
        }
        let first: [Row] = [
            hamlet(1, "h1", "Bản Một", "29269"), hamlet(2, "h2", "Bản Hai", "29269"),
            teamRow(3, "k", commune: "29269"),
            teamRow(4, "old", commune: "29269", hamlet: "Bản Cũ") { $0.dissolved = "2024-01-31" },
            teamRow(5, "full", commune: "29269", hamlet: "Bản Đầy"),
            memberRow(6, "gone", team: "k") { $0.phones = [] },
            memberRow(7, "void", team: "k") { $0.phones = [] },
            memberRow(8, "seat", team: "full") { $0.phones = [] },
            teamRow(9, "stopped", commune: "29269", hamlet: "Bản Nghỉ"),
        ]
        #expect(try await registry.importing(first, source: source).summary.rejected == 0)
        try await prepare(source)

        let bad: [(String, Row)] = [
            ("LEVEL_CHANGED", teamRow(20, "k", commune: "29269", hamlet: "Bản Một")),
            (
                "HISTORY_DIFFERS",
                teamRow(21, "stopped", commune: "29269", hamlet: "Bản Nghỉ", established: "2023-05-01")
            ),
            ("HAMLET_EXISTS", hamlet(22, "h9", "Bản Một", "29269")),
            ("EXTERNAL_ID_TAKEN", hamlet(23, "h2", "Bản Hai", "29272")),
            ("TEAM_NOT_RUNNING", memberRow(24, "late", team: "old") { $0.from = "2024-03-01" }),
            ("MEMBERSHIP_VOID", memberRow(25, "void", team: "k") { $0.fullName = "Lò Văn Chi" }),
            ("PERSON_ERASED", memberRow(26, "back", team: "full") { $0.personExternalID = "gone" }),
            ("CAPACITY_EXCEEDED", memberRow(27, "next", team: "full") { $0.phones = [] }),
            ("UNKNOWN_VALUE", memberRow(28, "sex", team: "k") { $0.sex = .UNRECOGNIZED(7) }),
            ("UNKNOWN_VALUE", memberRow(29, "work", team: "k") { $0.occupation = .UNRECOGNIZED(99) }),
            ("UNKNOWN_VALUE", memberRow(30, "role", team: "k") { $0.role = .UNRECOGNIZED(9) }),
            (
                "DATES_REVERSED",
                teamRow(31, "paper", commune: "29269", hamlet: "Bản Giấy") {
                    $0.decision.effectiveFrom = "2024-02-01"
                    $0.decision.effectiveTo = "2024-01-01"
                }
            ),
            ("FIELD_MISSING", hamlet(32, "h7", "", "29269")),
        ]
        for mode in [Cdt_Common_V1_ImportMode.validate, .commit] {
            let outcome = try await registry.importing(bad.map(\.1), mode: mode, source: source)
            for (verdict, (reason, _)) in zip(outcome.verdicts, bad) {
                #expect(verdict.outcome == .rejected, "row \(verdict.rowNumber)")
                #expect(verdict.problems.map(\.reason) == [reason], "row \(verdict.rowNumber)")
            }
        }
    }

    /// A void membership, an erased person, a suspended team and a full one.
    private func prepare(_ source: String) async throws {
        func key(_ id: String) -> Cdt_Registry_V1_SourceKey {
            .with {
                $0.sourceSystem = source
                $0.externalID = id
            }
        }
        func team(_ id: String) async throws -> Cdt_Registry_V1_Team {
            try await registry.registry.getTeam(
                .with {
                    $0.source = key(id)
                    $0.date = "2024-10-15"
                }
            ).team
        }
        func membership(_ id: String) async throws -> String {
            try await registry.registry.getMembership(.with { $0.source = key(id) }).membership.name
        }
        let void = try await membership("void")
        _ = try await registry.registry.voidMembership(
            .with {
                $0.name = void
                $0.reason = "ghi nhầm"
            })
        let leaving = try await membership("gone")
        _ = try await registry.registry.endMembership(
            .with {
                $0.name = leaving
                $0.to = "2024-06-30"
            })
        let person = try await registry.registry.getPerson(.with { $0.source = key("gone") }).person.name
        _ = try await registry.people.erasePerson(.with { $0.name = person })
        let stopped = try await team("stopped").name
        _ = try await registry.registry.changeTeamStatus(
            .with {
                $0.name = stopped
                $0.status = .suspended
                $0.from = "2024-05-01"
            })
        let commune = try await registry.unit("29269", on: "2024-10-15")
        _ = try await registry.registry.createCapacityPolicy(
            .with {
                $0.policy.unit = commune
                $0.policy.level = .hamlet
                $0.policy.limit = 1
                $0.policy.mode = .enforce
                $0.policy.from = "2022-01-01"
            })
    }
}
