import ServiceKit
import Storage
import Telemetry

/// A message that a sender holds a lease on, with what it says.
struct ClaimedMessage: Sendable, Hashable {
    var campaign: Campaign
    var delivery: Delivery
    /// Number of the try.
    var attempt: Int
    var lane: Lane
    var address: OutgoingMessage.Address
    var facts: RecipientFacts
    /// Empty where nobody asks for spans.
    var causes = Causes()
}

/// Taking messages out of the outbox, and putting back what came of them.
struct Claims: Sendable {
    struct Result: Sendable {
        var claimed: [ClaimedMessage] = []
        /// Messages of which nobody knows whether they were taken, to be asked about.
        var doubtful: [Delivery] = []
        /// Messages that came to an end, or were put off, without a try.
        var settled = 0
        /// The lane's quota is used up until then.
        var heldUntil: Instant?
    }

    /// One turn of a lane.
    struct Turn: Sendable {
        var lane: Lane
        /// At most so many messages.
        var limit: Int
        var leaseUntil: Instant
        var now: Instant
        /// One number from 0 up to 1 for each message.
        var random: [Double]
    }

    let channels: Channels
    let machine: DeliveryMachine
    /// Whether to find out what caused a message.
    var isTraced = false
    var book: AddressBook { AddressBook(routes: channels.routes) }

    /// Takes messages of a lane that are due. Whether each is still needed, and how its recipient is reached, is
    /// decided here, in the same transaction: "a reminder is cancelled once the report is in". The try is recorded
    /// before it begins, so that a killed process leaves a trace of it, and so is the use of the day's quota.
    func take(campaign id: String, _ turn: Turn, _ transaction: WriteTransaction) throws -> Result {
        guard let campaign = try CampaignStore.get(id, transaction), campaign.state == .sending else { return Result() }
        let (lane, now) = (turn.lane, turn.now)
        var result = Result()
        var limit = turn.limit
        let sender = channels.sender(lane)
        let quota = sender?.quota
        if let quota {
            let usage = try LaneStore.usage(
                pool: quota.pool, account: lane.account, day: now.localDate, transaction)
            let left = (usage.perDay ?? quota.perDay) - usage.used
            if left <= 0 {
                let tomorrow = Instant(now.localDate.next)
                try hold(pool: quota.pool, account: lane.account, until: tomorrow, .quota, transaction)
                result.heldUntil = tomorrow
                return result
            }
            limit = min(limit, left)
        }
        let due = try DeliveryStore.due(campaign: id, lane: lane, now: now, limit: limit, transaction)
        for (delivery, random) in zip(due, turn.random) {
            if delivery.state == .ambiguous {
                try hold(doubtful: delivery, until: turn.leaseUntil, now: now, transaction)
                result.doubtful.append(delivery)
                continue
            }
            if delivery.state == .claimed {
                try expire(delivery, now: now, random: random, transaction)
                result.settled += 1
                continue
            }
            func apply(_ event: DeliveryMachine.Event, to delivery: Delivery) throws {
                let next = machine.next(
                    from: delivery.state, event, recognised: sender?.recognisesRepeats ?? false,
                    attempts: delivery.attempts, firstAttemptAt: delivery.firstAttemptAt, now: now, random: random)
                guard let next else { return }
                try store(next, of: delivery, in: campaign, now: now, transaction)
            }
            switch try prepare(delivery, of: campaign, lane: lane, now: now, transaction) {
            case .unneeded(let reason):
                try apply(.cancel(reason: reason), to: delivery)
                result.settled += 1
            case .unreachable:
                try apply(.refuse(.unreachable, detail: "no address for \(lane.channel.name) any more"), to: delivery)
                result.settled += 1
            case .ready(let address, let facts):
                var begun = delivery
                begun.attempts += 1
                begun.firstAttemptAt = delivery.firstAttemptAt ?? now
                try apply(.claim(leaseUntil: turn.leaseUntil), to: begun)
                try DeliveryStore.begin(
                    DeliveryAttempt(number: begun.attempts, lane: lane, startedAt: now), of: delivery.id, transaction)
                result.claimed.append(
                    ClaimedMessage(
                        campaign: campaign, delivery: begun, attempt: begun.attempts, lane: lane, address: address,
                        facts: facts,
                        causes: isTraced ? try .of(begun, about: facts.subjects, transaction) : Causes()))
            }
        }
        if let quota {
            try LaneStore.use(
                result.claimed.count, pool: quota.pool, account: lane.account, day: now.localDate, transaction)
        }
        return result
    }

    /// Looks after messages whose sender was killed, or hangs, in a campaign that sends nothing at the moment.
    func expire(campaign: String, limit: Int, now: Instant, random: Double, _ transaction: WriteTransaction) throws {
        for delivery in try DeliveryStore.expired(campaign: campaign, now: now, limit: limit, transaction) {
            try expire(delivery, now: now, random: random, transaction)
        }
    }

