import ServiceKit
import Storage

/// What an acknowledgement in a relay lets go: in each team that the message is about, the next level below its
/// recipient's at which somebody can be told. A province's focal point answers for thousands of teams: they are gone
/// through some at a time, so that other writes are never held up, and a killed process goes on where it was.
enum Releases {
    /// Teams of one transaction; with some five members each.
    static let teamsPerStep = 100

    /// The first step; what is left is noted for the dispatcher.
    static func begin(after delivery: Delivery, of campaign: Campaign, _ transaction: WriteTransaction) throws {
        guard let relay = campaign.content.audience.relay, !campaign.state.isFinished else { return }
        if let through = try step(delivery, of: campaign, relay, after: "", transaction) {
            try transaction.execute(
                """
                INSERT INTO relay_release (campaign, delivery, through_team) VALUES (?, ?, ?)
                ON CONFLICT (campaign, delivery) DO NOTHING
                """, [.text(campaign.id), .text(delivery.id), .text(through)])
        }
        transaction.notify(CampaignSignal.work)
    }

    static func isPending(campaign: String, _ transaction: ReadTransaction) throws -> Bool {
        try transaction.exists("SELECT 1 FROM relay_release WHERE campaign = ? LIMIT 1", [.text(campaign)])
    }

    /// One more step of one of them.
    static func advance(_ campaign: Campaign, _ transaction: WriteTransaction) throws {
        let pending = try transaction.queryOne(
            "SELECT delivery, through_team FROM relay_release WHERE campaign = ? ORDER BY delivery LIMIT 1",
            [.text(campaign.id)]
        ) { (id: try $0.text(0), through: try $0.text(1)) }
        guard let pending else { return }
        if let relay = campaign.content.audience.relay,
            let delivery = try DeliveryStore.get(campaign: campaign.id, id: pending.id, transaction),
            let through = try step(delivery, of: campaign, relay, after: pending.through, transaction)
        {
            try transaction.execute(
                "UPDATE relay_release SET through_team = ? WHERE campaign = ? AND delivery = ?",
                [.text(through), .text(campaign.id), .text(pending.id)])
        } else {
            try transaction.execute(
                "DELETE FROM relay_release WHERE campaign = ? AND delivery = ?",
                [.text(campaign.id), .text(pending.id)])
        }
    }

    /// Nothing is let go any more.
    static func forget(campaign: String, _ transaction: WriteTransaction) throws {
        try transaction.execute("DELETE FROM relay_release WHERE campaign = ?", [.text(campaign)])
    }

    /// The last team gone through; nil: there are no more. The time that those below the next level wait begins with
    /// the acknowledgement.
    private static func step(
        _ delivery: Delivery, of campaign: Campaign, _ relay: Relay, after team: String, _ transaction: WriteTransaction
    ) throws -> String? {
        guard let start = delivery.acknowledgedAt else { return nil }
        let teams = try DeliveryStore.teams(delivery.id, after: team, limit: teamsPerStep, transaction)
        for team in teams {
            try release(team, below: delivery, of: campaign, relay, from: start, transaction)
        }
        return teams.count == teamsPerStep ? teams.last : nil
    }

    private static func release(
        _ id: String, below delivery: Delivery, of campaign: Campaign, _ relay: Relay, from start: Instant,
        _ transaction: WriteTransaction
    ) throws {
        let audience = campaign.content.audience
        let day = campaign.sendingDay ?? start.localDate
        let team = try AudienceStore.team(id, audience, on: day, transaction)
        let steps = relay.steps(of: team, occupations: audience.occupations)
        guard let own = steps.firstIndex(where: { $0.people.contains(delivery.person) }) else { return }
        var levelsAbove = 0
        for step in steps[(own + 1)...] {
            let moment = relay.deadline(levelsAbove: levelsAbove, from: start)
            let waiting = try step.people.compactMap { person in
                try DeliveryStore.get(
                    campaign: campaign.id, id: Delivery.id(campaign: campaign.id, person: person), transaction)
            }.filter { $0.channel != nil }
            for message in waiting where message.state == .scheduled && message.nextAt.map({ $0 > moment }) == true {
                try DeliveryStore.update(
                    message, to: .init(state: .scheduled, nextAt: moment), now: start, transaction)
            }
            if !waiting.isEmpty { levelsAbove += 1 }
        }
    }
}
