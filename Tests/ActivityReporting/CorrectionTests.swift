import ServiceKit
import Shared
import Storage
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Versions and sources of reports", .onBothEngines)
struct CorrectionTests {
    static func key(_ person: String) -> ObligationKey {
        ObligationKey(period: month("2024-10"), team: "t", person: person)
    }

    @Test("A correction of an accepted report is a new version that is judged anew; the accepted one stays as it was")
    func afterAcceptance() async throws {
        let world = try await ReportingTests.one()
        let key = Self.key("p")
        try await world.submit("t", "p")
        for step in [ReportStep.endorse, .approve, .accept] {
            _ = try await world.reporting.keep { try Reporting.advance(key, step, version: 1, by: "tỉnh", &$0) }.get()
        }
        let second = try await world.submit("t", "p", base: 1, narrative: "sửa").verdict
        #expect(second.outcome == .applied)
        #expect(second.obligation.reportVersion == 2 && second.obligation.reportState == .submitted)
        #expect(try world.reporting.report(key, version: 1).state == .accepted)
        #expect(try world.reporting.report(key, version: 2).state == .submitted)
        #expect(world.facts.newest[key.obligation]?.reportState == .submitted)
        #expect(try await world.figures("A").received == 1)
        #expect(try await world.achievements("A").activities.map(\.count) == [3])
    }

    @Test("A report on paper is on time by the day on which it was received, and keeps saying where it comes from")
    func paper() async throws {
        let world = try await ReportingTests.one(today: "2024-11-20")
        for (person, received, state) in [
            ("p", "2024-11-05", Cdt_Activity_V1_ObligationState.onTime), ("q", "2024-11-06", .late),
        ] {
            var message = world.report("t", person)
            message.report.source = .paper
            message.report.declaredOn = received
            let submission = world.reporting.submission(message, caller: "xã", field: "submission")
            let verdict = try await world.reporting.submit([submission])[0].verdict
            #expect(verdict.obligation.state == state && verdict.obligation.receivedOn == received)
            let stored = try world.reporting.report(Self.key(person), version: 0)
            #expect(stored.source == .paper && stored.declaredOn == received && stored.submittedBy == "xã")
        }
    }
}
