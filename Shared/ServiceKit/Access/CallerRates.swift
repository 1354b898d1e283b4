import HTTP2
import NIOCore
import RPC
import Synchronization

/// Keeps one caller from taking the service away from the others: so many calls at once and so many a second of each.
///
/// A caller is the subject of its token, whatever the number of its tokens, connections and addresses; where nobody is
/// authenticated it is the address. Buckets are kept of the callers of late: whoever is forgotten begins with a full
/// one.
package final class CallerRates: Sendable {
    private struct Buckets: Sendable {
        var calls: TokenBucket?
        var heavyCalls: TokenBucket?

        init(_ limits: CallerLimits, now: NIODeadline) {
            calls = limits.calls.map { TokenBucket($0, now: now) }
            heavyCalls = limits.heavyCalls.map { TokenBucket($0, now: now) }
        }
    }

    /// Which limit has stopped a call, and how long until the next one is let through.
    private struct Refusal {
        let limit: String
        let rate: TokenBucket.Rate
        let wait: TimeAmount
    }

    private let limits: CallerLimits
    /// One lock for all, taken for as long as it takes to find a caller and to count.
    private let buckets: Mutex<RecentValues<String, Buckets>>
    private let refused: NumberFamily

    /// nil: nothing is limited. `callers`: about so many are remembered.
    package init?(_ limits: CallerLimits, metrics: MetricsRegistry, callers: Int = 8192) {
        refused = metrics.counter(
            "grpc_server_limited_total", help: "Calls refused because their caller makes more than it may.",
            labels: ["limit"])
        for name in CallerLimits.names { _ = refused.with(name) }
        guard limits.calls != nil || limits.heavyCalls != nil else { return nil }
        self.limits = limits
        buckets = Mutex(RecentValues(limit: callers))
    }

    /// Callers remembered now.
    var callers: Int { buckets.withLock { $0.count } }

    /// Counts a call of `caller`; throws RATE_LIMITED when it is one too many.
    func admit(_ caller: String, isHeavy: Bool, now: NIODeadline) throws {
        let refusal: Refusal? = buckets.withLock { buckets in
            buckets.change(caller, initial: Buckets(limits, now: now)) { buckets in
                if let refusal = Self.take("caller-calls", limits.calls, &buckets.calls, now) { return refusal }
                return isHeavy
                    ? Self.take("caller-heavy-calls", limits.heavyCalls, &buckets.heavyCalls, now) : nil
            }
        }
        guard let refusal else { return }
        refused.with(refusal.limit).add()
        throw Self.error(refusal, caller)
    }

    private static func take(
        _ limit: String, _ rate: TokenBucket.Rate?, _ bucket: inout TokenBucket?, _ now: NIODeadline
    ) -> Refusal? {
        guard let rate, bucket?.take(now: now) == false, let wait = bucket?.wait(now: now) else { return nil }
        return Refusal(limit: limit, rate: rate, wait: wait)
    }

    private static func error(_ refusal: Refusal, _ caller: String) -> ServiceError {
        let rate = refusal.rate.description
        var error = ServiceError.exhausted(
            reason: "RATE_LIMITED", subject: "caller:\(caller)",
            "the caller makes more calls than \(refusal.limit) allows (\(rate): at once, and each second after that); wait as "
                + "long as RetryInfo says, put more into one call or stream, or ask the operator for more",
            vi:
                "số lệnh gọi vượt giới hạn \(refusal.limit) (\(rate): cùng lúc, và mỗi giây sau đó); hãy chờ theo RetryInfo, "
                + "gộp nhiều dữ liệu vào một lệnh gọi hoặc một luồng, hoặc đề nghị người vận hành nâng giới hạn",
            retryAfter: .nanoseconds(refusal.wait.nanoseconds))
        error.metadata = ["limit": refusal.limit, "rate": rate]
        return error
    }
}

extension ServerContext {
    /// The peer's address without its port, which is another for each connection.
    var peerAddress: String { peer.lastIndex(of: ":").map { String(peer[..<$0]) } ?? peer }
}
