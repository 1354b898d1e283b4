import ChangeFeed
import RPC
import ServiceKit
import Storage

extension FeedAccess {
    /// Facts for who may read, filtered by grant; contact data for who may have them: "contact data travel only on a
    /// separate feed topic that Notification may read". Without a token for them, they leave only a service that this
    /// machine alone can reach.
    static func registry(_ core: RegistryCore, token: ContactsToken?, isLocal: Bool) -> FeedAccess {
        FeedAccess { topic, context in
            guard topic == Recorder.contacts else {
                let caller = try core.admit([.somewhere(.read)], context)
                return FactFilter(core: core, caller: caller).filter
            }
            guard token.map({ $0.isShown(in: context) }) ?? isLocal else {
                throw Refusal(.contactsNotAllowed, "topic", ["topic": topic]).error
            }
            // A contact tells no place, so that it could be filtered: all of them or none.
            let caller = try core.admit([.nation(.readPeople)], context)
            // "A read audit is committed before personal data leave": one line for the stream.
            try await PeopleCalls(core: core).auditRead(["feeds/\(topic)"], by: caller)
            return .everything
        }
    }
}

/// "Feeds are filtered by grant; a unit leaving it is sent as a tombstone." Judged for each event by what holds when it
/// is sent: a stream may outlast a grant, and a reorganisation.
private struct FactFilter: Sendable {
    let core: RegistryCore
    let caller: Caller

    var filter: FeedFilter {
        FeedFilter {
            try core.gate(.read, of: caller)?.reach.scope(.read) ?? 0
        } judge: { events in
            try await core.refreshUnits()
            let reach = try core.gate(.read, of: caller)?.reach
            // Who sees everything is asked about nothing but what is gone.
            let asked = (reach == nil ? events.filter(\.isTombstone) : events).map(\.aggregate)
            let places =
                asked.isEmpty ? FactPlaces() : try await core.database.readPooled { try FactPlaces(asked, in: $0) }
            return events.map { visibility(of: $0, reach, places) }
        }
    }

    private func visibility(of event: FeedEvent, _ reach: Reach?, _ places: FactPlaces) -> FeedFilter.Visibility {
        guard let reach else {
            return event.isTombstone && exists(event.aggregate, places) ? .hidden : .full
        }
        let seen = visibility(of: event.aggregate, reach, places)
        guard event.isTombstone else { return seen }
        // Gone for some: who sees it is told so by the fact that follows. A fact that is gone for all tells nothing but
        // its name, and who had it must hear of it.
        return seen == .full && exists(event.aggregate, places) ? .hidden : .tombstone
    }

    private func exists(_ aggregate: String, _ places: FactPlaces) -> Bool {
        switch FactSubject(aggregate) {
        case .unit(let id): core.units.rank(of: id).map { !core.units[$0].isVoid } ?? (places.hamlets[id] != nil)
        case .team(let id): places.teams[id] != nil
        case nil: false
        }
    }

    private func visibility(of aggregate: String, _ reach: Reach, _ places: FactPlaces) -> FeedFilter.Visibility {
        switch FactSubject(aggregate) {
        case .unit(let id):
            guard let unit = reach.units.rank(of: id) else { return visibility(at: places.hamlets[id] ?? [], reach) }
            if reach.allows(.read, on: unit, date: reach.today) { return .full }
            return reach.mayHaveSeen(unit) ? .tombstone : .hidden
        case .team(let id): return visibility(at: places.teams[id] ?? [], reach)
        case nil: return .hidden
        }
    }

    private func visibility(at stays: [CommuneStay], _ reach: Reach) -> FeedFilter.Visibility {
        if reach.allows(.read, at: stays, date: reach.today) { return .full }
        return stays.contains { reach.mayHaveSeen($0.commune) } ? .tombstone : .hidden
    }
}

/// What a fact is of, by the name of its aggregate: who sees a membership is who sees its team.
private enum FactSubject {
    /// With a national code, or a hamlet.
    case unit(UniqueID)
    case team(UniqueID)

    init?(_ aggregate: String) {
        if let id = ResourceName.uniqueID(aggregate, in: "units") {
            self = .unit(id)
            return
        }
        let team =
            ResourceName.id(aggregate, in: "teams") ?? ResourceName.ids(aggregate, in: "teams", "memberships")?.outer
        guard let id = team.flatMap({ UniqueID($0) }) else { return nil }
        self = .team(id)
    }
}

/// Where the hamlets and teams lie that some facts are of; asked once for many.
private struct FactPlaces: Sendable {
    var hamlets: [UniqueID: [CommuneStay]] = [:]
    var teams: [UniqueID: [CommuneStay]] = [:]

    init() {}

    init(_ aggregates: [String], in tx: ReadTransaction) throws {
        var units: Set<UniqueID> = []
        var teams: Set<UniqueID> = []
        for aggregate in aggregates {
            switch FactSubject(aggregate) {
            case .unit(let id): units.insert(id)
            case .team(let id): teams.insert(id)
            case nil: break
            }
        }
        hamlets = try HamletStore.stays(of: units, in: tx)
        self.teams = try TeamStore.stays(of: teams, in: tx)
    }
}
