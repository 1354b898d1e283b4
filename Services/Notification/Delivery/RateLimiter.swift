import ServiceKit

/// A token bucket: at most `rate` messages per second on average, `burst` at once. A value; time comes in.
struct RateLimiter: Sendable, Hashable {
    let rate: Double
    let burst: Double
    private var tokens: Double
    private var filledAt: Instant?
    /// The provider is left alone until then, after a failure that concerns all messages.
    private(set) var pausedUntil: Instant?
    private var pauses = 0

    init(rate: Double, burst: Double? = nil) {
        self.rate = rate
        self.burst = max(1, burst ?? rate)
        tokens = self.burst
    }

    /// Takes up to `wanted` tokens.
    mutating func take(upTo wanted: Int, now: Instant) -> Int {
        if let pausedUntil, now < pausedUntil { return 0 }
        refill(now)
        let taken = min(Double(wanted), tokens.rounded(.down))
        tokens -= taken
        return Int(taken)
    }

    /// Gives back tokens that were taken and not used.
    mutating func giveBack(_ count: Int) { tokens = min(burst, tokens + Double(count)) }

    /// The moment from which a token can be had.
    mutating func nextToken(now: Instant) -> Instant {
        refill(now)
        let missing = max(0, 1 - tokens)
        let byRate = now.adding(.seconds(missing / rate))
        return max(byRate, pausedUntil ?? byRate)
    }

    /// Leaves the provider alone: a second, doubled with each failure in a row, at most five minutes.
    mutating func pause(now: Instant, asked: Duration? = nil) {
        // Several messages under way fail together; they are one failure.
        if let pausedUntil, now < pausedUntil { return }
        pauses = min(pauses + 1, 9)
        let wait = min(Duration.seconds(1 << (pauses - 1)), .seconds(300))
        pausedUntil = now.adding(max(wait, asked ?? .zero))
    }

    mutating func succeeded() {
        pauses = 0
        pausedUntil = nil
    }

    private mutating func refill(_ now: Instant) {
        defer { filledAt = now }
        guard let filledAt, now > filledAt else { return }
        tokens = min(burst, tokens + Double(now.microseconds - filledAt.microseconds) / 1_000_000 * rate)
    }
}
