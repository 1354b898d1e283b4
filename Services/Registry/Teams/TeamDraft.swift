import ServiceKit
import Shared

/// A team to be created, read from the request.
struct TeamDraft: Sendable {
    var id: UniqueID
    var level: TeamLevel
    var unit: AskedUnit
    var name: String
    var nameVariant: TeamNameVariant
    var decision: Document?
    var status: TeamStatus
    var from: LocalDate
    var source: SourceKey?

    func unitID(_ units: UnitIndex) -> UniqueID {
        switch unit {
        case .coded(let rank): units[rank].id
        case .hamlet(let id): id
        }
    }
}

extension TeamCalls {
    func draft(_ request: Cdt_Registry_V1_CreateTeamRequest) throws -> TeamDraft {
        var reader = RequestReader(core)
        let message = request.team
        let level = reader.level(message.level, "team.level")
        let name = reader.fields.line(message.displayName, "team.display_name", limit: 300)
        let variant =
            message.nameVariant == .unspecified
            ? .digitalTechnology : reader.value(message.nameVariant.rawValue, TeamNameVariant.self, "team.name_variant")
        let status =
            message.status == .unspecified
            ? .active : reader.value(message.status.rawValue, TeamStatus.self, "team.status")
        if let status, !status.isRunning {
            reader.fields.add(Problem(.statusNotAllowed, "team.status", ["from": "NEW", "to": status.word]))
        }
        let unit = message.unit.isEmpty ? nil : reader.unit(message.unit, "team.unit")
        if message.unit.isEmpty { reader.fields.add(Problem(.fieldMissing, "team.unit")) }
        let decision =
            message.hasDecision ? DocumentFields.read(message.decision, "team.decision", &reader.fields) : nil
        let said = reader.fields.date(request.from, "from")
        let from = said ?? decision?.effective.from ?? decision?.issuedOn
        if from == nil, request.from.isEmpty { reader.fields.add(Problem(.fieldMissing, "from")) }
        let source = reader.source(message.sourceSystem, message.externalID, "team")
        // R2: "a COMMUNE team sits on a commune, a HAMLET team on a hamlet".
        if let unit, let level { checkLevel(unit, level, &reader) }
        try reader.refuse()
        guard let level, let name, let variant, let status, let unit, let from else {
            throw Refusal(.fieldMissing, "team").error
        }
        return TeamDraft(
            id: UUIDv7.next(at: core.clock.now), level: level, unit: unit, name: name, nameVariant: variant,
            decision: decision, status: status, from: from, source: source)
    }

    private func checkLevel(_ unit: AskedUnit, _ level: TeamLevel, _ reader: inout RequestReader) {
        switch (level, unit) {
        case (.commune, .coded(let rank)) where core.units[rank].level == .commune: break
        case (.hamlet, .hamlet): break
        case (.commune, .coded(let rank)):
            reader.fields.add(wrongLevel(core.units[rank].name, "commune", "đơn vị cấp xã"))
        case (.hamlet, .coded(let rank)):
            reader.fields.add(wrongLevel(core.units[rank].name, "hamlet", "thôn, tổ dân phố"))
        case (.commune, .hamlet(let id)): reader.fields.add(wrongLevel(id.unitName, "commune", "đơn vị cấp xã"))
        }
    }

    private func wrongLevel(_ unit: String, _ expected: String, _ vietnamese: String) -> Problem {
        Problem(.wrongUnitLevel, "team.unit", ["unit": unit, "expected": expected, "expectedVi": vietnamese])
    }
}

/// Fields of a team that an update may change.
struct TeamChange: Sendable {
    private var name: String?
    private var nameVariant: TeamNameVariant?
    private var decision: Document??

    mutating func read(_ path: String, of team: Cdt_Registry_V1_Team, _ reader: inout RequestReader) {
        switch path {
        case "display_name": name = reader.fields.line(team.displayName, "team.display_name", limit: 300)
        case "name_variant":
            nameVariant = reader.value(team.nameVariant.rawValue, TeamNameVariant.self, "team.name_variant")
        case "decision":
            decision = .some(
                team.hasDecision ? DocumentFields.read(team.decision, "team.decision", &reader.fields) : nil)
        default:
            reader.fields.add(Problem(.unknownField, "update_mask", ["value": PersonFields.shown(path)]))
        }
    }

    func applied(to team: Team) -> Team {
        var team = team
        if let name { team.name = name }
        if let nameVariant { team.nameVariant = nameVariant }
        if let decision { team.decision = decision }
        return team
    }
}
