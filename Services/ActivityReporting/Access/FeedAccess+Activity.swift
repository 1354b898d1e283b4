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

/// "Feeds are filtered by grant; a unit leaving it is sent as a tombstone." Judged by what holds when events are sent:
/// a stream may outlast a reorganisation.
private struct FactFilter: Sendable {
    let reporting: Reporting
    let identity: Identity

    var filter: FeedFilter {
        let scope = FeedFilter.scope(of: identity.units(for: .read))
        return FeedFilter {
            scope
        } judge: { events in
            // All of a batch in one read.
            try await reporting.judge(identity) { reach, tx in
                try events.map { try visibility(of: $0.aggregate, reach, in: tx) }
            }
        }
    }

    private func visibility(of aggregate: String, _ reach: Reach, in tx: ReadTransaction) throws
        -> FeedFilter.Visibility
    {
        if reach.hasNation(.read) { return .full }
        if let id = ResourceName.id(aggregate, in: "trainingSessions") {
            return try visibility(ofSession: id, reach, in: tx)
        }
        guard let (team, date) = try subject(of: aggregate, reach.today, in: tx),
            let row = try RegistryFactsStore.team(team, in: tx)
        else { return .hidden }
        let path = try RegistryFactsStore.path(of: row, in: tx)
        if reach.allows(.read, along: path, on: date) { return .full }
        return path.steps.contains { reach.mayHaveSeen($0.unit) } ? .tombstone : .hidden
    }

    /// It may have been seen where it was planned, too. What is for the nation is for who may read everywhere.
    private func visibility(ofSession id: String, _ reach: Reach, in tx: ReadTransaction) throws
        -> FeedFilter.Visibility
    {
        guard let row = try SessionStore.get(id, in: tx) else { return .hidden }
        if try reach.allows(.read, row, in: tx) { return .full }
        let mayHaveSeen = try [row.unit ?? "", row.plannedUnit].contains { unit in
            if reach.map.tree[unit] != nil { return reach.mayHaveSeen(unit) }
            guard let hamlet = try RegistryFactsStore.unit(unit, in: tx) else { return false }
            return PlacePath(hamlet.parents).steps.contains { reach.mayHaveSeen($0.unit) }
        }
        return mayHaveSeen ? .tombstone : .hidden
    }

    /// The team an aggregate is of, and the day of what is told.
    private func subject(of aggregate: String, _ today: LocalDate, in tx: ReadTransaction) throws
        -> (team: String, date: LocalDate)?
    {
        if let key = ObligationKey(name: aggregate, in: "obligations") { return (key.team, key.period.lastDay) }
        guard let id = ResourceName.id(aggregate, in: "difficulties") else { return nil }
        return try DifficultyStore.get(id, in: tx).map { ($0.team, today) }
    }
}
