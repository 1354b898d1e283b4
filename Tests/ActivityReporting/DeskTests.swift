import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("What is odd, and what is listed", .onBothEngines)
struct DeskTests {
    static let narrative = "Tổ đã đi từng ngõ, gõ từng nhà, hướng dẫn bà con nộp hồ sơ trực tuyến"

    @Test("A copied narrative, an implausible count and a stock that falls are flagged and counted all the same")
    func flags() async throws {
        let world = try await AchievementTests.world()
        let first = try await world.send("t", "p", period: "2024-09") {
            $0.narrative = Self.narrative
            $0.count("stores", .stock, 100)
        }
        #expect(first.verdict.flags.isEmpty)
        let own = try await world.send("t", "p") {
            $0.narrative = Self.narrative
            $0.count("stores", .stock, 90)
            $0.help(.onlinePayment, 5_000)
        }
        // The same subject may say the same again.
        #expect(own.verdict.outcome == .applied)
        #expect(own.verdict.flags.map(\.concern) == [.implausibleCount, .stockFellUnexplained])
        #expect(own.verdict.flags.map(\.field) == ["activities", "counters[0].value"])
        let copied = try await world.send("u", "r") { $0.narrative = Self.narrative.uppercased() }
        #expect(copied.verdict.flags.map(\.concern) == [.copiedNarrative])
        #expect(copied.verdict.flags.first?.otherReport == "reports/2024-09.t.p")
        #expect(try await world.achievements("A").activities.first?.count == 5_000)
        let stored = try world.reporting.report(
            ObligationKey(period: month("2024-10"), team: "u", person: "r"), version: 0)
        #expect(stored.flags == copied.verdict.flags)
        // What a sender claims about flags is not believed.
        let claimed = try await world.send("t", "q") { $0.flags = [.with { $0.concern = .stockFell }] }
        #expect(claimed.verdict.flags.isEmpty)
    }

    @Test("Reports are listed by unit, state and flag, each once over the pages")
    func listed() async throws {
        let world = try await AchievementTests.world()
        try await world.send("t", "p") { $0.help(.onlinePayment, 9_000) }
        try await world.send("t", "q") { $0.help(.onlinePayment, 1) }
        try await world.send("u", "r") { $0.help(.onlinePayment, 1) }
        try await world.send("t", "q", base: 1) { $0.help(.onlinePayment, 2) }
        let key = ObligationKey(period: month("2024-10"), team: "u", person: "r")
        let endorsed = try await world.reporting.keep { try Reporting.advance(key, .endorse, version: 0, by: "x", &$0) }
        _ = try endorsed.get()
        func list(
            unit: String? = nil, states: Set<Cdt_Activity_V1_ReportState> = [], flagged: Bool = false
        ) async throws -> [String] {
            var query = ObligationQuery(period: month("2024-10"), unit: unit, treeDate: day("2024-10-31"), limit: 1)
            var names: [String] = []
            while true {
                let (page, next) = try await world.reporting.reports(query, states: states, flagged: flagged)
                names += page.map { "\($0.name) \($0.version)" }
                guard let next else { return names }
                query.after = next
            }
        }
        #expect(
            try await list().sorted() == [
                "reports/2024-10.t.p 1", "reports/2024-10.t.q 2", "reports/2024-10.u.r 1",
            ])
        #expect(try await list(unit: "A").count == 2)
        #expect(try await list(states: [.endorsed]) == ["reports/2024-10.u.r 1"])
        #expect(try await list(flagged: true) == ["reports/2024-10.t.p 1"])
    }

    @Test("A conflict brings the newest version along, for who was offline meanwhile")
    func conflict() async throws {
        let world = try await AchievementTests.world()
        try await world.send("t", "p") { $0.help(.onlinePayment, 7) }
        let late = try await world.send("t", "p", operation: "từ máy khác") { $0.help(.onlinePayment, 8) }
        #expect(late.verdict.outcome == .conflict)
        #expect(late.verdict.newest.version == 1)
        #expect(late.verdict.newest.activities.first?.count == 7)
    }
}
