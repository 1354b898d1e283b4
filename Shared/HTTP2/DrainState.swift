/// Leaves a connection without losing a call: two GOAWAYs with a round trip between them (gRFC A9, RFC 9113 section
/// 6.8).
package struct DrainState: Sendable {
    /// What to do now.
    package enum Action: Hashable, Sendable {
        /// GOAWAY with the highest stream id, and a PING after it.
        case announce
        /// GOAWAY with the last stream id handled.
        case refuseNewStreams
        /// Every call has ended: close.
        case close
        case nothing
    }

    private enum State: Sendable { case open, announced, refusing, closed }
    private var state = State.open

    package init() {}

    /// Whether draining has begun.
    package var isDraining: Bool { state != .open }

    /// Draining is wanted.
    package mutating func begin() -> Action {
        guard state == .open else { return .nothing }
        state = .announced
        return .announce
    }

    /// The PING after the announcement was answered, or took too long: requests sent before the client knew have
    /// arrived.
    package mutating func roundTripDone(openCalls: Int) -> Action {
        guard state == .announced else { return .nothing }
        state = .refusing
        return .refuseNewStreams
    }

    /// The number of open calls has changed.
    package mutating func callsChanged(openCalls: Int) -> Action {
        guard state == .refusing, openCalls == 0 else { return .nothing }
        state = .closed
        return .close
    }
}
