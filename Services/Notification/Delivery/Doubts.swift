import ServiceKit
import Storage

/// Messages of which nobody knows whether they were taken: "AMBIGUOUS → query status, await the callback before any
/// resend". A provider that can be asked is asked some times before a person has to decide.
extension Claims {
    /// After the end of the try; it may take the provider a while to know.
    private static let moments: [Int64] = [60, 600, 3_600]

    /// With the moment at which the provider is asked, if it is one that can be.
    func asked(
        _ next: DeliveryMachine.Transition, _ delivery: Delivery, _ now: Instant, _ transaction: ReadTransaction
    ) throws -> DeliveryMachine.Transition {
        guard next.state == .ambiguous, let lane = delivery.lane, channels.sender(lane)?.knowsStatus == true,
            let attempt = try DeliveryStore.attempts(delivery.id, transaction).last
        else { return next }
        let end = attempt.endedAt ?? attempt.startedAt
        var asked = next
        asked.nextAt = Self.moments.lazy.map { end.adding(seconds: $0) }.first { $0 > now }
        return asked
    }

    /// Nobody else asks meanwhile; should the answer never come, it is asked again.
    func hold(doubtful delivery: Delivery, until: Instant, now: Instant, _ transaction: WriteTransaction) throws {
        let held = DeliveryMachine.Transition(
            state: .ambiguous, failure: delivery.failure, detail: delivery.detail, nextAt: until)
        try DeliveryStore.update(delivery, to: held, now: now, transaction)
    }

    /// Stores what the provider says. Whoever was faster, a callback or a person, has decided.
    func settle(
        _ delivery: Delivery, _ word: StatusWord, now: Instant, random: Double, _ transaction: WriteTransaction
    ) throws {
        guard let campaign = try CampaignStore.get(delivery.campaign, transaction),
            let current = try DeliveryStore.get(campaign: delivery.campaign, id: delivery.id, transaction),
            current.state == .ambiguous, current.attempts == delivery.attempts
        else { return }
        let outcome: SendOutcome
        switch word {
        case .delivered: return try report(.delivered, on: current, now: now, random: random, transaction)
        case .failed(let detail):
            let failed = DeliveryMachine.Receipt.failed(.recipientRefused, detail: detail)
            return try report(failed, on: current, now: now, random: random, transaction)
        case .taken: outcome = SendOutcome(kind: .accepted)
        case .notTaken:
            outcome = SendOutcome(kind: .transient, failure: .temporary, detail: "the provider has never had it")
        case .unknown: outcome = SendOutcome(kind: .ambiguous, failure: current.failure, detail: current.detail)
        }
        let next = machine.next(
            from: .ambiguous, .outcome(outcome), recognised: false, attempts: current.attempts,
            firstAttemptAt: current.firstAttemptAt, now: now, random: random)
        if let next { try store(next, of: current, in: campaign, now: now, transaction) }
    }
}
