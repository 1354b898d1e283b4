import Foundation

/// A bounded number of threads for work that would hold up an event loop, with a bounded queue.
///
/// Threads start when there is work and stay until the end.
final class ReaderThreads: Sendable {
    struct Statistics: Sendable {
        var jobs = 0
        var refused = 0
        var waitNanoseconds: UInt64 = 0
        var waiting = 0
    }

    private struct Job: Sendable {
        var submitted: UInt64
        var run: @Sendable () -> Void
    }

    private struct State: Sendable {
        var jobs: [Job] = []
        /// Jobs before this index are taken.
        var next = 0
        var threads = 0
        var idle = 0
        var isStopping = false
        var statistics = Statistics()

        mutating func take() -> Job? {
            guard next < jobs.count else { return nil }
            let job = jobs[next]
            jobs[next].run = {}  // what it captured must not outlive it
            next += 1
            if next == jobs.count {
                jobs.removeAll(keepingCapacity: true)
                next = 0
            } else if next > 256, next * 2 > jobs.count {
                jobs.removeFirst(next)
                next = 0
            }
            return job
        }
    }

    private let name: String
    private let threadLimit: Int
    private let queueLimit: Int
    private let monitor = Monitor(State())

    init(name: String, threads: Int, queue: Int) {
        self.name = name
        threadLimit = max(1, threads)
        queueLimit = max(1, queue)
    }

    func submit(_ run: @escaping @Sendable () -> Void) throws {
        let startThread = try monitor.signal { state in
            guard !state.isStopping else { throw StorageError.closed }
            let waiting = state.jobs.count - state.next
            guard waiting < queueLimit else {
                state.statistics.refused += 1
                throw StorageError.overloaded("\(waiting) reads are waiting; the limit is \(queueLimit)")
            }
            state.jobs.append(Job(submitted: monotonicNanoseconds(), run: run))
            guard state.idle <= waiting, state.threads < threadLimit else { return false }
            state.threads += 1
            return true
        }
        if startThread { start() }
    }

    private func start() {
        let thread = Thread { [monitor] in
            while let job = Self.next(monitor) { job.run() }
            monitor.broadcast { $0.threads -= 1 }
        }
        thread.name = name
        thread.stackSize = 2 << 20
        thread.start()
    }

    private static func next(_ monitor: Monitor<State>) -> Job? {
        monitor.withLock { $0.idle += 1 }
        return monitor.wait { state -> Job?? in
            if let job = state.take() {
                state.idle -= 1
                state.statistics.jobs += 1
                state.statistics.waitNanoseconds += monotonicNanoseconds() - job.submitted
                return .some(job)
            }
            guard state.isStopping else { return nil }
            state.idle -= 1
            return .some(nil)
        }
    }

    /// Takes no more work; what waits is still done.
    func stop() { monitor.broadcast { $0.isStopping = true } }

    /// Waits until all threads have ended. Blocks.
    func join() { monitor.wait { $0.threads == 0 ? () : nil } }

    var statistics: Statistics {
        monitor.withLock { state in
            var statistics = state.statistics
            statistics.waiting = state.jobs.count - state.next
            return statistics
        }
    }
}
