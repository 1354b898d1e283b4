import CommandLine
import Crypto
import Foundation
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Testing

@testable import Registry

/// "The 1/7/2025 reorganisation applied to a national data set dated 2024." The whole tree of the country moves here,
/// and teams in every province: all 93,524 with their members would take minutes in a debug build, so `./dev bench
/// registry` moves those, on both engines. Here it is SQLite alone, for the same reason.
@Suite struct NationalReorganisationTests {
    private let day = "2025-07-01"
    private let eve = "2025-06-30"
    private let patient = CallOptions(timeout: .seconds(900))
    @Test func `teams all over the country follow 1/7/2025, as previewed, and a revert gives back what was`()
        async throws
    {
        let registry = try await RunningRegistry.start()
        for day in ["2026-09-20", "2026-09-01", "2026-04-30", day] { _ = try await revert(registry, day) }
        let teams = try await load(registry)
        let before = try await digests(registry)
        let former = try await provinces(registry, on: eve)

        let shown = try await event(registry)
        let preview = try await registry.reorganisations.previewReorganisation(
            .with { $0.name = shown.name }, options: patient)
        #expect(preview.problems.isEmpty)
        // What is looked at changes nothing.
        #expect(try await digests(registry) == before)
        let applied = try await registry.reorganisations.applyReorganisation(
            .with { $0.name = shown.name }, options: patient)
        #expect(applied.effect == preview.effect)
        #expect(applied.effect.unitsEnded == 52 + 696 + 10_035)
        #expect(applied.effect.unitsCreated == 23 + 3_321)
        #expect(applied.effect.teams > 3_000)
        #expect(applied.effect.teams == applied.effect.moves.reduce(0) { $0 + $1.teams })
        #expect(applied.effect.needsPlacement > 0)
        let after = try await digests(registry)
        #expect(after != before)

        try await everythingIsInForce(registry)
        let now = try await provinces(registry, on: day)
        #expect(former.count == 63)
        #expect(now.count == 34)
        // Both dates answer, and none is lost between them.
        #expect(former.values.reduce(0, +) == teams)
        #expect(now.values.reduce(0, +) == teams)
        for (name, count) in now {
            let sources = try await registry.registry.listUnitSuccessions(.with { $0.name = name }).predecessors
                .filter { $0.effectiveOn == day }.map(\.source.name)
            // A province that was not merged is still itself.
            let sum = (sources.isEmpty ? [name] : sources).reduce(0) { $0 + (former[$1] ?? 0) }
            #expect(count == sum, "\(name)")
        }
        #expect(try await provinces(registry, on: eve) == former)

        let reverted = try await revert(registry, day)
        #expect(reverted.teams == applied.effect.teams)
        #expect(reverted.hamlets == applied.effect.hamlets)
        #expect(try await digests(registry) == before)
        await registry.stop()
    }

    // MARK: Parts

    private func event(_ registry: RunningRegistry, on day: String? = nil) async throws
        -> Cdt_Registry_V1_Reorganisation
    {
        let all = try await registry.reorganisations.listReorganisations(.init()).reorganisations
        return try #require(all.first { $0.effectiveOn == day ?? self.day })
    }

    private func revert(_ registry: RunningRegistry, _ day: String) async throws
        -> Cdt_Registry_V1_RevertReorganisationResponse
    {
        let name = try await event(registry, on: day).name
        return try await registry.reorganisations.revertReorganisation(.with { $0.name = name }, options: patient)
    }

