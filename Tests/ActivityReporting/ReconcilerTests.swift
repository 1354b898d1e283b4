import Logging
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Deriving in the background", .onBothEngines)
struct ReconcilerTests {
    @Test("A service that starts again goes on with what was left, without waiting for news or the clock")
    func restart() async throws {
        let world = try await World(today: "2024-11-04")
        try await world.units(SmallWorld.units)
        try await world.team("t", .commune, in: "a1")
        try await world.member("p", of: "t")
        try await world.reporting.openPeriod(month("2024-10"))
        let again = World(restarting: world)
        let reconciler = again.reporting.reconciler(logger: Logger(label: "test"))
        let running = Task { await reconciler.run() }
        // Half of the time after which the clock would wake it.
        try await eventually(within: .seconds(30)) { try await again.figures("A").expected == 1 }
        running.cancel()
        await running.value
    }

    /// "Each may be a release older or newer than the others" (docs/guides/versioning.md).
    @Test("What a newer Registry adds is passed over, and what is known of its facts counts")
    func newerRegistry() async throws {
        let world = try await World(today: "2024-11-04")
        try await world.units(SmallWorld.units)
        try await world.team("t", .commune, in: "a1")
        let name = "teams/t/memberships/p"
        let known: [UInt8] = try Cdt_Registry_V1_MembershipFact.with {
            $0.membership = name
            $0.team = "teams/t"
            $0.person = "people/p"
            $0.role = .UNRECOGNIZED(99)
            $0.from = "2022-06-01"
        }.serializedBytes()
        // Field 2000; and a message of a kind that the feed does not have in this release.
        try await world.apply(name, Cdt_Registry_V1_MembershipFact(serializedBytes: known + [0x80, 0x7d, 1]))
        try await world.apply("badges/1", Google_Protobuf_StringValue("new"))
        try await world.bury("badges/1")
        try await world.open("2024-10")
        #expect(try await world.figures("A").expected == 1)
    }

    @Test("The policy of the unit a team had on the period's first day holds for it, also where it moves in between")
    func movedInBetween() async throws {
        let world = try await World(today: "2024-11-04")
        try await world.units(SmallWorld.units)
        let policy = Cdt_Activity_V1_ReportingPolicy.with {
            $0.jurisdiction = "units/A"
            $0.validFrom = "2024-01-01"
            $0.communeTeamSubject = .team
            $0.hamletTeamSubject = .team
        }
        let id = UUIDv7.next(at: world.clock.now)
        _ = try await world.reporting.keep { [reporting = world.reporting] keeper in
            try reporting.setPolicy(policy, id: id, in: keeper.tx, now: keeper.now)
        }.get()
        try await world.team(
            "t", .commune,
            placements: [
                .init(unit: "a1", days: range("2022-06-01", "2024-10-14")),
                .init(unit: "c1", days: range("2024-10-15", nil)),
            ], active: [range("2022-06-01", nil)])
        for person in ["p", "q"] { try await world.member(person, of: "t") }
        try await world.open("2024-10")
        try await world.open("2024-11")
        // By A's policy it reports as a whole in October, in November by that of nobody in C.
        #expect(try await world.figures("c1").expected == 1)
        #expect(try await world.figures("a1", on: "2024-10-14").expected == 1)
        #expect(try await world.figures("c1", period: "2024-11").expected == 2)
        #expect(try await world.submit("t").verdict.outcome == .applied)
    }
}
