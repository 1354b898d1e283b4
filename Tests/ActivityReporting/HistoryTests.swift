import ServiceKit
import Shared
import Storage
import TestSupport
import Testing

@testable import ActivityReporting

/// Figures as the months and the units change: what they cost, and under whom they are asked for.
@Suite("Figures over time", .onBothEngines)
struct HistoryTests {
    private static let months = (1...10).map { "2024-\($0 < 10 ? "0" : "")\($0)" }

    private static func world() async throws -> World {
        let world = try await World()
        try await world.units(SmallWorld.units)
        for (team, commune) in [("ta", "a1"), ("tb", "b1"), ("tc", "c1")] {
            try await world.team(team, .commune, in: commune)
            for i in 0..<4 { try await world.member("\(team)\(i)", of: team) }
        }
        return world
    }

    @Test("The nation's figure reads as many rows after ten months of reports as before the first, found by key")
    func flat() async throws {
        let world = try await Self.world()
        try await world.open("2024-10")
        func read() throws -> (parts: Int, rows: Int) {
            try world.database.read { tx in
                let cover = try world.reporting.maps.map(in: tx).cover(of: "vn", on: day("2024-10-31"))
                #expect(cover.plus.isEmpty && cover.minus.isEmpty)
                let rows = try cover.parts.map { part in
                    let (sql, bindings) = FigureStore.query(month("2024-10"), part)
                    return try tx.query(sql, bindings) { try $0.int(3) }.count
                }
                return (cover.parts.count, rows.reduce(0, +))
            }
        }
        let before = try read()
        #expect(before.rows == 3, "three provinces, one level, one calendar")
        for period in Self.months {
            try await world.open(period)
            for team in ["ta", "tb", "tc"] {
                for i in 0..<4 { try await world.submit(team, "\(team)\(i)", period: period, on: "2024-11-05") }
            }
        }
        #expect(try await world.figures(nil).received == 12)
        let after = try read()
        // On PostgreSQL writers spread their additions over the slots of a sum.
        #expect(after.parts == before.parts && after.rows <= before.rows * world.reporting.slots.count)
        guard world.database.dialect == .sqlite else { return }
        try world.database.read { tx in
            for part in try world.reporting.maps.map(in: tx).cover(of: "vn", on: day("2024-10-31")).parts {
                let (sql, bindings) = FigureStore.query(month("2024-10"), part)
                let plan = try tx.query("EXPLAIN QUERY PLAN \(sql)", bindings) { try $0.text(3) }
                #expect(plan.count == 1 && plan[0].hasPrefix("SEARCH figures USING PRIMARY KEY (period=? AND scope=?"))
            }
        }
    }

    @Test("The past of two provinces is asked for under the one they became: summed, and theirs in their own time")
    func mergedProvinces() async throws {
        let world = try await Self.world()
        try await world.open("2024-10")
        for (person, declared) in [("ta0", "2024-11-05"), ("ta1", "2024-11-06"), ("tb0", "2024-11-01")] {
            try await world.submit(String(person.prefix(2)), person, on: declared)
        }
        func counts(_ unit: String, _ date: String) async throws -> [Int64] {
            let figures = try await world.figures(unit, on: date)
            return [figures.expected, figures.received, figures.onTime, figures.late]
        }
        #expect(try await counts("A", "2024-10-31") == [4, 2, 1, 1])
        #expect(try await counts("B", "2024-10-31") == [4, 1, 1, 0])
        #expect(try await counts("AB", "2025-07-01") == [8, 3, 2, 1])
        #expect(try await counts("vn", "2024-10-31") == counts("vn", "2025-07-01"))
        let helped = try await world.achievements("AB", on: "2025-07-01").activities.map(\.count)
        #expect(helped == [9])
        // Neither is there in the other's time.
        await #expect(throws: Refusal.self) { try await world.figures("A", on: "2025-07-01") }
        await #expect(throws: Refusal.self) { try await world.figures("AB", on: "2025-06-30") }
    }
}
