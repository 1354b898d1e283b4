import FundingPolicy
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

/// Runs that are given up halfway: by the service that stops, or by the caller that goes away.
@Suite(.onBothEngines) struct CancelledRunTests {
    /// More than are written in one transaction, and posted in two.
    private static let teams = 5000

    /// Cancels a task once it has waited for its database so many times.
    private final class Fuse: Sendable {
        private struct State {
            var left = 0
            var task: Task<Void, Never>?
            var turn = 0
        }
        private let state = Mutex(State())
        /// The turn of `cancel` to which whoever waits belongs; 0 for others, whose waits do not count: on PostgreSQL the
        /// feeds' sequencer waits for the same database when it will, and so does what a cancelled task left behind.
        @TaskLocal private static var turn = 0

        func waited() {
            let task = state.withLock { state -> Task<Void, Never>? in
                guard Self.turn == state.turn, state.turn > 0 else { return nil }
                state.left -= 1
                return state.left == 0 ? state.task : nil
            }
            task?.cancel()
        }

        /// Runs `body` until then.
        func cancel(after count: Int, _ body: @escaping @Sendable () async -> Void) async {
            let (gate, open) = AsyncStream.makeStream(of: Void.self)
            let turn = state.withLock { $0.turn + 1 }
            let task = Task {
                for await _ in gate { break }
                await Self.$turn.withValue(turn) { await body() }
            }
            state.withLock { $0 = State(left: count, task: task, turn: turn) }
            open.yield()
            await task.value
            state.withLock { $0.task = nil }
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func aRunThatIsCancelledAgainAndAgainShowsNothingUntilItIsWhole() async throws {
        let fuse = Fuse()
        let database = try await Database.open(
            TestDatabase.fresh(), migrations: FundingPolicyDefinition.allMigrations, waited: { _, _ in fuse.waited() })
        do {
            try await cancelAgainAndAgain(try await Fixture(database), fuse)
            await database.close()
        } catch {
            await database.close()
            throw error
        }
    }

    private func cancelAgainAndAgain(_ service: Fixture, _ fuse: Fuse) async throws {
        try await service.apply((0..<Self.teams).map { Fixture.team("t\($0)", in: "ht") })
        try await service.appropriate(Fixture.haTinh, 2024, Int64(Self.teams) * 600_000)
        let name = try await service.runs.start(.with { $0.fromMonth = "2024-10" }, caller: "tester", key: nil).run.name
        func run() throws -> Cdt_Funding_V1_Run { try service.runs.get(.with { $0.name = name }).run }
        func count(_ sql: String) throws -> Int { try service.database.read { try $0.count(sql) } }

        // The seventh wait is the last one before the transaction that makes the run COMPUTED: two reads that find the
        // run, its lines cleared, its plan, the read of the facts, and two writes of lines. Later there are lines to
        // clear.
        for waits in [7, 1, 2, 3, 4, 5, 6] {
            await fuse.cancel(after: waits) { await service.worker.computeAll() }
            #expect(try run().state == .running, "\(waits)")
            #expect(try await service.runs.lines(.with { $0.run = name }).lines.isEmpty, "\(waits)")
            if waits == 7 { #expect(try count("SELECT count(*) FROM run_lines") > 0) }
            let early = await refusal {
                _ = try await service.runs.approve(.with { $0.name = name }, caller: "checker", key: nil)
            }
            #expect(early?.reason == "RUN_STATE", "\(waits)")
        }
        #expect(try count("SELECT count(*) FROM feed_events") == 0)
        await service.worker.computeAll()
        #expect(try run().state == .computed)
        #expect(try run().linesToPost == Int64(Self.teams) && run().amountDong == Int64(Self.teams) * 600_000)
        #expect(try count("SELECT count(*) FROM run_lines") == Self.teams)

        _ = try await service.runs.approve(.with { $0.name = name }, caller: "checker", key: nil)
        _ = try await service.runs.post(.with { $0.name = name }, caller: "poster", key: nil)
        // A read that finds the run, and a journal.
        for journals in 1...2 {
            await fuse.cancel(after: 2) { await service.worker.computeAll() }
            #expect(try run().state == .posting && run().linesPosted == Int64(journals * 2000))
            #expect(try count("SELECT count(*) FROM ledger_entries WHERE due IS NOT NULL") == journals * 2000)
            try await service.expectSoundBooks()
        }
        await service.worker.computeAll()
        #expect(try run().state == .posted && run().linesPosted == Int64(Self.teams))
        let payees = try count("SELECT count(DISTINCT team_id) FROM ledger_entries WHERE due IS NOT NULL")
        #expect(try count("SELECT count(*) FROM ledger_entries WHERE due IS NOT NULL") == Self.teams)
        #expect(payees == Self.teams)
        #expect(try await service.balance(Fixture.haTinh, 2024, .payable) == Int64(Self.teams) * 600_000)
        #expect(try await service.balance(Fixture.haTinh, 2024, .committed) == 0)
        try await service.expectSoundBooks()
    }

    @Test func aWatcherWhoGoesAwayDoesNotTakeTheRunAlong() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "ht")])
        let name = try await service.runs.start(.with { $0.fromMonth = "2024-10" }, caller: "tester", key: nil).run.name
        let (seen, tell) = AsyncStream.makeStream(of: Void.self)
        let watching = Task {
            try await service.runs.watch(.with { $0.name = name }) { _ in tell.yield() }
        }
        for await _ in seen { break }
        watching.cancel()
        await #expect(throws: CancellationError.self) { try await watching.value }
        #expect(try service.runs.get(.with { $0.name = name }).run.state == .running)
        await service.worker.computeAll()
        #expect(try service.runs.get(.with { $0.name = name }).run.state == .computed)
    }
}
