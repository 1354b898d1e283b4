import NIOCore

/// What the layer above counts and asks for on every call. Functions rather than stored properties: the attribute that
/// spares these the check for exclusivity holds in their own module only.
extension HTTP2Connection {
    /// The time of the last input or tick.
    package func loopTime() -> NIODeadline { session.now }

    /// Whether one more handler may run.
    package func mayStartHandler() -> Bool { runningHandlers < limits.runningHandlers }

    /// A handler has been started.
    package func handlerStarted() { runningHandlers += 1 }

    /// A handler has come to its end.
    package func handlerEnded() { runningHandlers -= 1 }

    /// `InboundBudget.refuses`
    package func refuses(holding count: Int) -> Bool { inbound.refuses(holding: count) }

    /// A stream has sent part of a message, for which it would get `credit`: gives it what it may have now.
    package func credit(_ credit: Int, to stream: HTTP2Stream) { stream.consume(inbound.credit(credit, to: stream.id)) }

    /// What a stream makes us hold has changed by `change` bytes; `needsMore`: its message is incomplete. Gives others
    /// the credit that has become free.
    package func held(by stream: HTTP2Stream, changed change: Int, needsMore: Bool) {
        for (id, credit) in inbound.changed(by: change, stream: stream.id, needsMore: needsMore) {
            session.withStream(id) { $0.consume(credit) }
        }
    }
}
