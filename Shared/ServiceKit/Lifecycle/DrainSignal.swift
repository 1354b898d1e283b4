import Synchronization

/// Tells streams without an end that the service is stopping.
package final class DrainSignal: Sendable {
    private struct State {
        var isDraining = false
        var waiters: [Int: AsyncStream<Never>.Continuation] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    package init() {}

    package var isDraining: Bool { state.withLock { $0.isDraining } }

    package func drain() {
        let waiters = state.withLock { state in
            state.isDraining = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.finish() }
    }

    /// Returns when the service begins to stop, or the task is cancelled.
    package func wait() async {
        let (stream, continuation) = AsyncStream<Never>.makeStream()
        let id: Int? = state.withLock { state in
            guard !state.isDraining else { return nil }
            state.next += 1
            state.waiters[state.next] = continuation
            return state.next
        }
        guard let id else { return }
        for await _ in stream {}
        state.withLock { _ = $0.waiters.removeValue(forKey: id) }
    }
}
