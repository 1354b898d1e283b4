import Synchronization
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("Where a change came from", .onBothEngines)
struct CauseTests {
    @Test("What follows from a recorded call of the Registry is told in its name")
    func cause() async throws {
        let world = try await AchievementTests.world()
        #expect(world.facts.causes.withLock { $0 } == [""])
        let recorded = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        world.cause.withLock { $0 = recorded }
        try await world.member("z", of: "t")
        try await world.settle()
        #expect(world.facts.causes.withLock { $0 } == ["", recorded])
        // Not recorded: not worth keeping.
        world.cause.withLock { $0 = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-00" }
        try await world.member("y", of: "t")
        try await world.settle()
        #expect(world.facts.causes.withLock { $0 } == ["", recorded])
    }
}
