import RPC

/// Where spans go: gathers them and sends them to a collector in batches, by size and by time.
///
/// Not swift-distributed-tracing: the trace of a call is already carried, with its deadline in one task-local value, by
/// `RPC`; that library's context would be a second one to set and to look up on every call, and no library used here
/// has spans of its own to add.
package final class Tracer: Sendable {
    /// Every bound, with its default.
    package struct Limits: Sendable {
        /// Spans that wait; those beyond are dropped.
        package var queue = 8_192
        /// Spans in one message, and how many wake the sender.
        package var batch = 512
        /// Fewer are sent after so long.
        package var interval: Duration = .seconds(5)

        package init() {}
    }

    /// Counters for metrics.
    package struct Statistics: Sendable, Hashable {
        /// Taken by the collector.
        package var sent = 0
        /// For which there was no room.
        package var dropped = 0
        /// Which the collector did not take, or which were left when the process ended.
        package var unsent = 0
    }

    /// Of traces that begin in this process.
    package let sampling: TraceSampling
    private let queue: SpanQueue
    private let collector: any SpanCollector
    private let pause: @Sendable (Duration) async throws -> Void
    private let worker: Task<Void, Never>

    /// Sends until `close`.
    ///
    /// - Parameters:
    ///   - report: Told when the collector stops taking spans, with the error, and when it takes them again, with nil.
    ///   - pause: Waits; for tests.
    package init(
        collector: any SpanCollector, sampling: TraceSampling, limits: Limits = Limits(),
        report: @escaping @Sendable ((any Error)?) -> Void = { _ in },
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.sampling = sampling
        self.collector = collector
        self.pause = pause
        let queue = SpanQueue(limit: limits.queue, batch: limits.batch)
        self.queue = queue
        // Detached: sending spans is part of no call.
        worker = Task.detached {
            let ticker = Task {
                while !Task.isCancelled {
                    try? await pause(limits.interval)  // throws when cancelled, which the loop sees
                    queue.wake()
                }
            }
            var isFailing = false
            for await _ in queue.wakes { await Self.send(queue, to: collector, &isFailing, report) }
            ticker.cancel()
            await Self.send(queue, to: collector, &isFailing, report)
        }
    }

    package var statistics: Statistics { queue.statistics }

    /// Adds a span that has ended. Ask whether its trace is recorded first: most are not.
    package func record(_ span: Span) { queue.add(span) }

    /// Sends what is left, for up to `limit`, and closes the connection.
    package func close(within limit: Duration) async {
        queue.finish()
        let (worker, pause) = (worker, pause)
        let limiter = Task.detached {
            try await pause(limit)
            worker.cancel()
        }
        await worker.value
        limiter.cancel()
        queue.abandon()
        await collector.close()
    }

    /// Sends all there is. What a collector does not take, after the client's own attempts, is not kept: newer spans
    /// say more about what is wrong now.
    private static func send(
        _ queue: SpanQueue, to collector: any SpanCollector, _ isFailing: inout Bool,
        _ report: @Sendable ((any Error)?) -> Void
    ) async {
        while !Task.isCancelled, let spans = queue.take() {
            do {
                let refused = min(spans.count, try await collector.export(spans))
                queue.count(sent: spans.count - refused, unsent: refused)
                if isFailing { report(nil) }
                isFailing = false
            } catch {
                queue.count(unsent: spans.count)
                if !isFailing { report(error) }
                isFailing = true
            }
        }
    }
}

/// Takes batches of spans.
package protocol SpanCollector: Sendable {
    /// How many it refused for good; throws when it could not be asked.
    func export(_ spans: [Span]) async throws -> Int
    func close() async
}
