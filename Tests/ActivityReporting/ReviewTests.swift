import ServiceKit
import Shared
import Storage
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Deciding on reports that were kept for review", .onBothEngines)
struct ReviewTests {
    static func decide(_ world: World, _ name: String, _ verdict: ReviewVerdict) async throws
        -> Result<(Cdt_Activity_V1_RejectedReport, Cdt_Activity_V1_Obligation?), Refusal>
    {
        let id = ResourceName.lastID(name)
        return try await world.reporting.keep { [reporting = world.reporting] in
            try reporting.decide(id, verdict, reason: "đã đối chiếu", by: "xã", &$0)
        }
    }

    static func reason(_ world: World, _ name: String, _ verdict: ReviewVerdict) async throws -> String? {
        if case .failure(let refusal) = try await decide(world, name, verdict) { return refusal.reason }
        return nil
    }

    @Test("Once the facts say so it is taken in, on time by the day it came, with who decided, when and why")
    func admitted() async throws {
        let world = try await AchievementTests.world()
        let sent = try await world.send("t", "s") {
            $0.help(.onlinePayment, 6)
            $0.count("opened", .flow, 2)
        }
        let name = sent.verdict.rejectedReport
        #expect(try await Self.reason(world, name, .admit) == "NOT_ACTIVE_IN_PERIOD")
        #expect(try world.reporting.review(ResourceName.lastID(name)).state == .waiting)
        world.clock.set(day("2024-11-20"))
        try await world.member("s", of: "t")
        let (review, obligation) = try await Self.decide(world, name, .admit).get()
        #expect(review.state == .admitted && review.decidedBy == "xã" && review.decisionReason == "đã đối chiếu")
        #expect(review.hasDecideTime)
        #expect(obligation?.state == .onTime && obligation?.receivedOn == "2024-11-04")
        try await world.settle()
        #expect(try await world.figures("A").onTime == 1)
        #expect(try await world.counter("opened", "A")?.value == 2)
        let report = try world.reporting.report(
            ObligationKey(period: month("2024-10"), team: "t", person: "s"), version: 0)
        #expect(report.submittedBy == "tester" && report.version == 1)
        #expect(try await Self.reason(world, name, .dismiss) == "ALREADY_DECIDED")
        #expect(try await Self.reason(world, name, .admit) == "ALREADY_DECIDED")
        // Sent again, it still gets the answer it got.
        let again = try await world.send("t", "s") {
            $0.help(.onlinePayment, 6)
            $0.count("opened", .flow, 2)
        }
        #expect(again.verdict == sent.verdict)
    }

    @Test("Laid aside it counts nowhere; who has reported since is not overwritten; lists go by state")
    func dismissed() async throws {
        let world = try await AchievementTests.world()
        let first = try await world.submit("t", "s").verdict.rejectedReport
        let second = try await world.submit("t", "w").verdict.rejectedReport
        let (review, obligation) = try await Self.decide(world, first, .dismiss).get()
        #expect(review.state == .dismissed && obligation == nil)
        for person in ["s", "w"] { try await world.member(person, of: "t") }
        try await world.settle()
        #expect(try await world.figures("A").received == 0)
        try await world.submit("t", "w", operation: "once more")
        #expect(try await Self.reason(world, second, .admit) == "ALREADY_RECEIVED")
        func list(_ state: Cdt_Activity_V1_ReviewState?) async throws -> [String] {
            try await world.reporting.reviews(nil, state, before: nil, limit: 10).map(\.name)
        }
        #expect(try await list(.dismissed) == [first])
        #expect(try await list(.waiting) == [second])
        #expect(try await list(.admitted) == [])
        #expect(try await Set(list(nil)) == [first, second])
        #expect(try await Self.reason(world, "rejectedReports/none", .admit) == "REJECTED_REPORT_NOT_FOUND")
    }
}
