import NIOCore

/// Allows a burst, then a steady rate. A value; the caller says what time it is.
public struct TokenBucket: Sendable {
    /// How much is allowed.
    public struct Rate: Sendable, Hashable {
        /// So many at once.
        public var burst: Int
        /// And so many more each second.
        public var perSecond: Int
        /// A rate.
        public init(burst: Int, perSecond: Int) {
            self.burst = burst
            self.perSecond = perSecond
        }
    }

    private let rate: Rate
    private var tokens: Int
    private var refilled: NIODeadline

    /// A full bucket.
    public init(_ rate: Rate, now: NIODeadline) {
        self.rate = rate
        tokens = rate.burst
        refilled = now
    }

    /// Takes one token; false when there is none.
    public mutating func take(now: NIODeadline) -> Bool {
        if tokens <= 0 { refill(now: now) }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }

    /// Gives tokens back, up to the burst.
    package mutating func give(_ amount: Int) { tokens = min(rate.burst, tokens + amount) }

    private mutating func refill(now: NIODeadline) {
        let elapsed = (now - refilled).nanoseconds
        guard elapsed > 0 else { return }
        let seconds = Double(elapsed) / 1_000_000_000
        let gained = Int(min(seconds * Double(rate.perSecond), Double(rate.burst)))
        guard gained > 0 else { return }
        tokens = min(rate.burst, tokens + gained)
        refilled = now
    }
}
