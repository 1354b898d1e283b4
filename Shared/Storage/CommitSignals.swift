import Synchronization

/// Wakes those in this process who wait for commits on a channel. Other processes on the same PostgreSQL database tell
/// of theirs by `PostgresAnnouncer`.
final class CommitSignals: Sendable {
    private struct State {
        var listeners: [String: [Int: AsyncStream<Void>.Continuation]] = [:]
        var next = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    func fire(_ channels: Set<String>) {
        guard !channels.isEmpty else { return }
        let listeners = state.withLock { state in channels.flatMap { state.listeners[$0, default: [:]].values } }
        for listener in listeners { listener.yield() }
    }

    /// Something may have been missed: wakes everybody.
    func fireAll() {
        let listeners = state.withLock { $0.listeners.values.flatMap(\.values) }
        for listener in listeners { listener.yield() }
    }

    func listen(_ channel: String, every interval: Duration) -> AsyncStream<Void> {
        // One element waits at most: it says that there is something to look at, not how much.
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id: Int? = state.withLock { state in
            guard !state.isClosed else { return nil }
            state.next += 1
            state.listeners[channel, default: [:]][state.next] = continuation
            return state.next
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        let ticker = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: interval)
                continuation.yield()
            }
        }
        continuation.onTermination = { [weak self] _ in
            ticker.cancel()
            self?.state.withLock { state in
                state.listeners[channel]?[id] = nil
                if state.listeners[channel]?.isEmpty == true { state.listeners[channel] = nil }
            }
        }
        return stream
    }

    /// Ends all streams.
    func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return state.listeners.values.flatMap(\.values)
        }
        for listener in listeners { listener.finish() }
    }
}
