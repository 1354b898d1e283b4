import RPC
import Synchronization
import Telemetry

/// A collector of traces that keeps what it is given, and answers what it is told to.
package final class SampleCollector: SpanCollector {
    private struct State {
        var batches: [[Span]] = []
        var answer: Result<Int, RPCError> = .success(0)
        var isOpen: Bool
        var isClosed = false
    }

    private let state: Mutex<State>

    /// `isOpen` false: it does not answer before `open()`.
    package init(isOpen: Bool = true) { state = Mutex(State(isOpen: isOpen)) }

    /// As they came.
    package var batches: [[Span]] { state.withLock { $0.batches } }
    package var spans: [Span] { batches.flatMap(\.self) }
    package var isClosed: Bool { state.withLock { $0.isClosed } }

    /// How many spans it says that it refused, or why it cannot be asked.
    package var answer: Result<Int, RPCError> {
        get { state.withLock { $0.answer } }
        set { state.withLock { $0.answer = newValue } }
    }

    package func open() { state.withLock { $0.isOpen = true } }

    package func export(_ spans: [Span]) async throws -> Int {
        state.withLock { $0.batches.append(spans) }
        while !state.withLock({ $0.isOpen }) { try await Task.sleep(for: .milliseconds(1)) }
        return try answer.get()
    }

    package func close() async { state.withLock { $0.isClosed = true } }
}
