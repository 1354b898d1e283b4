/// How old what a consumer knows is.
package struct FeedFreshness: Sendable, Hashable {
    /// Everything its source had committed up to this moment has been applied, in microseconds since 1970; nil: it has
    /// never been caught up.
    package var asOf: Int64?
    /// A stream is open and has answered.
    package var isConnected: Bool
    /// The last response said that nothing newer was there.
    package var isCaughtUp: Bool
    /// Why there is no stream, or why the next event cannot be applied.
    package var problem: String?
    /// When the newest event applied was recorded, in microseconds since 1970.
    package var newestEvent: Int64?

    /// Seconds behind, for metrics; nil if it has never been caught up.
    package func lag(at microseconds: Int64) -> Double? {
        asOf.map { Double(max(0, microseconds - $0)) / 1_000_000 }
    }
}

/// When to try again after failures: exponential, with jitter so that consumers do not come back all at once.
package struct Backoff: Sendable {
    package var base: Duration = .milliseconds(200)
    package var factor = 1.6
    package var limit: Duration = .seconds(10)
    package var jitter = 0.2
    private var failures = 0

    package init(base: Duration = .milliseconds(200), limit: Duration = .seconds(10)) {
        self.base = base
        self.limit = limit
    }

    package mutating func reset() { failures = 0 }

    /// The next pause; `random` is between -1 and 1.
    package mutating func next(random: Double = Double.random(in: -1...1)) -> Duration {
        var pause = base
        // At most as many steps as the limit allows, so that years of failures cost nothing.
        for _ in 0..<failures where pause < limit { pause = pause * factor }
        failures = min(failures + 1, 1_000)
        return min(pause, limit) * (1 + jitter * random)
    }
}