    /// Imports the teams; how many.
    private func load(_ registry: RunningRegistry) async throws -> Int64 {
        let units = try UnitTables(directory: #require(UnitTables.defaultDirectory()))
        var rows: [Cdt_Registry_V1_ImportRow] = []
        var members: [Cdt_Registry_V1_ImportRow] = []
        let data = try NationalData(units: units, asOf: "2024-10-15")
        // Of every fourth commune its own team; of one province all teams, with their leaders. The others' hamlets and
        // members would only be made and thrown away.
        for commune in data.communes where commune.provinceCode != "02" && (Int(commune.code) ?? 0) % 4 == 0 {
            rows.append(
                teamRow(Int64(rows.count + 1), "\(commune.code)-000", commune: commune.code, established: "2022-05-01"))
        }
        data.forEachTeam(provinces: ["02"]) { team in
            rows.append(
                teamRow(
                    Int64(rows.count + 1), team.id, commune: team.communeCode, hamlet: team.hamlet,
                    established: team.established))
            for member in team.members.prefix(1) {
                members.append(
                    memberRow(0, member.id, team: team.id, role: member.role == .leader ? .leader : .member) {
                        $0.fullName = member.fullName
                        $0.phones = [member.phone]
                    })
            }
        }
        let teams = Int64(rows.count)
        for var row in members {
            row.rowNumber = Int64(rows.count + 1)
            rows.append(row)
        }
        let outcome = try await registry.importing(rows, source: "national", codeDate: "2024-10-15", perMessage: 1000)
        #expect(outcome.summary.rejected == 0)
        return teams
    }

    /// Teams under each province in force on a day.
    private func provinces(_ registry: RunningRegistry, on day: String) async throws -> [String: Int64] {
        let units = try await registry.registry.listUnits(
            .with {
                $0.level = .province
                $0.date = day
                $0.pageSize = 100
            }
        ).units
        var counts: [String: Int64] = [:]
        for unit in units {
            let answer = try await registry.registry.countTeams(
                .with {
                    $0.unit = unit.name
                    $0.date = day
                }, options: patient)
            counts[unit.name] = answer.communeTeams + answer.hamletTeams
        }
        return counts
    }

    /// Every team lies in a commune in force; only those whose commune had ended before, without a successor, wait for
    /// a person, and count under what became of its province.
    private func everythingIsInForce(_ registry: RunningRegistry) async throws {
        let day = try #require(LocalDate(day))
        let data = try await registry.service.context.database.readPooled { try UnitStore.load(from: $0) }
        let units = UnitIndex(data)
        let wrong = try await registry.service.context.database.readPooled { tx in
            try ["team_stretch", "hamlet_stay"].map { table in
                var wrong = 0
                try tx.forEach(
                    "SELECT commune_rank, basis FROM \(table) WHERE valid_from <= ? AND valid_to > ?",
                    [SQLValue(day), SQLValue(day)]
                ) { row in
                    let commune = try row.int(0)
                    let unit = units[commune]
                    let isKnown =
                        try row.int(1) == PlacementBasis.ended.rawValue
                        ? unit.validity.lastDay < day.previous && !units.heirs(of: commune, on: day).isEmpty
                        : unit.level == .commune && unit.validity.contains(day)
                    if !isKnown { wrong += 1 }
                }
                return wrong
            }
        }
        #expect(wrong == [0, 0])
    }

    /// Of each table what it says; not how often it was written.
    private func digests(_ registry: RunningRegistry) async throws -> [String: String] {
        let tables = [
            ("unit", "rank, id, level, code, name, kind, aliases, valid_from, valid_to, is_void", "rank"),
            ("unit_parent", "unit_rank, parent_rank, valid_from, valid_to", "unit_rank, valid_from"),
            (
                "unit_succession", "source_rank, target_rank, effective_on, relation, is_part, is_default",
                "source_rank, target_rank"
            ),
            ("hamlet", "id, name, name_key, kind, valid_from, external_id, row_hash", "id"),
            ("hamlet_stay", "hamlet_id, commune_rank, basis, valid_from, valid_to", "hamlet_id, valid_from"),
            ("team", "id, level, name, decision_number, external_id, row_hash, import_row, created_at", "id"),
            (
                "team_stretch", "team_id, level, status, unit_id, commune_rank, basis, valid_from, valid_to",
                "team_id, valid_from"
            ),
            ("membership", "id, team_id, person_id, role, valid_from, valid_to, is_void, row_hash", "id"),
            ("person", "id, full_name, phones", "id"),
            ("reorganisation_effect", "effect, unit_rank, parent_rank", "effect, unit_rank"),
            ("reorganisation_place", "is_hamlet, subject_id, former, given", "is_hamlet, subject_id"),
        ]
        return try await registry.service.context.database.readPooled { tx in
            var digests: [String: String] = [:]
            for (table, columns, order) in tables {
                var hash = SHA256()
                var rows = 0
                // As one text a row: SQLite writes each value so that it can be told from any other.
                let all = columns.split(separator: ", ").map { "quote(\($0))" }.joined(separator: " || ',' || ")
                try tx.forEach("SELECT \(all) FROM \(table) ORDER BY \(order)") { row in
                    rows += 1
                    hash.update(data: Data(try row.text(0).utf8))
                }
                digests[table] = "\(rows) \(hash.finalize())"
            }
            return digests
        }
    }
}
