import Foundation

/// A fixed number of threads, each with a connection, that run one transaction for each write and run it again when it
/// met another one.
///
/// Their commits share the server's syncs of the disk.
final class PostgresWriter: WriteCoordinator {
    private struct State: Sendable {
        var waiting: [WriteRequest] = []
        /// Requests before this index are taken.
        var next = 0
        var threads = 0
        var idle = 0
        var isStopping = false
        var statistics = WriteStatistics()

        var count: Int { waiting.count - next }

        mutating func take() -> WriteRequest? {
            guard next < waiting.count else { return nil }
            let request = waiting[next]
            next += 1
            if next == waiting.count || next > 1_024 {
                waiting.removeFirst(next)
                next = 0
            }
            return request
        }
    }

    private let monitor = Monitor(State())
    private let address: String
    private let limits: DatabaseConfiguration.Limits
    private let signals: CommitSignals
    private let announcer: PostgresAnnouncer

    init(
        address: String, limits: DatabaseConfiguration.Limits, signals: CommitSignals, announcer: PostgresAnnouncer
    ) {
        self.address = address
        self.limits = limits
        self.signals = signals
        self.announcer = announcer
    }

    func submit(_ request: WriteRequest) throws {
        let startThread = try monitor.signal { state in
            guard !state.isStopping else { throw StorageError.closed }
            guard state.count < limits.waitingWrites else {
                state.statistics.refused += 1
                throw StorageError.overloaded("\(state.count) writes are waiting; the limit is \(limits.waitingWrites)")
            }
            state.waiting.append(request)
            guard state.idle < state.count, state.threads < max(1, limits.writerThreads) else { return false }
            state.threads += 1
            return true
        }
        if startThread { start() }
    }

    private func start() {
        let thread = Thread { [self] in
            let worker = PostgresWriteWorker(
                address: address, limits: limits,
                tell: { [signals, announcer] channels in
                    signals.fire(channels)
                    announcer.announce(channels)
                },
                record: { [monitor] change in monitor.withLock { change(&$0.statistics) } })
            while let request = next() { worker.perform(request) }
            worker.close()
            monitor.broadcast { $0.threads -= 1 }
        }
        thread.name = "storage-writer"
        thread.stackSize = 4 << 20
        thread.start()
    }

    private func next() -> WriteRequest? {
        monitor.withLock { $0.idle += 1 }
        return monitor.wait { state -> WriteRequest?? in
            if let request = state.take() {
                state.idle -= 1
                state.statistics.waitNanoseconds += monotonicNanoseconds() - request.submitted
                return .some(request)
            }
            guard state.isStopping else { return nil }
            state.idle -= 1
            return .some(nil)
        }
    }

    func stop() {
        monitor.broadcast { $0.isStopping = true }
        announcer.stop()
    }

    func join() {
        monitor.wait { $0.threads == 0 ? () : nil }
        announcer.join()
    }

    var statistics: WriteStatistics {
        monitor.withLock { state in
            var statistics = state.statistics
            statistics.waiting = state.count
            return statistics
        }
    }
}