    private func expire(_ delivery: Delivery, now: Instant, random: Double, _ transaction: WriteTransaction) throws {
        let recognised = delivery.lane.flatMap { channels.sender($0)?.recognisesRepeats } ?? false
        let next = machine.next(
            from: delivery.state, .leaseExpired, recognised: recognised, attempts: delivery.attempts,
            firstAttemptAt: delivery.firstAttemptAt, now: now, random: random)
        if let next {
            try DeliveryStore.update(delivery, to: try asked(next, delivery, now, transaction), now: now, transaction)
        }
        try DeliveryStore.interrupt(delivery.attempts, of: delivery.id, transaction)
    }

    // MARK: What came of a try

    /// Stores what came of a try.
    func record(
        _ outcome: SendOutcome, campaign id: String, delivery: String, attempt: Int, lane: Lane, now: Instant,
        random: Double, _ transaction: WriteTransaction
    ) throws {
        try DeliveryStore.end(attempt, of: delivery, outcome, now: now, transaction)
        let sender = channels.sender(lane)
        if let quota = sender?.quota {
            if let word = outcome.quota {
                try LaneStore.learn(
                    word, pool: quota.pool, account: lane.account, day: now.localDate, transaction)
            }
            if let until = outcome.heldUntil {
                try hold(pool: quota.pool, account: lane.account, until: until, outcome.failure, transaction)
            }
        } else if let until = outcome.heldUntil {
            try LaneStore.hold(.init(lane: lane, until: until, reason: outcome.failure), transaction)
        }
        guard let campaign = try CampaignStore.get(id, transaction),
            var current = try DeliveryStore.get(campaign: id, id: delivery, transaction),
            // A later try has begun: what came of this one is history.
            current.attempts == attempt
        else { return }
        if [.delivered, .read, .failed, .fallback].contains(current.state) {
            // The receipt was faster than the answer: what is left to learn is id and price.
            current.cost += outcome.cost
            if !outcome.providerID.isEmpty { current.providerID = outcome.providerID }
            let same = DeliveryMachine.Transition(
                state: current.state, failure: current.failure, detail: current.detail, nextAt: current.nextAt)
            return try DeliveryStore.update(current, to: same, now: now, transaction)
        }
        guard
            let next = machine.next(
                from: current.state, .outcome(outcome), recognised: sender?.recognisesRepeats ?? false,
                attempts: attempt, firstAttemptAt: current.firstAttemptAt, now: now, random: random)
        else { return }
        current.cost += outcome.cost
        if !outcome.providerID.isEmpty { current.providerID = outcome.providerID }
        // A message that was held back has not been tried: the time for tries has not begun.
        if outcome.heldUntil != nil { current.firstAttemptAt = nil }
        try store(next, of: current, in: campaign, now: now, transaction)
    }

    /// Stores a transition; after a definite failure the message goes on by the next of its campaign's channels that
    /// reaches the recipient. Never from AMBIGUOUS: "fall back only from definite failure".
    func store(
        _ next: DeliveryMachine.Transition, of delivery: Delivery, in campaign: Campaign, now: Instant,
        _ transaction: WriteTransaction
    ) throws {
        var (next, delivery) = (next, delivery)
        if next.state == .failed || next.state == .dead, campaign.state != .cancelled,
            let lane = try nextLane(after: delivery, in: campaign, now: now, transaction)
        {
            next.detail = "\(delivery.lane?.name ?? ""): \(next.detail)"
            next.state = .fallback
            next.nextAt = now
            delivery.lane = lane
            delivery.firstAttemptAt = nil
        }
        try DeliveryStore.update(delivery, to: try asked(next, delivery, now, transaction), now: now, transaction)
    }

    /// The next channel of the ladder that is on and reaches the recipient.
    private func nextLane(
        after delivery: Delivery, in campaign: Campaign, now: Instant, _ transaction: ReadTransaction
    ) throws -> Lane? {
        guard let channel = delivery.channel,
            let index = campaign.content.channels.firstIndex(of: channel)
        else { return nil }
        let rest = campaign.content.channels[(index + 1)...].filter { channels.off($0) == nil }
        guard !rest.isEmpty else { return nil }
        let subjects = try DeliveryStore.subjects(delivery.id, transaction)
        let path = try Claims.path(of: subjects, campaign, now: now, transaction)
        return try book.lane(for: delivery.person, path: path, among: rest, transaction)
    }

    /// The unit of the first team that a message is about, and those above it.
    static func path(
        of subjects: [DeliverySubject], _ campaign: Campaign, now: Instant, _ transaction: ReadTransaction
    ) throws -> [String] {
        guard let team = subjects.first?.team else { return [] }
        let treeDate = campaign.content.audience.treeDate(sending: campaign.sendingDay ?? now.localDate)
        return try AudienceStore.placement(ofTeam: team, on: treeDate, transaction)
    }

    /// Holds all lanes that share a quota.
    private func hold(
        pool: String, account: String, until: Instant, _ reason: FailureClass, _ transaction: WriteTransaction
    ) throws {
        for lane in channels.lanes(pool: pool, account: account) {
            try LaneStore.hold(.init(lane: lane, until: until, reason: reason), transaction)
        }
    }
}
