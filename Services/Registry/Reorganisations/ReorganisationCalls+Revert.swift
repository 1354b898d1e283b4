import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension ReorganisationCalls {
    func revert(_ request: Cdt_Registry_V1_RevertReorganisationRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_RevertReorganisationResponse
    {
        var reader = RequestReader(core)
        let id = reader.id(request.name, of: "reorganisations", "name")
        _ = reader.fields.line(request.reason, "reason", limit: 500, required: false)
        try reader.refuse()
        guard let id else { throw Refusal(.fieldMissing, "name").error }
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            guard var listed = try ReorganisationStore.reorganisation(id, in: tx) else {
                return .failure(Refusal(.reorganisationNotFound, "name", ["value": request.name]).error)
            }
            let former = listed
            if let stale = Etag.refusal(request.etag, version: listed.event.version, name: listed.event.name) {
                return .failure(stale)
            }
            guard listed.event.state == .applied else {
                return .failure(Refusal(.reorganisationNotApplied, "name").error)
            }
            var data = try UnitStore.load(from: tx)
            let before = UnitIndex(data)
            let change = try ReorganisationStore.change(of: listed.event, units: before, in: tx)
            let revert = ReorganisationRevert(event: listed.event, change: change)
            var obstacles = ReorganisationRevert.Obstacles()
            obstacles.reorganisations = revert.laterUnits(data)
            let places = try RevertedPlaces(revert, units: before, &obstacles, in: tx)
            try obstacles.look(at: Set(change.created.map { before[$0.rank].id }), in: tx)
            // Everything in the way is known before the first write.
            guard obstacles.problems.isEmpty else { return .failure(Refusal(obstacles.problems).error) }

            data.revert(change)
            data.edition += 1
            let after = UnitIndex(data)
            let recorder = Recorder(outbox: core.outbox, units: after)
            try UnitStore.revert(change, in: tx)
            try ReorganisationStore.forgetChange(of: id, in: tx)
            for created in change.created { try recorder.untell(created.rank, before: before, by: author, in: tx) }
            for rank in change.ended + change.moved.map(\.unit) {
                try recorder.tell(rank, before: before, by: author, in: tx)
            }
            for (id, tail) in places.hamlets {
                guard let hamlet = try HamletStore.hamlet(id, in: tx) else { continue }
                let stays = Following.replacing(hamlet.stays, from: change.on, by: tail)
                try recorder.move(hamlet, to: stays, by: author, in: tx)
            }
            for (id, tail) in places.teams {
                guard let team = try TeamStore.team(id, in: tx) else { continue }
                let stays = Following.replacing(Following.stays(of: team), from: change.on, by: tail)
                try recorder.move(team, to: Following.team(team, at: stays, units: after), by: author, in: tx)
            }
            listed.event.state = .reverted
            listed.event.version += 1
            listed.event.updatedAt = author.now
            try recorder.update(listed.event, before: former.event, by: author, in: tx)
            tx.afterCommit { core.catalogue.replace(with: after) }
            return .success(
                .with {
                    $0.reorganisation = listed.message
                    $0.teams = Int64(places.teams.count)
                    $0.hamlets = Int64(places.hamlets.count)
                })
        }
    }
}

/// The former places of everything that lies where it does because of a reorganisation.
private struct RevertedPlaces {
    var hamlets: [(UniqueID, [CommuneStay])] = []
    var teams: [(UniqueID, [CommuneStay])] = []

    init(
        _ revert: ReorganisationRevert, units: UnitIndex, _ obstacles: inout ReorganisationRevert.Obstacles,
        in tx: ReadTransaction
    ) throws {
        let day = revert.change.on
        var seen: Set<UniqueID> = []
        for commune in revert.communes(units) {
            for id in try HamletStore.ids(in: commune, after: day, ended: true, in: tx) where seen.insert(id).inserted {
                guard let hamlet = try HamletStore.hamlet(id, in: tx) else { continue }
                let logged = try ReorganisationStore.place(of: id, isHamlet: true, revert.event.id, in: tx)
                if let former = revert.former(hamlet.stays, logged: logged, units: units) {
                    hamlets.append((id, former))
                } else {
                    obstacles.hamlets.append("\(hamlet.name) (\(id.unitName))")
                }
            }
            for id in try TeamStore.ids(in: commune, after: day, ended: true, in: tx) where seen.insert(id).inserted {
                guard let team = try TeamStore.team(id, in: tx) else { continue }
                let logged = try ReorganisationStore.place(of: id, isHamlet: false, revert.event.id, in: tx)
                if let former = revert.former(Following.stays(of: team), logged: logged, units: units) {
                    teams.append((id, former))
                } else {
                    obstacles.teams.append(id.teamName)
                }
            }
        }
    }
}

extension ReorganisationRevert.Obstacles {
    /// What else was recorded of units that would be gone.
    mutating func look(at units: Set<UniqueID>, in tx: ReadTransaction) throws {
        policies = try CapacityStore.all(in: tx).filter { units.contains($0.unit) }.map { "capacityPolicies/\($0.id)" }
        grants = try GrantStore.grants(on: units, in: tx).map(\.name)
        people = try PersonStore.people(at: units, in: tx).map(\.personName)
    }
}
