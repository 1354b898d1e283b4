import HTTP2
import NIOCore

/// State of the connection to one address (gRPC `doc/connectivity-semantics-and-api.md`). A value; the client acts on
/// it.
struct Connectivity: Sendable {
    /// Where the connection stands.
    enum State: Sendable, Hashable {
        /// Not connected and not trying: nobody needs it.
        case idle
        case connecting
        case ready
        /// Failed; another try is made at the time.
        case failed(retryAt: NIODeadline)
        case shutdown
    }

    private(set) var state = State.idle
    private(set) var lastError: RPCError?
    private let backoff: Backoff
    private var failures = 0

    init(backoff: Backoff) { self.backoff = backoff }

    /// Somebody needs a connection; true when one is to be made now.
    mutating func wanted(now: NIODeadline) -> Bool {
        switch state {
        case .idle: break
        case .failed(let retryAt) where now >= retryAt: break
        default: return false
        }
        state = .connecting
        return true
    }

    /// The server's SETTINGS came.
    mutating func ready() {
        guard state == .connecting else { return }
        state = .ready
        failures = 0
        lastError = nil
    }

    /// A connection could not be made. Returns when to try again.
    mutating func failed(_ error: RPCError, now: NIODeadline, random: Double = .random(in: -1...1)) -> NIODeadline {
        guard state != .shutdown else { return .distantFuture }
        failures += 1
        lastError = error
        let retryAt = now + (TimeAmount(backoff.wait(attempt: failures, random: random)) ?? .hours(1))
        state = .failed(retryAt: retryAt)
        return retryAt
    }

    /// The connection ended, or is leaving, after having been ready.
    mutating func left() {
        guard state == .ready else { return }
        state = .idle
    }

    mutating func shutdown() { state = .shutdown }
}
