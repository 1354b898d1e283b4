import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// A person says where a team or hamlet of a divided or ended commune has been since.
struct PlacementCalls: Sendable {
    let core: RegistryCore

    func correct(_ request: Cdt_Registry_V1_CorrectPlacementRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_CorrectPlacementResponse
    {
        var reader = RequestReader(core)
        let isTeam = !request.name.hasPrefix("units/")
        let id = reader.id(request.name, of: isTeam ? "teams" : "units", "name")
        if request.commune.isEmpty { reader.fields.add(Problem(.fieldMissing, "commune")) }
        let commune = request.commune.isEmpty ? nil : reader.coded(request.commune, "commune")
        _ = reader.fields.line(request.reason, "reason", limit: 500, required: false)
        try reader.refuse()
        guard let id, let commune else { throw Refusal(.fieldMissing, "name").error }
        let today = core.clock.today
        return try await core.write(request.requestID, of: request, by: caller) { [core] tx, author in
            let units = core.units
            let from: LocalDate
            var teams: [UniqueID] = []
            if isTeam {
                guard let team = try TeamStore.team(id, in: tx) else {
                    return .failure(Refusal(.teamNotFound, "name", ["value": id.teamName]).error)
                }
                if let stale = Etag.refusal(request.etag, version: team.edition, name: id.teamName) {
                    return .failure(stale)
                }
                guard team.level == .commune else {
                    let hamlet = team.stretches.lazy.compactMap { $0.place?.unit }.first
                    return .failure(Refusal(.placedByHamlet, "name", ["hamlet": hamlet?.unitName ?? ""]).error)
                }
                switch PlacementRules.correcting(Following.stays(of: team), to: commune, units: units) {
                case .failure(let refusal): return .failure(refusal.error)
                case .success(let found):
                    from = found.from
                    try core.recorder.move(
                        team, to: Following.team(team, at: found.stays, units: units), by: author, in: tx)
                    teams = [team.id]
                }
            } else {
                guard let hamlet = try HamletStore.hamlet(id, in: tx) else {
                    return .failure(Refusal(.unitNotFound, "name", ["value": id.unitName]).error)
                }
                switch PlacementRules.correcting(hamlet.stays, to: commune, units: units) {
                case .failure(let refusal): return .failure(refusal.error)
                case .success(let found):
                    from = found.from
                    try core.recorder.move(hamlet, to: found.stays, by: author, in: tx)
                    let tail = Following.tail(found.stays, from: found.from)
                    for (id, _) in try TeamStore.teams(on: id, level: .hamlet, in: tx) {
                        guard let team = try TeamStore.team(id, in: tx) else { continue }
                        let stays = Following.replacing(
                            Following.stays(of: team), from: found.from,
                            by: Following.tail(tail, from: max(found.from, team.firstDay)))
                        try core.recorder.move(
                            team, to: Following.team(team, at: stays, units: units), by: author, in: tx)
                        teams.append(team.id)
                    }
                }
            }
            let messages = try TeamsSeen(units: units, date: today).messages(teams, in: tx)
            return .success(
                .with {
                    $0.from = from.description
                    $0.teams = messages
                })
        }
    }
}
