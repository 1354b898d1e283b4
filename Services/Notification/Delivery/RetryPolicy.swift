import ServiceKit

/// When a failed try is repeated: exponential backoff with jitter, until the message is too old.
struct RetryPolicy: Sendable, Hashable {
    /// Wait after the first try, before jitter.
    var first: Duration = .seconds(30)
    /// Longest wait, before jitter.
    var longest: Duration = .seconds(4 * 3600)
    /// "The give-up time generally needs to be at least 4–5 days" (RFC 5321, section 4.5.4.1).
    var giveUpAfter: Duration = .seconds(5 * 86_400)

    /// The moment of the next try, or nil when there shall be none.
    ///
    /// Jitter spreads over half to the whole of the wait (`random` from 0 up to 1), so that messages that failed
    /// together do not come back together. A provider that asks for a longer wait gets it.
    func nextTry(
        afterAttempt attempt: Int, firstAttemptAt: Instant, now: Instant, random: Double, asked: Duration? = nil
    )
        -> Instant?
    {
        let doubled = first * (1 << min(max(attempt, 1) - 1, 30))
        let wait = min(doubled, longest)
        let jittered = wait * (0.5 + 0.5 * min(max(random, 0), 1))
        let next = now.adding(max(jittered, asked ?? .zero))
        return next <= firstAttemptAt.adding(giveUpAfter) ? next : nil
    }
}
