import Foundation

/// The one thread that writes to a SQLite file. Concurrent requests share a transaction, and so one sync of the disk.
///
/// While a commit waits for the disk, further requests gather; they are the next group. Nobody waits for a group to
/// fill. A group first runs without savepoints, because they cost more than most statements. Only when a request
/// throws is the group undone and run again: the thrower alone, the others together, each behind a savepoint.
final class GroupCommitWriter: WriteCoordinator {
    private struct State: Sendable {
        var waiting: [WriteRequest] = []
        var isStopping = false
        var hasEnded = false
        var statistics = WriteStatistics()
    }

    private let monitor = Monitor(State())
    private let limits: DatabaseConfiguration.Limits
    private let signals: CommitSignals

    /// Takes the connection over; nobody else may use it any more.
    init(connection: any GroupingConnection, limits: DatabaseConfiguration.Limits, signals: CommitSignals) {
        self.limits = limits
        self.signals = signals
        let thread = Thread { [self] in
            var loop = WriterLoop(writer: self, connection: connection)
            loop.run()
        }
        thread.name = "storage-writer"
        thread.stackSize = 4 << 20
        thread.start()
    }

    func submit(_ request: WriteRequest) throws {
        try monitor.signal { state in
            guard !state.isStopping else { throw StorageError.closed }
            guard state.waiting.count < limits.waitingWrites else {
                state.statistics.refused += 1
                throw StorageError.overloaded(
                    "\(state.waiting.count) writes are waiting; the limit is \(limits.waitingWrites)")
            }
            state.waiting.append(request)
        }
    }

    func stop() { monitor.broadcast { $0.isStopping = true } }
    func join() { monitor.wait { $0.hasEnded ? () : nil } }

    var statistics: WriteStatistics {
        monitor.withLock { state in
            var statistics = state.statistics
            statistics.waiting = state.waiting.count
            return statistics
        }
    }

    // What the loop needs.

    fileprivate var groupSize: Int { max(1, limits.groupSize) }
    fileprivate var groupNanoseconds: UInt64 { limits.groupTime.nanoseconds }

    /// Everything that waits; blocks until there is something. Empty: the end.
    fileprivate func takeAll() -> [WriteRequest] {
        monitor.wait { state in
            if state.waiting.isEmpty, !state.isStopping { return nil }
            defer { state.waiting = [] }
            return state.waiting
        }
    }

    /// Everything that waits, without blocking.
    fileprivate func takeMore() -> [WriteRequest] {
        monitor.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }

    fileprivate func record(_ change: (inout WriteStatistics) -> Void) { monitor.withLock { change(&$0.statistics) } }
    fileprivate func wake(_ channels: Set<String>) { signals.fire(channels) }
    fileprivate func ended() { monitor.broadcast { $0.hasEnded = true } }
}

/// What the writer's thread does, and what only it touches.
private struct WriterLoop {
    let writer: GroupCommitWriter
    let connection: any GroupingConnection
    /// Taken from the queue and not yet run; the last one is the next.
    var backlog: [WriteRequest] = []

    /// A request that has run, with what follows its commit.
    private struct Done {
        var request: WriteRequest
        var outcome: Outcome
        var effects: [@Sendable () -> Void] = []
        var channels: Set<String> = []
    }

    private enum Outcome {
        case answer(@Sendable () -> Void)
        case failure(any Error)
    }

    init(writer: GroupCommitWriter, connection: any GroupingConnection) {
        self.writer = writer
        self.connection = connection
    }

    mutating func run() {
        while true {
            if backlog.isEmpty { backlog = writer.takeAll().reversed() }
            if backlog.isEmpty { break }
            runGroup()
        }
        connection.checkpoint()
        connection.close()
        writer.ended()
    }

    /// The next request whose caller still waits for it.
    private mutating func next() -> WriteRequest? {
        while true {
            if backlog.isEmpty { backlog = writer.takeMore().reversed() }
            guard let request = backlog.popLast() else { return nil }
            if !request.cancellation.isSet { return request }
            request.fail(CancellationError())
        }
    }

