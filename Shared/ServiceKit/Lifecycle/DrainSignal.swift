import RPC
import Shared
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

/// Ends the streams that would go on for ever (`Watch…`, `Follow`, reflection) when the service begins to stop, so that
/// the drain waits for real work only. Their callers get UNAVAILABLE and go on at another replica, or after the restart,
/// from where they were.
package struct DrainInterceptor: ServerInterceptor {
    let signal: DrainSignal

    package init(signal: DrainSignal) { self.signal = signal }

    /// What follows something rather than answering a question. Health ends its watches by itself, after the news that it
    /// no longer serves.
    static func isEndless(_ method: MethodDescriptor) -> Bool {
        method.kind.serverStreams && method.service != Grpc_Health_V1_Health.name
            && (method.method.hasPrefix("Watch") || method.method.hasPrefix("Follow")
                || method.method == "ServerReflectionInfo")
    }

    package func intercept(_ context: ServerContext, next: NextHandler) async throws {
        guard DrainInterceptor.isEndless(context.method) else { return try await next(context) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await next(context) }
            group.addTask { [signal] in
                await signal.wait()
                if signal.isDraining { throw DrainInterceptor.stopping }
            }
            // The first to end decides: the handler, or the signal; the other is cancelled.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    static let stopping = ServiceError.unavailable(
        reason: "STOPPING", "the service is stopping; go on at another replica or after its restart",
        vi: "dịch vụ đang dừng; hãy tiếp tục ở bản sao khác hoặc sau khi khởi động lại")
}
