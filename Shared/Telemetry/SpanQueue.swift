import DequeModule
import Synchronization

/// Spans on their way to the collector. Bounded: a collector that is away must neither slow a service down nor eat its
/// memory.
final class SpanQueue: Sendable {
    private struct State {
        var spans = Deque<Span>()
        var statistics = Tracer.Statistics()
        var isFinished = false
    }

    private let state = Mutex(State())
    private let limit: Int
    private let batch: Int
    /// One element when there is something to send; ends when nothing more comes.
    let wakes: AsyncStream<Void>
    private let waker: AsyncStream<Void>.Continuation

    init(limit: Int, batch: Int) {
        self.limit = limit
        self.batch = batch
        (wakes, waker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var statistics: Tracer.Statistics { state.withLock { $0.statistics } }

    /// Never waits. Without room the span is dropped, and counted.
    func add(_ span: Span) {
        let isBatch = state.withLock { state in
            guard !state.isFinished, state.spans.count < limit else {
                state.statistics.dropped += 1
                return false
            }
            state.spans.append(span)
            return state.spans.count.isMultiple(of: batch)
        }
        if isBatch { waker.yield() }
    }

    func wake() { waker.yield() }

    /// The oldest; nil: there are none.
    func take() -> [Span]? {
        state.withLock { state in
            guard !state.spans.isEmpty else { return nil }
            let taken = Array(state.spans.prefix(batch))
            state.spans.removeFirst(taken.count)
            return taken
        }
    }

    func count(sent: Int = 0, unsent: Int = 0) {
        state.withLock {
            $0.statistics.sent += sent
            $0.statistics.unsent += unsent
        }
    }

    /// Takes no more.
    func finish() {
        state.withLock { $0.isFinished = true }
        waker.finish()
    }

    /// What is left will not be sent.
    func abandon() {
        state.withLock { state in
            state.statistics.unsent += state.spans.count
            state.spans = []
        }
    }
}
