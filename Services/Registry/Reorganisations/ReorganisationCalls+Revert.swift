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
        return try await pausingRetelling(
            ifDue: { try Self.due(id, etag: request.etag, to: .reverted, in: $0) },
            for: { try await revertAlone(id, request, by: caller) })
    }

    private func revertAlone(
        _ id: UniqueID, _ request: Cdt_Registry_V1_RevertReorganisationRequest, by caller: Caller
    ) async throws -> Cdt_Registry_V1_RevertReorganisationResponse {
        let today = core.clock.today
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            var listed: ReorganisationStore.Listed
            switch try Self.due(id, etag: request.etag, to: .reverted, in: tx) {
            case .success(let found): listed = found
            case .failure(let error): return .failure(error)
            }
            let former = listed
            var data = try UnitStore.load(from: tx)
            let before = UnitIndex(data)
            let change = try ReorganisationStore.change(of: listed.event, units: before, in: tx)
            let revert = ReorganisationRevert(event: listed.event, change: change)
            var obstacles = ReorganisationRevert.Obstacles()
            obstacles.reorganisations.add(revert.laterUnits(data))
            // Everything in the way is known before the first write; so everything is looked at twice, and no country
            // is held in memory.
            let places = RevertedPlaces(revert: revert, units: before)
            try places.forEach(in: tx, progress: core.progress.reporting("checks before reverting", former.event.title))
            {
                hamlet, former in
                if former == nil { obstacles.hamlets.add("\(hamlet.name) (\(hamlet.id.unitName))") }
            } team: { team, former in
                if former == nil { obstacles.teams.add(team.id.teamName) }
            }
            try obstacles.look(at: Set(change.created.map { before[$0.rank].id }), in: tx)
            guard obstacles.problems.isEmpty else { return .failure(Refusal(obstacles.problems).error) }

            data.revert(change)
            data.edition += 1
            let after = UnitIndex(data)
            let recorder = Recorder(outbox: core.outbox, units: after)
            try UnitStore.revert(change, in: tx)
            for created in change.created { try recorder.untell(created.rank, before: before, by: author, in: tx) }
            for rank in change.ended + change.moved.map(\.unit) {
                try recorder.tell(rank, before: before, by: author, in: tx)
            }
            var hamlets: Int64 = 0
            var teams: Int64 = 0
            try places.forEach(in: tx, progress: core.progress.reporting("reverts", former.event.title)) {
                hamlet, tail in
                // Nil now: it is back already, and lies in a commune that comes later in the list.
                guard let tail else { return }
                let stays = Following.replacing(hamlet.stays, from: change.on, by: tail)
                try recorder.move(hamlet, to: stays, by: author, in: tx)
                hamlets += 1
            } team: { team, tail in
                guard let tail else { return }
                let stays = Following.replacing(Following.stays(of: team), from: change.on, by: tail)
                try recorder.move(team, to: Following.team(team, at: stays, units: after), by: author, in: tx)
                teams += 1
            }
            try ReorganisationStore.forgetChange(of: id, in: tx)
            listed.event.state = .reverted
            listed.event.version += 1
            listed.event.updatedAt = author.now
            try recorder.update(listed.event, before: former.event, by: author, in: tx)
            try FeedRetelling.find(
                after, told: change.endedSet.union(change.moved.map(\.unit)), today: today, in: tx)
            tx.afterCommit { core.catalogue.replace(with: after) }
            let answer = Cdt_Registry_V1_RevertReorganisationResponse.with {
                $0.reorganisation = listed.message
                $0.teams = teams
                $0.hamlets = hamlets
            }
            return .success(answer)
        }
    }
}

/// The former places of everything that lies where it does because of a reorganisation.
private struct RevertedPlaces {
    let revert: ReorganisationRevert
    let units: UnitIndex

    /// Calls for each with where it was going to be before, from the day on; nil when something else has been recorded
    /// since.
    func forEach(
        in tx: ReadTransaction, progress: (_ done: Int, _ all: Int) -> Void,
        hamlet: (Hamlet, [CommuneStay]?) throws -> Void, team: (Team, [CommuneStay]?) throws -> Void
    ) throws {
        let all = revert.communes(units)
        let touched = Set(all)
        try all.inParts(of: RankFilter.atOnce) { part in
            let here = Set(part)
            func isHere(_ stays: [CommuneStay]) -> Bool {
                let first = stays.first { touched.contains($0.commune) && $0.range.lastDay >= revert.change.on }
                return first.map { here.contains($0.commune) } ?? false
            }
            let found = try HamletStore.hamlets(in: part, after: revert.change.on, ended: true, in: tx)
            let known = try ReorganisationStore.places(in: part, isHamlet: true, of: revert.event, in: tx)
            for subject in found where isHere(subject.stays) {
                try hamlet(subject, revert.former(subject.stays, logged: known[subject.id], units: units))
            }
            let teams = try TeamStore.teams(in: part, after: revert.change.on, ended: true, in: tx)
            let placed = try ReorganisationStore.places(in: part, isHamlet: false, of: revert.event, in: tx)
            for subject in teams {
                let stays = Following.stays(of: subject)
                guard isHere(stays) else { continue }
                try team(subject, revert.former(stays, logged: placed[subject.id], units: units))
            }
            progress(part.endIndex, all.count)
        }
    }
}

extension ReorganisationRevert.Obstacles {
    /// What else was recorded of units that would be gone.
    mutating func look(at units: Set<UniqueID>, in tx: ReadTransaction) throws {
        policies.add(
            try CapacityStore.all(in: tx).filter { units.contains($0.unit) }.map { "capacityPolicies/\($0.id)" })
        grants.add(try GrantStore.grants(on: units, in: tx).map(\.name))
        people.add(try PersonStore.people(at: units, in: tx).map(\.personName))
    }
}
