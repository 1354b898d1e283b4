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

/// "Feeds are filtered by grant; a unit leaving it is sent as a tombstone." Judged for each event by what holds when it is
/// sent: a stream may outlast a grant, and a reorganisation.
private struct FactFilter: Sendable {
    let core: RegistryCore
    let caller: Caller

    var filter: FeedFilter {
        FeedFilter {
            try core.gate(.read, of: caller)?.reach.scope(.read) ?? 0
        } prepare: {
            try await core.refreshUnits()
        } _: {
            try visibility(of: $0)
        }
    }

    private func visibility(of event: FeedEvent) throws -> FeedFilter.Visibility {
        guard let gate = try core.gate(.read, of: caller) else {
            return try event.isTombstone && exists(event.aggregate) ? .hidden : .full
        }
        let seen = try visibility(of: event.aggregate, gate.reach)
        guard event.isTombstone else { return seen }
        // Gone for some: who sees it is told so by the fact that follows. A fact that is gone for all tells nothing but its
        // name, and who had it must hear of it.
        return try seen == .full && exists(event.aggregate) ? .hidden : .tombstone
    }

    private func exists(_ aggregate: String) throws -> Bool {
        if let id = id(aggregate, "units") {
            if let unit = core.units.rank(of: id) { return !core.units[unit].isVoid }
            return try core.database.read { try HamletStore.hamlet(id, in: $0) } != nil
        }
        return try team(of: aggregate).map { id in try core.database.read { try TeamStore.team(id, in: $0) } != nil }
            ?? false
    }

    private func visibility(of aggregate: String, _ reach: Reach) throws -> FeedFilter.Visibility {
        if let id = id(aggregate, "units") {
            if let unit = reach.units.rank(of: id) {
                if reach.allows(.read, on: unit, date: reach.today) { return .full }
                return reach.mayHaveSeen(unit) ? .tombstone : .hidden
            }
            let hamlet = try core.database.read { try HamletStore.hamlet(id, in: $0) }
            return visibility(at: hamlet?.stays ?? [], reach)
        }
        guard let team = team(of: aggregate) else { return .hidden }
        let found = try core.database.read { try TeamStore.team(team, in: $0) }
        return visibility(at: found.map(Following.stays) ?? [], reach)
    }

    /// The team that a name is of, or that it belongs to.
    private func team(of aggregate: String) -> UniqueID? {
        id(aggregate, "teams")
            ?? ResourceName.ids(aggregate, in: "teams", "memberships").flatMap { UniqueID($0.outer) }
    }

    private func visibility(at stays: [CommuneStay], _ reach: Reach) -> FeedFilter.Visibility {
        if reach.allows(.read, at: stays, date: reach.today) { return .full }
        return stays.contains { reach.mayHaveSeen($0.commune) } ? .tombstone : .hidden
    }

    private func id(_ name: String, _ collection: String) -> UniqueID? {
        ResourceName.id(name, in: collection).flatMap { UniqueID($0) }
    }
}
