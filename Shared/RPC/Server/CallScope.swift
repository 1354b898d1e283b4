/// What the call being handled passes on to calls made meanwhile: one value, so that it is set once.
struct CallScope: Sendable {
    var deadline: Deadline?
    var trace: TraceContext?

    @TaskLocal static var current: CallScope?
}

extension Deadline {
    /// The deadline of the call being handled; outgoing calls never outlive it.
    public static var current: Deadline? { CallScope.current?.deadline }
}

extension TraceContext {
    /// The trace context of the call being handled; clients send it on.
    public static var current: TraceContext? { CallScope.current?.trace }
}
