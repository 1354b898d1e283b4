import NIOCore

/// Counts pings that come too often (gRPC `doc/keepalive.md`, "Server Enforcement").
package struct PingStrikes: Sendable {
    private let minimumInterval: TimeAmount
    private let limit: Int
    private var lastPing: NIODeadline?
    private var strikes = 0

    package init(minimumInterval: TimeAmount, limit: Int) {
        self.minimumInterval = minimumInterval
        self.limit = limit
    }

    /// A ping came; false when the client has struck too often and must be sent away.
    package mutating func received(now: NIODeadline) -> Bool {
        defer { lastPing = now }
        guard let lastPing, now - lastPing < minimumInterval else { return true }
        strikes += 1
        return strikes <= limit
    }

    /// We sent HEADERS or DATA: pings beside traffic are the peer measuring its bandwidth.
    package mutating func forgive() {
        strikes = 0
        lastPing = nil
    }
}

/// Finds out whether a silent peer is still there.
package struct Keepalive: Sendable {
    /// What to do now.
    package enum Action: Hashable, Sendable {
        /// Send a PING, and ask again at the time.
        case ping(next: NIODeadline)
        /// Ask again at the time.
        case wait(until: NIODeadline)
        /// The peer has not answered: close.
        case dead
    }

    private let interval: TimeAmount
    private let timeout: TimeAmount
    private var lastActivity: NIODeadline
    private var pingSent: NIODeadline?

    package init(interval: TimeAmount, timeout: TimeAmount, now: NIODeadline) {
        self.interval = interval
        self.timeout = timeout
        lastActivity = now
    }

    /// Anything was received.
    package mutating func received(now: NIODeadline) {
        lastActivity = now
        pingSent = nil
    }

    /// The time asked for has come.
    package mutating func tick(now: NIODeadline) -> Action {
        if let pingSent {
            return now - pingSent >= timeout ? .dead : .wait(until: pingSent + timeout)
        }
        if now - lastActivity >= interval {
            pingSent = now
            return .ping(next: now + timeout)
        }
        return .wait(until: lastActivity + interval)
    }
}
