import ServiceKit

/// How fast this process may send over each channel: so many at once, at the provider's rate, and not at all while the
/// provider is left alone. A value; time comes in.
struct ChannelPaces: Sendable {
    private struct Pace {
        var limiter: RateLimiter
        var underWay = 0
        var pauseReason = ""
    }

    private let sendersPerChannel: Int
    private var paces: [ChannelKind: Pace]

    init(_ senders: [any MessageSender], sendersPerChannel: Int) {
        self.sendersPerChannel = sendersPerChannel
        paces = Dictionary(
            senders.map { ($0.kind, Pace(limiter: RateLimiter(rate: $0.ratePerSecond))) }
        ) { first, _ in first }
    }

    /// Takes as many turns as may begin now: free threads, and what the provider's rate allows.
    mutating func take(_ channel: ChannelKind, now: Instant) -> Int {
        guard let pace = paces[channel], pace.underWay < sendersPerChannel else { return 0 }
        return paces[channel]?.limiter.take(upTo: sendersPerChannel - pace.underWay, now: now) ?? 0
    }

    /// Messages have begun, for some of the turns taken.
    mutating func begin(_ count: Int, giveBack unused: Int, _ channel: ChannelKind) {
        paces[channel]?.underWay += count
        paces[channel]?.limiter.giveBack(unused)
    }

    /// When a turn can be had again; nil when all threads are busy: the first that ends will call.
    mutating func next(_ channel: ChannelKind, now: Instant) -> Instant? {
        guard let pace = paces[channel], pace.underWay < sendersPerChannel else { return nil }
        return paces[channel]?.limiter.nextToken(now: now)
    }

    /// A message has ended. Gives back until when its provider is left alone, if it is because of this one.
    mutating func finish(_ channel: ChannelKind, _ outcome: SendOutcome, now: Instant) -> Instant? {
        paces[channel]?.underWay -= 1
        if outcome.kind == .accepted {
            paces[channel]?.limiter.succeeded()
            return nil
        }
        guard outcome.concernsProvider else { return nil }
        paces[channel]?.limiter.pause(now: now, asked: outcome.retryAfter)
        paces[channel]?.pauseReason = outcome.detail
        return paces[channel]?.limiter.pausedUntil
    }

    /// Until when and why a provider is left alone.
    func pause(of channel: ChannelKind, now: Instant) -> (until: Instant, reason: String)? {
        guard let pace = paces[channel], let until = pace.limiter.pausedUntil, until > now else { return nil }
        return (until, pace.pauseReason)
    }
}
