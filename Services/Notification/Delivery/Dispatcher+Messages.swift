import Logging
import ServiceKit
import Storage
import Synchronization

/// One message.
extension Dispatcher {
    /// Sends one claimed message and records what came of it.
    func send(_ claimed: ClaimedMessage) async {
        let span = tracer.map { DeliverySpan(of: claimed, tracer: $0) }
        let outcome = await courier.attempt(claimed)
        span?.end(outcome)
        let now = clock.now
        let paused = state.withLock { $0.paces.finish(claimed.lane, outcome, now: now) }
        if let paused {
            logger.warning(
                "a provider is left alone",
                metadata: [
                    "channel": "\(claimed.lane.name)", "until": "\(paused)", "reason": "\(outcome.detail)",
                ])
        }
        let random = Double.random(in: 0..<1)
        // The message is out: its state must not be lost to a moment's trouble with the disk. If it is for good, the
        // lease runs out, and the message is AMBIGUOUS rather than sent again.
        for pause in [0, 1, 5, 20] {
            do {
                if pause > 0 { try await Task.sleep(for: .seconds(pause)) }
                try await database.write { [claims] transaction in
                    try claims.record(
                        outcome, campaign: claimed.campaign.id, delivery: claimed.delivery.id,
                        attempt: claimed.attempt, lane: claimed.lane, now: now, random: random, transaction)
                }
                break
            } catch {
                logger.error(
                    "the outcome of a message could not be recorded",
                    metadata: ["delivery": "\(claimed.delivery.id)", "error": "\(error)"])
            }
        }
        waker.yield()
    }

    /// Asks the provider what became of a message, and records what it says.
    func ask(_ delivery: Delivery) async {
        let word = await courier.status(of: delivery)
        let (now, random) = (clock.now, Double.random(in: 0..<1))
        if let lane = delivery.lane {
            state.withLock { _ = $0.paces.finish(lane, SendOutcome(kind: .ambiguous), now: now) }
        }
        do {
            try await database.write { [claims] transaction in
                try claims.settle(delivery, word, now: now, random: random, transaction)
            }
        } catch {
            logger.error(
                "what a provider says of a message could not be recorded",
                metadata: ["delivery": "\(delivery.id)", "error": "\(error)"])
        }
        waker.yield()
    }
}
