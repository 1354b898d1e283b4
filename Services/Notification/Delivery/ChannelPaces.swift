import ServiceKit

/// How fast this process may send over each lane: so many at once, at the provider's rate, and not at all while the
/// provider is left alone. A value; time comes in.
struct ChannelPaces: Sendable {
    private struct Pace {
        var limiter: RateLimiter
        var underWay = 0
        var pauseReason = ""
    }

    private let sendersPerChannel: Int
    private var paces: [Lane: Pace]

    init(_ senders: [any MessageSender], sendersPerChannel: Int) {
        self.sendersPerChannel = sendersPerChannel
        paces = Dictionary(
            senders.map { ($0.lane, Pace(limiter: RateLimiter(rate: $0.ratePerSecond))) }
        ) { first, _ in first }
    }

    /// Takes as many turns as may begin now: free threads, and what the provider's rate allows.
    mutating func take(_ lane: Lane, now: Instant) -> Int {
        guard let pace = paces[lane], pace.underWay < sendersPerChannel else { return 0 }
        return paces[lane]?.limiter.take(upTo: sendersPerChannel - pace.underWay, now: now) ?? 0
    }

    /// Messages have begun, for some of the turns taken.
    mutating func begin(_ count: Int, giveBack unused: Int, _ lane: Lane) {
        paces[lane]?.underWay += count
        paces[lane]?.limiter.giveBack(unused)
    }

    /// When a turn can be had again; nil when all threads are busy: the first that ends will call.
    mutating func next(_ lane: Lane, now: Instant) -> Instant? {
        guard let pace = paces[lane], pace.underWay < sendersPerChannel else { return nil }
        return paces[lane]?.limiter.nextToken(now: now)
    }

    /// A message has ended. Gives back until when its provider is left alone, if it is because of this one.
    mutating func finish(_ lane: Lane, _ outcome: SendOutcome, now: Instant) -> Instant? {
        paces[lane]?.underWay -= 1
        if outcome.kind == .accepted {
            paces[lane]?.limiter.succeeded()
            return nil
        }
        guard outcome.concernsProvider else { return nil }
        paces[lane]?.limiter.pause(now: now, asked: outcome.retryAfter)
        paces[lane]?.pauseReason = outcome.detail
        return paces[lane]?.limiter.pausedUntil
    }

    /// Until when and why a provider is left alone.
    func pause(of lane: Lane, now: Instant) -> (until: Instant, reason: String)? {
        guard let pace = paces[lane], let until = pace.limiter.pausedUntil, until > now else { return nil }
        return (until, pace.pauseReason)
    }
}
