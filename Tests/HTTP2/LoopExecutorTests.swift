import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import HTTP2

@Suite(.timeLimit(.minutes(10))) struct LoopExecutorTests {
    private final class Log: LoopTurns {
        let entries = Mutex<[String]>([])
        func note(_ entry: String) { entries.withLock { $0.append(entry) } }
        func begin() { note("begin") }
        func end() { note("end") }
    }

    private final class Work: LoopWork {
        let name: String
        let log: Log
        let waits: EventLoopFuture<Void>?

        init(_ name: String, _ log: Log, waits: EventLoopFuture<Void>? = nil) {
            self.name = name
            self.log = log
            self.waits = waits
        }

        func run(in task: LoopTask) async {
            log.note(name)
            guard let waits else { return }
            try? await waits.get()
            log.note("\(name) again")
        }
    }

    private let loop = MultiThreadedEventLoopGroup.singleton.any()

    @Test func `work that came together is one turn, and work alone is none`() async throws {
        let log = Log()
        try await loop.submit { [loop] in
            let executor = LoopExecutor(loop: loop, turns: log)
            executor.start(Work("a", log))
            executor.runStarted()
            executor.start(Work("b", log))
            executor.start(Work("c", log))
            executor.runStarted()
            executor.runStarted()
            executor.endSpareTasks()
        }.get()
        #expect(log.entries.withLock { $0 } == ["a", "begin", "b", "c", "end"])
    }

    @Test func `work that waits goes on outside of the turn`() async throws {
        let log = Log()
        let waited = loop.makePromise(of: Void.self)
        let executor = LoopExecutor(loop: loop, turns: log)
        try await loop.submit {
            executor.start(Work("a", log, waits: waited.futureResult))
            executor.start(Work("b", log))
            executor.runStarted()
            // Still in the loop's own turn: nothing that waits is resumed from within another's work.
            waited.succeed()
        }.get()
        while log.entries.withLock({ $0.count }) < 5 { try await Task.sleep(for: .milliseconds(1)) }
        #expect(log.entries.withLock { $0 } == ["begin", "a", "b", "end", "a again"])
        try await loop.submit { executor.endSpareTasks() }.get()
    }
}
