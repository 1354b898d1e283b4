import ServiceKit
import Storage

/// Takes in what providers tell: each event once, its effect and the note of it in one transaction.
struct Inbox: Sendable {
    let database: Database
    let channels: Channels
    let clock: Clock

    /// Returns when it is durable; then the provider may be answered.
    func take(_ event: InboundEvent) async throws {
        let now = clock.now
        let ticket = UUIDv7.next(at: now).description
        let random = Double.random(in: 0..<1)
        // Looked for beforehand: it may take going through all contacts, which must not hold up others' writes.
        let person: String? =
            if case .reply(let user, _) = event.kind {
                try await database.readPooled { try InboundStore.sender(user, event.channel, $0) }
            } else { nil }
        try await database.write { transaction in
            guard try InboundStore.note(event, now: now, transaction) else { return }
            switch event.kind {
            case .other: break
            case .reply(_, let text):
                if event.channel == .zaloText, let person {
                    try TextWindow.note(.init(person: person, account: event.account), now: now, transaction)
                }
                if Acknowledgements.isAcknowledgement(text), let person,
                    try InboundStore.acknowledge(person, now: now, transaction)
                {
                    return
                }
                try TicketStore.open(ticket, from: person, text: text, event, now: now, transaction)
            case .receipt(let receipt, let delivery, let providerID):
                let claims = Claims(channels: channels, machine: DeliveryMachine())
                for known in try InboundStore.deliveries(delivery, providerID: providerID, transaction)
                where event.concerns(known) {
                    try claims.report(receipt, on: known, now: now, random: random, transaction)
                }
            }
        }
    }

    /// Providers repeat an event for hours, not for weeks.
    func forgetOldEvents() async throws {
        let now = clock.now
        let before = now.adding(seconds: -14 * 86_400)
        try await database.write { transaction in
            try transaction.execute("DELETE FROM inbound_event WHERE received_at < ?", [SQLValue(before)])
            try TextWindow.forgetClosed(at: now, transaction)
        }
    }
}

enum InboundStore {
    /// False: it was taken in before.
    static func note(_ event: InboundEvent, now: Instant, _ transaction: WriteTransaction) throws -> Bool {
        try transaction.execute(
            "INSERT INTO inbound_event (source, id, received_at) VALUES (?, ?, ?) ON CONFLICT (source, id) DO NOTHING",
            [.text(event.source), .text(String(event.id.prefix(300))), SQLValue(now)]) > 0
    }

    /// Acknowledges the newest message to a person that asks for it; whether there was one.
    static func acknowledge(_ person: String, now: Instant, _ transaction: WriteTransaction) throws -> Bool {
        guard let delivery = try DeliveryStore.unacknowledged(of: person, transaction),
            let campaign = try CampaignStore.get(delivery.campaign, transaction)
        else { return false }
        return try Acknowledgements.record(delivery, of: campaign, now: now, transaction) == .done
    }

    /// Who wrote, by the addresses that the Registry knows of people; nil when nobody is known, or when several have
    /// it.
    static func sender(_ user: String, _ channel: ChannelKind, _ transaction: ReadTransaction) throws -> String? {
        let column: String
        let address: String
        if channel == .sms {
            // The Registry keeps numbers as they are dialled within Vietnam.
            guard let phone = PhoneNumber(user) else { return nil }
            column = "phones"
            address = phone.national
        } else {
            guard ZaloID.isID(user) else { return nil }
            column = "zalo_user_ids"
            address = user
        }
        // Nearly everybody has one address, which the index finds; only then are those with several gone through.
        for (condition, value) in [("= ?", address), ("LIKE ?", "%\(address)%")] {
            let people = try transaction.query(
                "SELECT person, \(column) FROM known_contact WHERE \(column) \(condition) ORDER BY person LIMIT 100",
                [.text(value)]
            ) { (person: try $0.text(0), addresses: try $0.text(1)) }
            .filter { $0.addresses.split(separator: "\n").contains { $0 == address } }
            if let first = people.first { return people.count == 1 ? first.person : nil }
        }
        return nil
    }

    /// The messages that a receipt is about: by our id, else by the provider's.
    static func deliveries(_ id: String, providerID: String, _ transaction: ReadTransaction) throws -> [Delivery] {
        if !id.isEmpty {
            let known = try DeliveryStore.byID(id, transaction)
            if !known.isEmpty { return known }
        }
        return providerID.isEmpty ? [] : try DeliveryStore.byProvider(providerID, transaction)
    }
}

extension Claims {
    /// Stores a provider's word about a message. That it did not arrive is a definite failure: the next channel is
    /// tried.
    func report(
        _ receipt: DeliveryMachine.Receipt, on delivery: Delivery, now: Instant, random: Double,
        _ transaction: WriteTransaction
    ) throws {
        guard let campaign = try CampaignStore.get(delivery.campaign, transaction),
            let next = machine.next(
                from: delivery.state, .receipt(receipt), recognised: false, attempts: delivery.attempts,
                firstAttemptAt: delivery.firstAttemptAt, now: now, random: random)
        else { return }
        var delivery = delivery
        delivery.sentAt = delivery.sentAt ?? now
        switch next.state {
        case .delivered: delivery.deliveredAt = now
        case .read:
            delivery.deliveredAt = delivery.deliveredAt ?? now
            delivery.readAt = now
        default: break
        }
        try store(next, of: delivery, in: campaign, now: now, transaction)
        // It goes on by another channel after its campaign was over.
        let moves = try DeliveryStore.get(campaign: campaign.id, id: delivery.id, transaction)?.state.isMoving ?? false
        if moves { try Decisions.wake(campaign, now: now, transaction) }
    }
}
