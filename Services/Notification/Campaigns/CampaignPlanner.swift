import ServiceKit
import Storage

/// What a campaign would do if it were launched now: the same rules as its expansion, and nothing written.
struct CampaignPlan: Sendable, Hashable {
    struct Channel: Sendable, Hashable {
        var kind: ChannelKind
        /// Recipients who could be reached by it.
        var reachable = 0
        /// Recipients for whom it is the first that reaches them.
        var messages = 0
        /// Whole seconds at its rate, rounded up; 0 when it is off.
        var durationSeconds = 0
        /// The first recipient on this channel: what a sample is made of.
        var sample: RecipientFacts?
    }

    var treeDate: LocalDate
    var teams = 0
    var recipients = 0
    var unreachable = 0
    var reports = 0
    var reportsWithoutRecipient = 0
    var channels: [Channel]
}

enum CampaignPlanner {
    /// - Parameter rates: Messages per second of the channels that are on.
    static func plan(
        _ content: CampaignContent, today: LocalDate, rates: [ChannelKind: Double], _ transaction: ReadTransaction
    ) throws -> CampaignPlan {
        let audience = content.audience
        let treeDate = audience.treeDate(sending: today)
        var plan = CampaignPlan(treeDate: treeDate, channels: content.channels.map { .init(kind: $0) })
        /// For each person the channels that reach them, one bit for each in the campaign's order.
        var reached: [String: UInt8] = [:]
        let teams = try AudienceStore.teams(audience, treeDate: treeDate, transaction)
        plan.teams = teams.count
        for team in teams {
            let known = try AudienceStore.team(team, audience, on: today, transaction)
            let recipients = audience.recipients(of: known, on: today)
            plan.reports += recipients.reports
            plan.reportsWithoutRecipient += recipients.reportsWithoutRecipient
            guard !recipients.entries.isEmpty else { continue }
            let path =
                content.channels.contains(.webhook)
                ? try AudienceStore.placement(ofTeam: team, on: treeDate, transaction) : []
            for entry in recipients.entries {
                var bits: UInt8 = reached[entry.person] ?? 0
                for (index, channel) in content.channels.enumerated() where bits & 1 << UInt8(index) == 0 {
                    let address = try AddressBook.address(channel, person: entry.person, path: path, transaction)
                    guard address != nil else { continue }
                    bits |= 1 << UInt8(index)
                    if plan.channels[index].sample == nil {
                        plan.channels[index].sample = try sample(entry, team, known, audience, treeDate, transaction)
                    }
                }
                reached[entry.person] = bits
            }
        }
        plan.recipients = reached.count
        for bits in reached.values {
            if bits == 0 { plan.unreachable += 1 }
            for index in plan.channels.indices where bits & 1 << UInt8(index) != 0 {
                plan.channels[index].reachable += 1
            }
            if bits != 0 { plan.channels[bits.trailingZeroBitCount].messages += 1 }
        }
        for index in plan.channels.indices {
            guard let rate = rates[plan.channels[index].kind] else { continue }
            plan.channels[index].durationSeconds = Int((Double(plan.channels[index].messages) / rate).rounded(.up))
        }
        return plan
    }

    private static func sample(
        _ entry: TeamRecipients.Entry, _ team: String, _ known: KnownTeam, _ audience: Audience, _ treeDate: LocalDate,
        _ transaction: ReadTransaction
    ) throws -> RecipientFacts {
        let obligations = known.obligations.filter { $0.id == entry.obligation }
        var facts = try RecipientFacts.read(
            person: entry.person, subjects: [DeliverySubject(team: team, obligation: entry.obligation)],
            obligations: Dictionary(uniqueKeysWithValues: obligations.map { ($0.id, $0) }), audience: audience,
            treeDate: treeDate, transaction)
        // "The recipient's name is left out": a plan shows no personal data.
        facts.name = "…"
        facts.values["recipient_name"] = .text("…")
        return facts
    }
}
