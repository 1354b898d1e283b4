import Shared
import Synchronization

/// What the health service says of each service; set by the lifecycle.
package final class HealthStatuses: Sendable {
    package typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

    private struct Watcher {
        let service: String
        let continuation: AsyncStream<Status>.Continuation
    }

    private struct State {
        var statuses: [String: Status] = [:]
        var watchers: [Int: Watcher] = [:]
        var nextWatcher = 0
        var closed = false
    }

    private let state = Mutex(State())

    /// The empty name stands for the server as a whole.
    package init(services: [String]) {
        state.withLock { state in
            for service in services + [""] { state.statuses[service] = .notServing }
        }
    }

    package func status(of service: String) -> Status? { state.withLock { $0.statuses[service] } }
    package var all: [String: Status] { state.withLock { $0.statuses } }

    package func set(_ status: Status, for service: String) {
        state.withLock { state in
            guard state.statuses[service] != status else { return }
            state.statuses[service] = status
            for watcher in state.watchers.values where watcher.service == service {
                watcher.continuation.yield(status)
            }
        }
    }

    package func setAll(_ status: Status) {
        for service in all.keys { set(status, for: service) }
    }

    /// The status now and after each change; "SERVICE_UNKNOWN" while there is no such service. Ends with `close()`.
    package func updates(of service: String) -> AsyncStream<Status> {
        // Only the newest matters to a slow reader.
        let (stream, continuation) = AsyncStream<Status>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let id: Int? = state.withLock { state in
            continuation.yield(state.statuses[service] ?? .serviceUnknown)
            guard !state.closed else { return nil }
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = Watcher(service: service, continuation: continuation)
            return state.nextWatcher
        }
        if let id {
            continuation.onTermination = { [weak self] _ in
                self?.state.withLock { _ = $0.watchers.removeValue(forKey: id) }
            }
        } else {
            continuation.finish()
        }
        return stream
    }

    /// Ends every watch: the server is about to go, and open streams would hold up its drain.
    package func close() {
        let watchers = state.withLock { state in
            state.closed = true
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.continuation.finish() }
    }
}
