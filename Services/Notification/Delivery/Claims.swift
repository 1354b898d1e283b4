import ServiceKit
import Storage

/// A message that a sender holds a lease on, with what it says.
struct ClaimedMessage: Sendable, Hashable {
    var campaign: Campaign
    var delivery: Delivery
    /// Number of the try.
    var attempt: Int
    var channel: ChannelKind
    var address: OutgoingMessage.Address
    var facts: RecipientFacts
}

/// Taking messages out of the outbox, and putting back what came of them.
enum Claims {
    struct Result: Sendable {
        var claimed: [ClaimedMessage] = []
        /// Messages that came to an end, or were put off, without a try.
        var settled = 0
    }

    /// Takes up to `limit` messages that are due. Whether each is still needed, and how its recipient is reached, is
    /// decided here, in the same transaction: "a reminder is cancelled once the report is in". The try is recorded
    /// before it begins, so that a killed process leaves a trace of it.
    ///
    /// - Parameter random: One number from 0 up to 1 for each message.
    static func take(
        campaign id: String, channel: ChannelKind, limit: Int, leaseUntil: Instant, now: Instant, random: [Double],
        machine: DeliveryMachine, _ transaction: WriteTransaction
    ) throws -> Result {
        guard let campaign = try CampaignStore.get(id, transaction), campaign.state == .sending else { return Result() }
        var result = Result()
        let due = try DeliveryStore.due(campaign: id, channel: channel, now: now, limit: limit, transaction)
        for (delivery, random) in zip(due, random) {
            func apply(_ event: DeliveryMachine.Event, to delivery: Delivery) throws {
                let next = machine.next(
                    from: delivery.state, event, channel: channel, attempts: delivery.attempts,
                    firstAttemptAt: delivery.firstAttemptAt, now: now, random: random)
                if let next { try DeliveryStore.update(delivery, to: next, now: now, transaction) }
            }
            if delivery.state == .claimed {
                try apply(.leaseExpired, to: delivery)
                try DeliveryStore.interrupt(delivery.attempts, of: delivery.id, transaction)
                result.settled += 1
                continue
            }
            switch try prepare(delivery, of: campaign, channel: channel, now: now, transaction) {
            case .unneeded(let reason):
                try apply(.cancel(reason: reason), to: delivery)
                result.settled += 1
            case .unreachable:
                try apply(.refuse(.unreachable, detail: "no address for \(channel.name) any more"), to: delivery)
                result.settled += 1
            case .ready(let address, let facts):
                var begun = delivery
                begun.attempts += 1
                begun.firstAttemptAt = delivery.firstAttemptAt ?? now
                try apply(.claim(leaseUntil: leaseUntil), to: begun)
                try DeliveryStore.begin(
                    DeliveryAttempt(number: begun.attempts, channel: channel, startedAt: now), of: delivery.id,
                    transaction)
                result.claimed.append(
                    ClaimedMessage(
                        campaign: campaign, delivery: begun, attempt: begun.attempts, channel: channel,
                        address: address, facts: facts))
            }
        }
        return result
    }

    private enum Preparation {
        case unneeded(String)
        case unreachable
        case ready(OutgoingMessage.Address, RecipientFacts)
    }

    private static func prepare(
        _ delivery: Delivery, of campaign: Campaign, channel: ChannelKind, now: Instant, _ transaction: ReadTransaction
    ) throws -> Preparation {
        let audience = campaign.content.audience
        var subjects = try DeliveryStore.subjects(delivery.id, transaction)
        var obligations: [String: KnownObligation] = [:]
        if let report = audience.report {
            for subject in subjects {
                obligations[subject.obligation] = try AudienceStore.obligation(subject.obligation, transaction)
            }
            subjects = subjects.filter { subject in
                obligations[subject.obligation]?.fulfils(report.condition, on: now.localDate) ?? false
            }
            guard !subjects.isEmpty else { return .unneeded(reason(report.condition, obligations.values)) }
        }
        let treeDate = audience.treeDate(sending: campaign.sendingDay ?? now.localDate)
        let facts = try RecipientFacts.read(
            person: delivery.person, subjects: subjects, obligations: obligations, audience: audience,
            treeDate: treeDate, transaction)
        let address = try AddressBook.address(channel, person: delivery.person, path: facts.path, transaction)
        return address.map { .ready($0, facts) } ?? .unreachable
    }

    private static func reason(_ condition: ReportCondition, _ obligations: some Collection<KnownObligation>) -> String
    {
        switch condition {
        case .owes, .overdue:
            obligations.contains(where: \.isReceived) ? "the report has come in" : "the report is no longer owed"
        case .returned: "the report has come in again"
        case .received: "the report is no longer there"
        }
    }

    /// Stores what came of a try.
    static func record(
        _ outcome: SendOutcome, campaign: String, delivery id: String, attempt: Int, now: Instant, random: Double,
        machine: DeliveryMachine, _ transaction: WriteTransaction
    ) throws {
        try DeliveryStore.end(attempt, of: id, outcome, now: now, transaction)
        guard let delivery = try DeliveryStore.get(campaign: campaign, id: id, transaction),
            // A later try has begun: what came of this one is history.
            delivery.attempts == attempt,
            let next = machine.next(
                from: delivery.state, .outcome(outcome), channel: delivery.channel, attempts: attempt,
                firstAttemptAt: delivery.firstAttemptAt, now: now, random: random)
        else { return }
        try DeliveryStore.update(delivery, to: next, now: now, transaction)
    }
}
