import ServiceKit
import Storage

/// Writes an audience down as messages, some teams at a time: each step is a short transaction that stores how far it
/// came, so that a killed process goes on where it was and other writes are never held up.
struct AudienceExpansion: Sendable {
    /// Teams gone through in one step; with some five members each.
    static let teamsPerStep = 200

    private struct Entry: Sendable {
        var person: String
        var lane: Lane?
        /// Nil for a group.
        var subject: DeliverySubject?
        /// Of a relay, and how many levels are told about the team before it.
        var level: RelayLevel?
        var levelsAbove = 0
    }

    let database: Database
    let book: AddressBook

    /// Ids of the audience's teams, ascending. They are the same for the whole expansion: the tree date is fixed.
    func teams(of campaign: Campaign, sendingDay: LocalDate) async throws -> [String] {
        let audience = campaign.content.audience
        return try await database.readPooled { transaction in
            try AudienceStore.teams(audience, treeDate: audience.treeDate(sending: sendingDay), transaction)
        }
    }

    /// One step. Returns the campaign as it stands afterwards, or nil when somebody else has changed it meanwhile.
    func step(_ campaign: Campaign, sendingDay: LocalDate, teams: [String], now: Instant) async throws -> Campaign? {
        let start = teams.partitioningIndex { $0 > campaign.expandedThrough }
        let slice = Array(teams[start...].prefix(Self.teamsPerStep))
        let content = campaign.content
        let entries = try await database.readPooled { [book] transaction in
            try slice.flatMap { team in
                try Self.entries(of: team, content, book, sendingDay: sendingDay, transaction)
            }
        }
        return try await database.write { transaction in
            guard var current = try CampaignStore.get(campaign.id, transaction), current.state == .expanding,
                current.expandedThrough == campaign.expandedThrough
            else { return nil }
            for entry in entries {
                let delivery = Self.delivery(entry, of: current, now: now)
                try DeliveryStore.insert(delivery, about: entry.subject.map { [$0] } ?? [], transaction)
                if entry.level != nil { try DeliveryStore.raise(delivery, transaction) }
            }
            current.expandedThrough = slice.last ?? current.expandedThrough
            current.teamsTotal = teams.count
            current.teamsExpanded = start + slice.count
            if current.teamsExpanded == teams.count {
                current.state = .sending
                current = current.changed(now)
            }
            try CampaignStore.update(current, active: true, transaction)
            return current
        }
    }

    private static func entries(
        of team: String, _ content: CampaignContent, _ book: AddressBook, sendingDay: LocalDate,
        _ transaction: ReadTransaction
    ) throws -> [Entry] {
        let audience = content.audience
        if audience.groups != nil {
            let person = GroupStore.recipient(team)
            return [
                Entry(
                    person: person,
                    lane: try book.lane(for: person, path: [], among: content.channels, transaction))
            ]
        }
        let known = try AudienceStore.team(team, audience, on: sendingDay, transaction)
        let recipients = audience.recipients(of: known, on: sendingDay).entries
        guard !recipients.isEmpty else { return [] }
        let path =
            content.channels.contains(where: \.dependsOnPlace)
            ? try AudienceStore.placement(
                ofTeam: team, on: audience.treeDate(sending: sendingDay), transaction) : []
        func lane(_ person: String) throws -> Lane? {
            try book.lane(for: person, path: path, among: content.channels, transaction)
        }
        guard let relay = audience.relay else {
            return try recipients.map { recipient in
                Entry(
                    person: recipient.person, lane: try lane(recipient.person),
                    subject: DeliverySubject(team: team, matter: recipient.matter))
            }
        }
        var entries: [Entry] = []
        var levelsAbove = 0
        for step in relay.steps(of: known, occupations: audience.occupations) {
            let told = try step.people.map { person in
                Entry(
                    person: person, lane: try lane(person), subject: DeliverySubject(team: team, matter: ""),
                    level: step.level, levelsAbove: levelsAbove)
            }
            entries += told
            // "A level at which nobody can be told is passed over."
            if told.contains(where: { $0.lane != nil }) { levelsAbove += 1 }
        }
        return entries
    }

    private static func delivery(_ entry: Entry, of campaign: Campaign, now: Instant) -> Delivery {
        var delivery = Delivery(
            campaign: campaign.id, id: Delivery.id(campaign: campaign.id, person: entry.person), person: entry.person,
            channel: entry.lane?.channel, account: entry.lane?.account ?? "", state: .queued, nextAt: now,
            relayLevel: entry.level, createdAt: now, updatedAt: now)
        if entry.levelsAbove > 0, let relay = campaign.content.audience.relay {
            delivery.state = .scheduled
            delivery.nextAt = relay.deadline(levelsAbove: entry.levelsAbove, from: now)
        }
        if entry.lane == nil {
            delivery.state = .failed
            delivery.failure = .unreachable
            delivery.detail = "no address for the campaign's channels"
            delivery.nextAt = nil
        }
        return delivery
    }
}

extension Array {
    /// The first index whose element fulfils the predicate, where all after it do too.
    func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