    private mutating func runGroup() {
        guard let first = next() else { return }
        let start = monotonicNanoseconds()
        var waited: UInt64 = 0
        var done: [Done] = []
        do {
            try connection.beginWrite()
        } catch {
            // Whatever stands in the way (another process's lock) has been waited for on behalf of all that wait here.
            let waiting = [first] + backlog.reversed()
            backlog = []
            answer(waiting.map { Done(request: $0, outcome: .failure(error)) })
            return
        }
        var candidate: WriteRequest? = first
        while let request = candidate {
            waited += start - min(start, request.submitted)
            do {
                done.append(try attempt(request))
            } catch {
                connection.rollback()
                writer.record { $0.regrouped += done.isEmpty ? 0 : 1 }
                // The thrower may have seen what its neighbours wrote, so it is judged alone, after them.
                rerun(done.map(\.request))
                runAlone(request)
                return
            }
            guard done.count < writer.groupSize, monotonicNanoseconds() - start < writer.groupNanoseconds else { break }
            candidate = next()
        }
        writer.record { $0.waitNanoseconds += waited }
        finish(done)
    }

    /// Runs requests again in one transaction, each behind a savepoint. If the transaction itself fails, each runs
    /// alone.
    private func rerun(_ requests: [WriteRequest]) {
        guard !requests.isEmpty else { return }
        guard requests.count > 1 else { return runAlone(requests[0]) }
        var done: [Done] = []
        do {
            try connection.beginWrite()
            for request in requests {
                try connection.savepoint()
                let result = Result { try attempt(request) }
                switch result {
                case .success(let item):
                    try connection.releaseSavepoint()
                    done.append(item)
                case .failure(let error):
                    // SQLite may have undone everything by itself (disk full, I/O error, no memory).
                    guard connection.isInTransaction else { throw error }
                    try connection.rollbackToSavepoint()
                    done.append(Done(request: request, outcome: .failure(error)))
                }
            }
        } catch {
            connection.rollback()
            for request in requests { runAlone(request) }
            return
        }
        finish(done)
    }

    private func runAlone(_ request: WriteRequest) {
        do {
            try connection.beginWrite()
            finish([try attempt(request)])
        } catch {
            connection.rollback()
            answer([Done(request: request, outcome: .failure(error))])
        }
    }

    private func attempt(_ request: WriteRequest) throws -> Done {
        let transaction = WriteTransaction(connection)
        defer { transaction.end() }
        let answer = try request.attempt(transaction)
        // A failure that the closure has swallowed: on PostgreSQL the transaction would be lost, so it is here.
        if let failure = transaction.failure { throw failure }
        return Done(
            request: request, outcome: .answer(answer), effects: transaction.effects, channels: transaction.channels)
    }

    /// Commits and answers. When the commit fails, one request may be to blame (a deferred constraint, the space it
    /// takes), so each runs alone.
    private func finish(_ done: [Done]) {
        let start = monotonicNanoseconds()
        do {
            try connection.commit()
        } catch {
            connection.rollback()
            if done.count == 1 {
                answer([Done(request: done[0].request, outcome: .failure(error))])
            } else {
                for request in done.map(\.request) { runAlone(request) }
            }
            return
        }
        let elapsed = monotonicNanoseconds() - start
        writer.record {
            $0.commits += 1
            $0.commitNanoseconds += elapsed
            $0.largestGroup = max($0.largestGroup, done.count)
            $0.statements = connection.statistics
        }
        answer(done)
    }

    /// Counts before it answers: a caller that has its answer finds its write counted.
    private func answer(_ done: [Done]) {
        var channels: Set<String> = []
        var failures = 0
        for item in done {
            for effect in item.effects { effect() }
            channels.formUnion(item.channels)
            if case .failure = item.outcome { failures += 1 }
        }
        // Before the answers: who has one finds that those who wait for the commit have been told.
        writer.wake(channels)
        writer.record {
            $0.writes += done.count
            $0.failures += failures
        }
        for item in done {
            switch item.outcome {
            case .answer(let answer): answer()
            case .failure(let error): item.request.fail(error)
            }
        }
    }
}
