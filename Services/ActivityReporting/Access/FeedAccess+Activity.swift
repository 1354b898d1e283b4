import ChangeFeed
import RPC
import ServiceKit
import Storage

extension FeedAccess {
    /// Facts for who may read, filtered by grant.
    static func activity(_ reporting: Reporting) -> FeedAccess {
        FeedAccess { _, context in
            guard let identity = context.identity, !identity.units(for: .read).isEmpty else {
                throw AccessNeed.somewhere(.read).refusal
            }
            return identity.hasNation(.read) ? .everything : FactFilter(reporting: reporting, identity: identity).filter
        }
    }
}

/// "Feeds are filtered by grant; a unit leaving it is sent as a tombstone." Judged for each event by what holds when it is
/// sent: a stream may outlast a reorganisation.
private struct FactFilter: Sendable {
    let reporting: Reporting
    let identity: Identity

    var filter: FeedFilter {
        let scope = scope
        return FeedFilter {
            scope
        } _: { event in
            try reporting.database.read { tx in
                let today = reporting.clock.today
                let reach = Reach(identity: identity, map: try reporting.maps.map(in: tx), today: today)
                if reach.hasNation(.read) { return .full }
                guard let (team, date) = try subject(of: event.aggregate, today, in: tx),
                    let row = try RegistryFactsStore.team(team, in: tx)
                else { return .hidden }
                let path = try RegistryFactsStore.path(of: row, in: tx)
                if reach.allows(.read, along: path, on: date) { return .full }
                return path.steps.contains { reach.mayHaveSeen($0.unit) } ? .tombstone : .hidden
            }
        }
    }

    /// The team an aggregate is of, and the day of what is told.
    private func subject(of aggregate: String, _ today: LocalDate, in tx: ReadTransaction) throws
        -> (team: String, date: LocalDate)?
    {
        if let key = ObligationKey(name: aggregate, in: "obligations") { return (key.team, key.period.lastDay) }
        guard let id = ResourceName.id(aggregate, in: "difficulties") else { return nil }
        return try DifficultyStore.get(id, in: tx).map { ($0.team, today) }
    }

    /// A number that stands for the units on which reading is granted, never 0: others have another.
    private var scope: UInt64 {
        let text = Set(identity.units(for: .read)).sorted().joined(separator: " ")
        // FNV-1a: it need not withstand anybody, for who forges a cursor only misleads themselves.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return max(1, hash)
    }
}
