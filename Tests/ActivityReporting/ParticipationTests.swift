import ServiceKit
import Shared
import Storage
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Who does the work", .onBothEngines)
struct ParticipationTests {
    @Test("One group with four fifths of it is narrow; members of no known occupation are no group")
    func narrow() {
        func isNarrow(_ amounts: [(Int, MemberGroups)]) -> Bool {
            var sums = Participation()
            for (amount, groups) in amounts { sums.add(Int64(amount), reports: 1, by: groups) }
            return sums.isNarrow
        }
        let youth = MemberGroups(occupation: 2, organisations: ["Đoàn Thanh niên"])
        let women = MemberGroups(occupation: 3, organisations: ["Hội Phụ nữ", "Đoàn Thanh niên"])
        #expect(!isNarrow([]))
        #expect(isNarrow([(80, .init(occupation: 1, organisations: [])), (20, youth)]))
        #expect(!isNarrow([(79, .init(occupation: 1, organisations: [])), (21, youth)]))
        #expect(!isNarrow([(100, .none)]))
        // Who is in both counts for both.
        #expect(isNarrow([(50, youth), (30, women), (20, .none)]))
    }

    /// Team t of a1 with p and q, team u of b1 with r, hamlet team h.
    static func world() async throws -> World {
        let world = try await AchievementTests.world()
        try await world.member("p", of: "t", occupation: .teacher, organisations: ["Đoàn Thanh niên"])
        try await world.member("q", of: "t", occupation: .official, organisations: ["Hội Phụ nữ", "Đoàn Thanh niên"])
        try await world.settle()
        return world
    }

    static func shares(_ world: World, _ unit: String?, period: String = "2024-10") async throws
        -> Cdt_Activity_V1_GetParticipationResponse
    {
        try await world.reporting.participation(
            FigureQuery(period: month(period), unit: unit, treeDate: month(period).lastDay))
    }

    @Test("Shares follow each report and correction at once, at every ancestor, and not those of whole teams")
    func shares() async throws {
        let world = try await Self.world()
        try await world.send("t", "p") { $0.help(.onlinePayment, 30) }
        try await world.send("t", "q") { $0.help(.onlinePayment, 10) }
        try await world.send("u", "r") { $0.help(.onlinePayment, 60) }
        try await world.send("h") { $0.help(.onlinePayment, 500) }
        var province = try await Self.shares(world, "A")
        #expect(province.activities == 40 && !province.occupations.contains { $0.narrow })
        #expect(province.occupations.map(\.activities.numerator).sorted() == [10, 30])
        #expect(province.organisations.map(\.organisation) == ["Đoàn Thanh niên", "Hội Phụ nữ"])
        #expect(province.organisations.map(\.activities.percent) == ["100.00", "25.00"])
        #expect(province.organisations.map(\.narrow) == [true, false] && province.narrowParticipation)
        let nation = try await Self.shares(world, nil)
        #expect(nation.activities == 100 && !nation.narrowParticipation)
        try await world.send("t", "p", base: 1) { $0.help(.onlinePayment, 90) }
        province = try await Self.shares(world, "A")
        #expect(province.activities == 100)
        #expect(province.occupations.first { $0.narrow }?.occupation == .teacher)
        // What the Registry corrects about a member is corrected here.
        try await world.member("p", of: "t", occupation: .healthWorker)
        try await world.settle()
        #expect(try await Self.shares(world, "A").occupations.first { $0.narrow }?.occupation == .healthWorker)
        // A report of nobody active any more does not count.
        try await world.member("p", of: "t", void: true)
        try await world.settle()
        #expect(try await Self.shares(world, "A").activities == 10)
        await #expect(throws: Refusal.self) { try await Self.shares(world, "h") }
    }

    @Test("Teams are made up of the memberships of a day, in the tree of that day")
    func composition() async throws {
        let world = try await Self.world()
        try await world.member("gone", of: "t", to: "2024-06-30", occupation: .teacher)
        try await world.settle()
        func composition(_ unit: String?, _ date: String) async throws -> Cdt_Activity_V1_GetCompositionResponse {
            try await world.reporting.composition(unit: unit, on: day(date), level: nil)
        }
        let then = try await composition("A", "2024-06-30")
        #expect(then.members == 3 && then.teams == 1)
        let now = try await composition("A", "2024-11-04")
        #expect(now.members == 2)
        #expect(now.occupations.map(\.members.numerator) == [1, 1])
        #expect(now.organisations.map(\.organisation) == ["Đoàn Thanh niên", "Hội Phụ nữ"])
        #expect(now.organisations.map(\.members.numerator) == [2, 1])
        #expect(now.roles.map(\.members.numerator) == [2])
        #expect(try await composition(nil, "2024-11-04").members == 3)
        #expect(try await composition("AB", "2025-07-01").members == 3)
    }

    @Test("Obligations of before keep up with their report when they are derived again, closed months too")
    func upgrade() async throws {
        let world = try await Self.world()
        try await world.send("t", "p") { $0.help(.onlinePayment, 9_000) }
        try await world.send("u", "r") { $0.help(.onlinePayment, 5) }
        try await world.database.write { tx in
            try tx.execute("UPDATE obligations SET flagged = NULL, helped = NULL, occupation = 0, organisations = ''")
            try tx.execute("UPDATE periods SET derived_to = ''")
        }
        func flagged() async throws -> [String] {
            try await world.reporting.reports(
                ObligationQuery(period: month("2024-10"), treeDate: day("2024-10-31"), limit: 9), states: [],
                flagged: true
            ).page.map(\.name)
        }
        // Also before: then the reports themselves are asked.
        #expect(try await flagged() == ["reports/2024-10.t.p"])
        world.clock.set(day("2025-01-10"))
        try await world.settle()
        #expect(try await flagged() == ["reports/2024-10.t.p"])
        let shares = try await Self.shares(world, "A")
        #expect(shares.activities == 9_000 && shares.occupations.map(\.occupation) == [.teacher])
    }
}
