/// When a failed attempt is made again (gRFC A6).
///
/// Only what failed UNAVAILABLE before any response is retried; what the server never saw (REFUSED_STREAM, GOAWAY) is
/// sent again in any case.
public struct RetryPolicy: Sendable, Hashable {
    /// Attempts in all.
    public var attempts: Int
    /// Waits between attempts.
    public var backoff: Backoff

    /// Describes a policy.
    public init(
        attempts: Int = 4, backoff: Backoff = Backoff(initial: .milliseconds(100), multiplier: 2, maximum: .seconds(2))
    ) {
        self.attempts = attempts
        self.backoff = backoff
    }
}

/// Stops retrying when most attempts fail, so that retries do not bury a struggling server (gRFC A6, "Throttling").
struct RetryThrottle: Sendable {
    private let maximum = 100.0
    private let perSuccess = 0.1
    private var tokens = 100.0

    /// Whether an attempt that failed may be made again.
    var allowsRetry: Bool { tokens > maximum / 2 }

    mutating func succeeded() { tokens = min(maximum, tokens + perSuccess) }

    /// Counts a failed attempt, if it says that the server struggles: what it did not see, and refusals of the request
    /// itself, do not ("only RPCs with status codes indicating to retry, or with pushback not to").
    mutating func failed(code: StatusCode, unprocessed: Bool, pushback: Int?) {
        guard pushback.map({ $0 < 0 }) == true || (code == .unavailable && !unprocessed) else { return }
        tokens = max(0, tokens - 1)
    }
}

/// What to do about a failed attempt. A value: asked once for each failure.
struct AttemptState: Sendable {
    /// What follows a failure.
    enum Decision: Sendable, Hashable {
        case giveUp
        case retry(after: Duration)
    }

    private let policy: RetryPolicy?
    private var failures = 0
    private var transparentRetries = 0

    /// `policy` nil: what the server may have seen is never made again, because the caller does not want it or the
    /// request cannot be sent twice.
    init(policy: RetryPolicy?) { self.policy = policy }

    /// An attempt failed before any response. `unprocessed`: the server never handled it. `resendable`: everything sent
    /// so far can be sent again. `pushback`: milliseconds the server asked to wait; negative: not again.
    mutating func failed(
        code: StatusCode, unprocessed: Bool, resendable: Bool = true, pushback: Int?, throttle: RetryThrottle,
        random: Double = .random(in: -1...1)
    ) -> Decision {
        guard resendable else { return .giveUp }
        if unprocessed, transparentRetries < 5 {
            // Not a repetition: nobody has seen the call (gRFC A6, "Transparent Retries").
            transparentRetries += 1
            let backoff = (policy ?? RetryPolicy()).backoff
            return .retry(after: transparentRetries == 1 ? .zero : backoff.wait(attempt: transparentRetries))
        }
        guard let policy else { return .giveUp }
        failures += 1
        guard code == .unavailable, failures < policy.attempts, throttle.allowsRetry else { return .giveUp }
        if let pushback { return pushback < 0 ? .giveUp : .retry(after: .milliseconds(pushback)) }
        return .retry(after: policy.backoff.wait(attempt: failures, random: random))
    }
}
