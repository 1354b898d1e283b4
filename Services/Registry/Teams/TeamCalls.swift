import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The calls about teams.
struct TeamCalls: Sendable {
    let core: RegistryCore
    private var units: UnitIndex { core.units }

    // MARK: Reading

    func get(_ request: Cdt_Registry_V1_GetTeamRequest) throws -> Cdt_Registry_V1_GetTeamResponse {
        var reader = RequestReader(core)
        let day = reader.day(request.date)
        var id: UniqueID?
        var source: SourceKey?
        switch request.key {
        case .name(let name): id = reader.id(name, of: "teams", "name")
        case .source(let key): source = reader.source(key, "source")
        case nil: reader.fields.add(Problem(.fieldMissing, "name"))
        }
        try reader.refuse()
        let teams = TeamsSeen(units: reader.units, date: day.date)
        let message =
            if let id {
                try teams.message(id, from: core.database)
            } else {
                try source.flatMap { try teams.message($0, from: core.database) }
            }
        guard let message else {
            throw Refusal(.teamNotFound, "name", ["value": id?.teamName ?? source?.externalID ?? ""]).error
        }
        return .with {
            $0.team = message
            $0.date = day.text
            $0.dateDefaulted = day.isDefault
        }
    }

    // MARK: Writing

    func create(_ request: Cdt_Registry_V1_CreateTeamRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_CreateTeamResponse
    {
        let draft = try draft(request)
        let today = core.clock.today
        return try await core.write(request.requestID, of: request, by: caller) { [self] tx, author in
            if let source = draft.source, try TeamStore.team(source, in: tx) != nil {
                return .failure(
                    Refusal(
                        .externalIDTaken, "team.external_id",
                        ["sourceSystem": source.system, "externalId": source.externalID]
                    ).error)
            }
            guard let stays = try place(draft.unit, level: draft.level, in: tx) else {
                return .failure(Refusal(.unitNotFound, "team.unit", ["value": request.team.unit]).error)
            }
            let places = TeamRules.places(
                unit: draft.unitID(units), level: draft.level, stays: stays, from: draft.from, units: units)
            let first = places.first
            let isInForce = draft.level == .hamlet ? first?.basis != .ended : first?.basis == .stated
            guard first?.range.from == draft.from, isInForce else {
                return .failure(Refusal(.unitNotInForce, "team.unit", notInForce(draft, stays)).error)
            }
            let team = Team(
                id: draft.id, level: draft.level, name: draft.name, nameVariant: draft.nameVariant,
                decision: draft.decision,
                stretches: TeamHistory.stretches(
                    statuses: [StatusPeriod(status: draft.status, range: DateRange(from: draft.from, to: nil))],
                    places: places), source: draft.source, createdAt: author.now, updatedAt: author.now)
            let problems =
                try clashes(of: team, statedSince: nil, field: "team.unit", in: tx)
                + TeamRules.warnings(about: team.stretches, units: units, field: "team.unit")
            if problems.contains(where: { !$0.reason.isWarning }) { return .failure(Refusal(problems).error) }
            try core.recorder.insert(team, by: author, in: tx)
            let message = try TeamsSeen(units: units, date: today).written(team.id, in: tx)
            return .success(
                .with {
                    $0.team = message
                    $0.warnings = problems.map(\.message)
                })
        }
    }

    func update(_ request: Cdt_Registry_V1_UpdateTeamRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_UpdateTeamResponse
    {
        var reader = RequestReader(core)
        let id = reader.id(request.team.name, of: "teams", "team.name")
        let paths = request.updateMask.paths.isEmpty ? populated(request.team) : request.updateMask.paths
        var change = TeamChange()
        for path in paths { change.read(path, of: request.team, &reader) }
        try reader.refuse()
        guard let id else { throw Refusal(.fieldMissing, "team.name").error }
        let today = core.clock.today
        return try await core.write(request.requestID, of: request, by: caller) { [self, change] tx, author in
            guard let before = try TeamStore.team(id, in: tx) else {
                return .failure(Refusal(.teamNotFound, "team.name", ["value": id.teamName]).error)
            }
            if let stale = Etag.refusal(request.team.etag, version: before.edition, name: id.teamName) {
                return .failure(stale)
            }
            var team = change.applied(to: before)
            if team != before {
                team.version += 1
                team.updatedAt = author.now
                try core.recorder.update(team, before: before, by: author, in: tx)
            }
            let message = try TeamsSeen(units: units, date: today).written(team.id, in: tx)
            return .success(.with { $0.team = message })
        }
    }

    func changeStatus(_ request: Cdt_Registry_V1_ChangeTeamStatusRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ChangeTeamStatusResponse
    {
        var reader = RequestReader(core)
        let id = reader.id(request.name, of: "teams", "name")
        let status = reader.value(request.status.rawValue, TeamStatus.self, "status")
        let from = reader.fields.date(request.from, "from", required: true)
        _ = reader.fields.line(request.reason, "reason", limit: 500, required: false)
        try reader.refuse()
        guard let id, let status, let from else { throw Refusal(.fieldMissing, "name").error }
        let today = core.clock.today
        return try await core.write(request.requestID, of: request, by: caller) { [self] tx, author in
            guard let before = try TeamStore.team(id, in: tx) else {
                return .failure(Refusal(.teamNotFound, "name", ["value": id.teamName]).error)
            }
            if let stale = Etag.refusal(request.etag, version: before.edition, name: id.teamName) {
                return .failure(stale)
            }
            guard from > before.firstDay else {
                return .failure(Refusal(.beforeTeam, "from", ["date": before.firstDay.description]).error)
            }
            let current = before.stretch(on: from.previous)?.status ?? .planned
            guard TeamRules.mayBecome(status, after: current) else {
                return .failure(
                    Refusal(.statusNotAllowed, "status", ["from": current.word, "to": status.word]).error)
            }
            var team = before
            // Places go on whatever the status is: a dissolved team's past stays with its territory.
            team.stretches = TeamHistory.stretches(
                statuses: TeamHistory.changing(TeamHistory.statuses(of: before.stretches), to: status, from: from),
                places: TeamHistory.places(of: before.stretches))
            let problems = try clashes(of: team, statedSince: from, field: "status", in: tx)
            // Clashes that were there before the change are not of its making.
            if let refusal = problems.first(where: { !$0.reason.isWarning }), status == .active {
                return .failure(Refusal([refusal]).error)
            }
            team.version += 1
            team.updatedAt = author.now
            try core.recorder.update(team, before: before, by: author, in: tx)
            let message = try TeamsSeen(units: units, date: today).written(team.id, in: tx)
            return .success(.with { $0.team = message })
        }
    }

    /// R1 on every unit of the team's way.
    private func clashes(of team: Team, statedSince: LocalDate?, field: String, in tx: ReadTransaction) throws
        -> [Problem]
    {
        var problems: [Problem] = []
        for unit in Set(team.stretches.compactMap { $0.place?.unit }) {
            let others = try TeamStore.teams(on: unit, level: team.level, in: tx).filter { $0.team != team.id }
            problems += TeamRules.clashes(
                of: team.stretches, level: team.level, with: others, statedSince: statedSince
            ).map { units.problem($0, field: field) }
        }
        return problems
    }

    /// Where a unit lies over time; nil when there is no such hamlet.
    private func place(_ unit: AskedUnit, level: TeamLevel, in tx: ReadTransaction) throws -> [CommuneStay]? {
        switch unit {
        case .coded(let commune): units.stays(of: commune)
        case .hamlet(let id): try HamletStore.hamlet(id, in: tx)?.stays
        }
    }

    private func notInForce(_ draft: TeamDraft, _ stays: [CommuneStay]) -> [String: String?] {
        switch draft.unit {
        case .coded(let rank): units.validity(of: rank, on: draft.from)
        case .hamlet(let id):
            [
                "unit": id.unitName, "date": draft.from.description,
                "validFrom": stays.first?.range.from?.description, "validTo": stays.last?.range.to?.description,
            ]
        }
    }

    private func populated(_ team: Cdt_Registry_V1_Team) -> [String] {
        (team.displayName.isEmpty ? [] : ["display_name"]) + (team.nameVariant == .unspecified ? [] : ["name_variant"])
            + (team.hasDecision ? ["decision"] : [])
    }
}
