import ServiceKit
import Shared
import Storage
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Difficulties", .onBothEngines)
struct DifficultyTests {
    static func list(_ world: World, _ change: (inout DifficultyQuery) -> Void = { _ in }) async throws
        -> [Cdt_Activity_V1_TeamDifficulty]
    {
        var query = DifficultyQuery(treeDate: world.clock.clock.today, limit: 100)
        change(&query)
        return try await world.reporting.difficulties(query).page
    }

    static func take(_ world: World, _ name: String, _ step: DifficultyStep) async throws
        -> Result<Cdt_Activity_V1_TeamDifficulty, Refusal>
    {
        let id = ResourceName.lastID(name)
        return try await world.reporting.keep { try Reporting.advance(id, step, by: "xã", &$0) }
    }

    @Test("A report opens it once, renews it while it is open, and opens a new one after it was resolved")
    func opened() async throws {
        let world = try await AchievementTests.world()
        try await world.send("t", "p") { $0.meet(.infrastructure, text: "sóng yếu") }
        world.clock.set(day("2024-11-05"))
        try await world.send("t", "q") { $0.meet(.infrastructure, .high) }
        let first = try #require(try await Self.list(world).first)
        #expect(try await Self.list(world).count == 1)
        #expect(first.timesTold == 2)
        #expect(first.severity == .high)
        #expect(first.text == "sóng yếu")
        #expect(first.openedBy == "reports/2024-10.t.p")
        #expect(first.openedIn == "2024-10" && first.unit == "units/a1" && first.teamDisplayName == "Tổ t")
        let assigned = try await Self.take(world, first.name, .assign(owner: "Viettel Lạng Sơn")).get()
        #expect(assigned.owner == "Viettel Lạng Sơn" && assigned.changedBy == "xã")
        let resolved = try await Self.take(world, first.name, .resolve(how: "đã lắp trạm")).get()
        #expect(resolved.state == .resolved && resolved.resolution == "đã lắp trạm")
        // A correction repeats what its report has told; only another report tells of it again.
        try await world.send("t", "p", base: 1) { $0.meet(.infrastructure) }
        #expect(try await Self.list(world).map(\.state) == [.resolved])
        try await world.send("t", "p", period: "2024-11") { $0.meet(.infrastructure) }
        #expect(try await Self.list(world).map(\.state) == [.open, .resolved])
        #expect(world.facts.difficulties.map(\.state) == [.open, .open, .open, .resolved, .open])
        #expect(world.facts.difficulties.first?.unit == "units/a1")
        #expect(world.facts.difficulties.first?.kind == Int32(Cdt_Activity_V1_DifficultyKind.infrastructure.rawValue))
    }

    @Test("A correction counts no report twice, and a late report changes nothing that was told of since")
    func correctionsAndLateReports() async throws {
        let world = try await AchievementTests.world()
        try await world.send("t", "p") { $0.meet(.awareness, .high, text: "mới") }
        try await world.send("t", "p", base: 1) {
            $0.meet(.awareness, .high, text: "mới")
            $0.help(.onlinePayment, 2)
        }
        func only() async throws -> Cdt_Activity_V1_TeamDifficulty {
            let all = try await Self.list(world)
            #expect(all.count == 1)
            return try #require(all.first)
        }
        #expect(try await only().timesTold == 1)
        try await world.send("t", "q", period: "2024-09") { $0.meet(.awareness, .low, text: "cũ") }
        var now = try await only()
        #expect(now.severity == .high && now.text == "mới" && now.timesTold == 2 && now.lastToldIn == "2024-10")
        try await world.send("t", "q", period: "2024-09", base: 1) { $0.meet(.awareness, .medium, text: "cũ hơn") }
        now = try await only()
        #expect(now.severity == .high && now.text == "mới" && now.timesTold == 2)
        // A correction that says it otherwise is heard while nothing newer was told.
        try await world.send("t", "p", base: 2) { $0.meet(.awareness, .low, text: "đỡ hơn") }
        now = try await only()
        #expect(now.severity == .low && now.text == "đỡ hơn" && now.timesTold == 2)
        #expect(world.facts.difficulties.count == 2)
    }

    @Test("Each step is taken from its state only; one that was told of again is not opened twice")
    func steps() async throws {
        let world = try await AchievementTests.world()
        try await world.send("t", "p") { $0.meet(.awareness) }
        let name = try #require(try await Self.list(world).first?.name)
        func reason(_ step: DifficultyStep) async throws -> String? {
            if case .failure(let refusal) = try await Self.take(world, name, step) { return refusal.reason }
            return nil
        }
        #expect(try await reason(.reopen(reason: "x")) == "WRONG_DIFFICULTY_STATE")
        #expect(try await reason(.resolve(how: "x")) == nil)
        #expect(try await reason(.assign(owner: "x")) == "WRONG_DIFFICULTY_STATE")
        #expect(try await reason(.reopen(reason: "chưa xong")) == nil)
        #expect(try await reason(.resolve(how: "x")) == nil)
        try await world.send("t", "q") { $0.meet(.awareness) }
        #expect(try await reason(.reopen(reason: "x")) == "DIFFICULTY_OPEN_ALREADY")
        #expect(throws: Refusal.self) { try world.reporting.difficulty("none") }
    }

    @Test("They are listed by unit, team, state, kind and owner, page by page, newest first")
    func listed() async throws {
        let world = try await AchievementTests.world()
        try await world.send("t", "p") {
            $0.meet(.awareness)
            $0.meet(.other, text: "Mất điện")
            $0.meet(.other, text: "Đường sạt lở")
            $0.meet(.other, text: "mất  ĐIỆN")
        }
        world.clock.set(day("2024-11-05"))
        try await world.send("u", "r") { $0.meet(.awareness) }
        world.clock.set(day("2024-11-06"))
        try await world.send("h") { $0.meet(.lowSmartphone) }
        #expect(try await Self.list(world).map(\.team) == ["teams/h", "teams/u", "teams/t", "teams/t", "teams/t"])
        #expect(try await Self.list(world) { $0.unit = "A" }.count == 4)
        #expect(try await Self.list(world) { $0.unit = "h" }.map(\.kind) == [.lowSmartphone])
        #expect(try await Self.list(world) { $0.team = "u" }.count == 1)
        #expect(try await Self.list(world) { $0.kinds = [.awareness] }.count == 2)
        #expect(
            try await Self.list(world) {
                $0.unit = "AB"
                $0.treeDate = day("2025-07-01")
            }.count == 5)
        let first = try await Self.list(world)[0]
        _ = try await Self.take(world, first.name, .assign(owner: "Đoàn xã"))
        #expect(try await Self.list(world) { $0.withoutOwner = true }.count == 4)
        var seen: [String] = []
        var query = DifficultyQuery(treeDate: day("2024-11-06"), limit: 2)
        while true {
            let (page, next) = try await world.reporting.difficulties(query)
            seen += page.map(\.name)
            guard let next else { break }
            query.before = next
        }
        #expect(seen.count == 5 && Set(seen).count == 5)
    }
}
