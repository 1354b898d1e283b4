/// Exponential backoff with jitter (gRPC `doc/connection-backoff.md`).
public struct Backoff: Sendable, Hashable {
    /// First wait.
    public var initial: Duration
    /// Each wait is so many times the one before.
    public var multiplier: Double
    /// Longest wait.
    public var maximum: Duration
    /// Each wait is moved by up to this share, either way.
    public var jitter: Double

    /// Describes a backoff.
    public init(initial: Duration, multiplier: Double = 1.6, maximum: Duration, jitter: Double = 0.2) {
        self.initial = initial
        self.multiplier = multiplier
        self.maximum = maximum
        self.jitter = jitter
    }

    /// The wait before try number `attempt`, from 1. `random` is in -1...1.
    public func wait(attempt: Int, random: Double = .random(in: -1...1)) -> Duration {
        var factor = 1.0
        for _ in 1..<max(attempt, 1) where initial * factor < maximum { factor *= multiplier }
        return min(initial * factor, maximum) * (1 + jitter * random)
    }
}
