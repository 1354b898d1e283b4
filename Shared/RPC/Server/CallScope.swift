import Synchronization

/// What the call being handled passes on to calls made meanwhile: one value, so that it is set once.
struct CallScope: Sendable {
    var deadline: Deadline?
    var trace: TraceContext?
    var waits: CallWaits?

    @TaskLocal static var current: CallScope?
}

/// How long a call has waited for its service's database, for the log of slow calls. An object of its own: work that a
/// handler leaves behind keeps its scope, and must not keep the call.
package final class CallWaits: Sendable {
    private let total = Atomic<Int64>(0)

    var nanoseconds: Int64 { total.load(ordering: .relaxed) }

    /// Adds a wait of the call being handled, if one is.
    package static func add(nanoseconds: Int64) {
        CallScope.current?.waits?.total.wrappingAdd(nanoseconds, ordering: .relaxed)
    }
}

extension Deadline {
    /// The deadline of the call being handled; outgoing calls never outlive it.
    public static var current: Deadline? { CallScope.current?.deadline }
}

extension TraceContext {
    /// The trace context of the call being handled; clients send it on.
    public static var current: TraceContext? { CallScope.current?.trace }

    /// Runs work as a span: calls made meanwhile send it on. For what is not a call of a server, which sets its own.
    package func run<Result>(
        isolation: isolated (any Actor)? = #isolation, _ work: () async throws -> Result
    ) async rethrows -> Result {
        try await CallScope.$current.withValue(
            CallScope(deadline: Deadline.current, trace: self), operation: work, isolation: isolation)
    }
}
