import Foundation

/// What a read waits behind.
package enum ReadLength: Sendable {
    /// About a millisecond at most: waits for others of its kind, and a thread is kept for them.
    case brief
    /// Lists, aggregates, exports.
    case long
}

/// A bounded number of threads for work that would hold up an event loop, with bounded queues.
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
        var length: ReadLength
        var submitted: UInt64
        var run: @Sendable () -> Void
    }

    private struct Queue: Sendable {
        private var jobs: [Job] = []
        /// Jobs before this index are taken.
        private var next = 0

        var count: Int { jobs.count - next }

        mutating func append(_ job: Job) { jobs.append(job) }

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

    private struct State: Sendable {
        var brief = Queue()
        var long = Queue()
        var runningLong = 0
        var threads = 0
        var idle = 0
        var isStopping = false
        var statistics = Statistics()

        var waiting: Int { brief.count + long.count }

        mutating func take(longLimit: Int) -> Job? {
            if let job = brief.take() { return job }
            guard runningLong < longLimit, let job = long.take() else { return nil }
            runningLong += 1
            return job
        }
    }

    private let name: String
    private let longLimit: Int
    private let queueLimit: Int
    private let monitor = Monitor(State())

    /// - Parameters:
    ///   - longReads: How many run at once; there is one thread more.
    ///   - queue: How many of each length may wait.
    init(name: String, longReads: Int, queue: Int) {
        self.name = name
        longLimit = max(1, longReads)
        queueLimit = max(1, queue)
    }

    func submit(_ length: ReadLength, _ run: @escaping @Sendable () -> Void) throws {
        let startThread = try monitor.signal { state in
            guard !state.isStopping else { throw StorageError.closed }
            let waiting = length == .brief ? state.brief.count : state.long.count
            guard waiting < queueLimit else {
                state.statistics.refused += 1
                throw StorageError.overloaded("\(waiting) reads are waiting; the limit is \(queueLimit)")
            }
            let isBusy = state.idle <= state.waiting
            let job = Job(length: length, submitted: monotonicNanoseconds(), run: run)
            if length == .brief { state.brief.append(job) } else { state.long.append(job) }
            guard isBusy, state.threads <= longLimit else { return false }
            state.threads += 1
            return true
        }
        if startThread { start() }
    }

    private func start() {
        let thread = Thread { [monitor, longLimit] in
            var done: ReadLength?
            while let job = Self.next(monitor, longLimit, after: done) {
                job.run()
                done = job.length
            }
            monitor.broadcast { $0.threads -= 1 }
        }
        thread.name = name
        thread.stackSize = 2 << 20
        thread.start()
    }

    private static func next(_ monitor: Monitor<State>, _ longLimit: Int, after done: ReadLength?) -> Job? {
        monitor.withLock { state in
            state.idle += 1
            if done == .long { state.runningLong -= 1 }
        }
        return monitor.wait { state -> Job?? in
            if let job = state.take(longLimit: longLimit) {
                state.idle -= 1
                state.statistics.jobs += 1
                state.statistics.waitNanoseconds += monotonicNanoseconds() - job.submitted
                return .some(job)
            }
            // Whoever runs the last long read takes those that wait for it.
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
            statistics.waiting = state.waiting
            return statistics
        }
    }
}
