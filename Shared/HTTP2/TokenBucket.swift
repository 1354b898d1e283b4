import NIOCore

/// Allows a burst, then a steady rate. A value; the caller says what time it is.
public struct TokenBucket: Sendable {
    /// How much is allowed.
    public struct Rate: Sendable, Hashable, CustomStringConvertible {
        /// So many at once.
        public var burst: Int
        /// And so many more each second.
        public var perSecond: Double
        /// A rate.
        public init(burst: Int, perSecond: Double) {
            self.burst = burst
            self.perSecond = perSecond
        }

        /// Reads `BURST/PER-SECOND`, as operators write it: `400/100`, `10/0.5`.
        package init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, let burst = Int(parts[0]), let perSecond = Double(parts[1]),
                (0...0x7fff_ffff).contains(burst), (0...0x7fff_ffff).contains(perSecond)
            else { return nil }
            self.init(burst: burst, perSecond: perSecond)
        }

        package static let expectation = "BURST/PER-SECOND, for example 400/100"

        public var description: String {
            Int(exactly: perSecond).map { "\(burst)/\($0)" } ?? "\(burst)/\(perSecond)"
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

    /// How long after `now` there will be a token, where `take` has just found none. A day is as good as never.
    package func wait(now: NIODeadline) -> TimeAmount {
        let next = refilled + .nanoseconds(Int64(min(1 / rate.perSecond, 86_400) * 1_000_000_000))
        return max(.zero, next - now)
    }

    /// What makes up less than a token is kept for the next time.
    private mutating func refill(now: NIODeadline) {
        let gained = Double((now - refilled).nanoseconds) / 1_000_000_000 * rate.perSecond
        guard gained >= 1 else { return }
        if gained >= Double(rate.burst - tokens) {
            tokens = rate.burst
            refilled = now
        } else {
            tokens += Int(gained)
            refilled = refilled + .nanoseconds(Int64(gained.rounded(.down) / rate.perSecond * 1_000_000_000))
        }
    }
}
