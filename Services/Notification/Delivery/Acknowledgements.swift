import ServiceKit
import Storage

/// Takes note that recipients have acknowledged; in a relay it has the next level told.
enum Acknowledgements {
    enum Result: Sendable, Hashable {
        case done, notAsked
        case notSent(DeliveryState)
    }

    /// The first time counts. Who acknowledges has read it, whatever the provider knows of that.
    static func record(_ delivery: Delivery, of campaign: Campaign, now: Instant, _ transaction: WriteTransaction)
        throws
        -> Result
    {
        guard campaign.content.asksAcknowledgement else { return .notAsked }
        guard delivery.acknowledgedAt == nil else { return .done }
        guard delivery.state.mayHaveArrived else { return .notSent(delivery.state) }
        var delivery = delivery
        delivery.acknowledgedAt = now
        delivery.sentAt = delivery.sentAt ?? now
        delivery.deliveredAt = delivery.deliveredAt ?? now
        delivery.readAt = delivery.readAt ?? now
        try DeliveryStore.update(delivery, to: .init(state: .read), now: now, transaction)
        if try releaseNext(after: delivery, of: campaign, now: now, transaction) {
            transaction.notify(CampaignSignal.work)
        }
        return .done
    }

    /// Has those told who wait for this acknowledgement: in each team that the message is about, the next level below its
    /// recipient's at which somebody can be told. The time that those below them wait begins now. Whether there was anybody.
    private static func releaseNext(
        after delivery: Delivery, of campaign: Campaign, now: Instant, _ transaction: WriteTransaction
    ) throws -> Bool {
        let audience = campaign.content.audience
        guard let relay = audience.relay else { return false }
        let day = campaign.sendingDay ?? now.localDate
        var released = false
        for subject in try DeliveryStore.subjects(delivery.id, transaction) {
            let team = try AudienceStore.team(subject.team, audience, on: day, transaction)
            let steps = relay.steps(of: team, occupations: audience.occupations)
            guard let own = steps.firstIndex(where: { $0.people.contains(delivery.person) }) else { continue }
            var levelsAbove = 0
            for step in steps[(own + 1)...] {
                let moment = relay.deadline(levelsAbove: levelsAbove, from: now)
                let waiting = try step.people.compactMap { person in
                    try DeliveryStore.get(
                        campaign: campaign.id, id: Delivery.id(campaign: campaign.id, person: person), transaction)
                }.filter { $0.channel != nil }
                for message in waiting where message.state == .scheduled && message.nextAt.map({ $0 > moment }) == true
                {
                    try DeliveryStore.update(
                        message, to: .init(state: .scheduled, nextAt: moment), now: now, transaction)
                    released = true
                }
                if !waiting.isEmpty { levelsAbove += 1 }
            }
        }
        return released
    }

    /// Whether somebody who writes back acknowledges with it, in whatever case and with or without tone marks: "Dạ, em đã
    /// nhận ạ" is a reply to be read, "Dạ đã nhận ạ" is none.
    static func isAcknowledgement(_ text: String) -> Bool {
        var words = TextFolding.fold(text).split(separator: " ").map(String.init)
        if words.last == "a" { words.removeLast() }
        if isAcknowledgement(words) { return true }
        if let first = words.first, ["da", "vang"].contains(first) { words.removeFirst() }
        return isAcknowledgement(words)
    }

    private static func isAcknowledgement(_ words: [String]) -> Bool { texts.contains(words.joined(separator: " ")) }

    private static let texts: Set<String> = [
        "ok", "oke", "da nhan", "da doc", "da ro", "da biet", "xac nhan", "da xac nhan", "da truyen dat", "received",
        "read",
    ]
}
