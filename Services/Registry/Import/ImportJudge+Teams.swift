import ServiceKit
import Shared

/// Rows of hamlets and teams.
extension ImportJudge {
    func judge(_ row: Cdt_Registry_V1_HamletRow, ids: NewIDs, facts: some ImportFacts) throws -> RowJudgement {
        var fields = PersonFields()
        let externalID = row.externalID.isEmpty ? "" : externalID(row.externalID, "hamlet.external_id", &fields)
        let name = fields.line(row.displayName, "hamlet.display_name", limit: 200)
        let commune = commune(row.communeCode, "hamlet.commune_code", &fields)
        if let problem = outside(commune, row.communeCode, "hamlet.commune_code") { return .rejected([problem]) }
        guard let externalID, let name, let commune, fields.problems.isEmpty else { return .rejected(fields.problems) }
        let hash = try Self.hash(row, unit: units[commune].id)
        let source = externalID.isEmpty ? nil : key(externalID)

        let same = try facts.hamlets(named: Hamlet.key(name), in: commune)
        if let source, let known = try facts.hamlet(source) {
            if known.rowHash == hash { return RowJudgement(name: known.hamlet.id.unitName, isUnchanged: true) }
            guard known.hamlet.stays.contains(where: { $0.commune == commune }) else {
                return .rejected([
                    Problem(
                        .externalIDTaken, "hamlet.external_id",
                        ["sourceSystem": sourceSystem, "externalId": externalID])
                ])
            }
            var hamlet = known.hamlet
            hamlet.name = name
            hamlet.version += 1
            return RowJudgement(
                name: hamlet.id.unitName, effects: [.renameHamlet(hamlet, before: known.hamlet, rowHash: hash)])
        }
        if let found = same.first, same.count == 1, source == nil || found.source == nil {
            return RowJudgement(name: found.id.unitName, isUnchanged: true)
        }
        if same.count > 0 {
            return .rejected([
                Problem(.hamletExists, "hamlet.display_name", ["commune": units[commune].name, "value": name])
            ])
        }
        let hamlet = Hamlet(id: ids.first, name: name, stays: units.stays(of: commune), source: source)
        return RowJudgement(name: hamlet.id.unitName, effects: [.insertHamlet(hamlet, rowHash: hash)])
    }

    func judge(_ row: Cdt_Registry_V1_TeamRow, number: Int64, ids: NewIDs, facts: some ImportFacts) throws
        -> RowJudgement
    {
        var fields = PersonFields()
        let externalID = row.externalID.isEmpty ? "" : externalID(row.externalID, "team.external_id", &fields)
        let commune = commune(row.communeCode, "team.commune_code", &fields)
        if let problem = outside(commune, row.communeCode, "team.commune_code") { return .rejected([problem]) }
        let hash = try Self.hash(row, unit: commune.map { units[$0].id })
        // A row sent again is recognised before anything else is looked at.
        var known: (team: Team, mark: ImportMark?)?
        if let externalID, !externalID.isEmpty {
            known = try facts.team(key(externalID))
            let stays = known.map { Following.stays(of: $0.team) }
            if let problem = outside(stays, externalID, "team.external_id") { return .rejected([problem]) }
            if let known, known.mark?.rowHash == hash {
                return RowJudgement(name: known.team.id.teamName, isUnchanged: true)
            }
            if let repeated = repeated(known?.mark, number: number, field: "team.external_id") { fields.add(repeated) }
        }
        let name = fields.line(row.displayName, "team.display_name", limit: 300)
        let level = TeamLevel(rawValue: row.level.rawValue)
        if level == nil { fields.add(missing(row.level.rawValue, "team.level")) }
        let variant =
            row.nameVariant == .unspecified ? .digitalTechnology : TeamNameVariant(rawValue: row.nameVariant.rawValue)
        if variant == nil { fields.add(missing(row.nameVariant.rawValue, "team.name_variant")) }
        if let commune { checkProvince(row.provinceCode, commune, &fields) }
        let from = fields.date(row.established, "team.established", required: true)
        let to = fields.date(row.dissolved, "team.dissolved")
        if let from, let to, to < from {
            fields.add(
                Problem(.datesReversed, "team.dissolved", ["from": from.description, "to": to.description]))
        }
        let decision = row.hasDecision ? DocumentFields.read(row.decision, "team.decision", &fields) : nil
        if let level, let known, known.team.level != level { fields.add(Problem(.levelChanged, "team.level")) }
        var hamlet: (hamlet: Hamlet, isNew: Bool)?
        if level == .commune, !row.hamlet.isEmpty { fields.add(Problem(.hamletNotAllowed, "team.hamlet")) }
        if level == .hamlet, let commune {
            hamlet = try self.hamlet(row.hamlet, in: commune, known: known?.team, ids: ids, &fields, facts: facts)
        }
        if row.externalID.isEmpty, let level, let commune, fields.problems.isEmpty {
            let unit = level == .commune ? units[commune].id : hamlet.flatMap { $0.isNew ? nil : $0.hamlet.id }
            switch try unit.map({ try same(level, on: $0, decision, facts: facts) }) ?? .none {
            case .none: break
            case .several(let count):
                fields.add(Problem(.teamAmbiguous, "team.decision", ["count": String(count)]))
            case .one(let team, let mark):
                if let problem = outside(Following.stays(of: team), row.communeCode, "team.commune_code") {
                    return .rejected([problem])
                }
                if mark?.rowHash == hash { return RowJudgement(name: team.id.teamName, isUnchanged: true) }
                if let mark, mark.batchKey == batchKey, mark.rowNumber != number {
                    fields.add(Problem(.rowRepeated, "team.decision", ["row": String(mark.rowNumber)]))
                }
                known = (team, mark)
            }
        }
        guard let externalID, let name, let level, let variant, let commune, let from, fields.problems.isEmpty,
            level == .commune || hamlet != nil
        else { return .rejected(fields.problems) }

        var statuses = [StatusPeriod(status: .active, range: DateRange(from: from, to: to))]
        if let to { statuses.append(StatusPeriod(status: .dissolved, range: DateRange(from: to.next, to: nil))) }
        if let known, !Self.isImported(TeamHistory.statuses(of: known.team.stretches)) {
            // Suspensions and the like were recorded here since; the file knows nothing of them.
            guard statuses.first?.range.from == known.team.firstDay, to == nil else {
                return .rejected([Problem(.historyDiffers, "team.established")])
            }
            statuses = TeamHistory.statuses(of: known.team.stretches)
        }
        let unit = hamlet?.hamlet.id ?? units[commune].id
        let stays =
            hamlet?.hamlet.stays ?? known.flatMap { corrected($0.team, in: commune) } ?? units.stays(of: commune)
        let places = TeamRules.places(unit: unit, level: level, stays: stays, from: from, units: units)
        let team = Team(
            id: known?.team.id ?? ids.first, level: level, name: name, nameVariant: variant, decision: decision,
            stretches: TeamHistory.stretches(statuses: statuses, places: places),
            source: known?.team.source ?? (externalID.isEmpty ? nil : key(externalID)),
            version: (known?.team.version ?? 0) + 1, createdAt: known?.team.createdAt ?? now, updatedAt: now)
        if externalID.isEmpty, let known, team.saysSame(as: known.team) {
            return RowJudgement(name: team.id.teamName, isUnchanged: true)
        }
        // No other team can be on a hamlet that this row makes.
        var problems = hamlet?.isNew == true ? [] : try clashes(of: team, facts: facts)
        problems += TeamRules.warnings(about: team.stretches, units: units, field: "team.commune_code")
        let mark = ImportMark(rowHash: hash, batchKey: batchKey, rowNumber: number)
        var effects: [ImportEffect] = []
        if let hamlet, hamlet.isNew { effects.append(.insertHamlet(hamlet.hamlet, rowHash: nil)) }
        effects.append(known.map { .updateTeam(team, before: $0.team, mark) } ?? .insertTeam(team, mark))
        return RowJudgement(problems: problems, name: team.id.teamName, effects: effects)
    }

    private enum Same {
        case none
        case one(Team, ImportMark?)
        case several(Int)
    }

    /// "Without \[an external id\], teams match by unit, level and decision." A decision is known by its number and
    /// date.
    private func same(_ level: TeamLevel, on unit: UniqueID, _ decision: Document?, facts: some ImportFacts) throws
        -> Same
    {
        let found = try facts.teams(on: unit, level: level).compactMap { try facts.team(id: $0.team) }.filter {
            $0.team.decision?.number == decision?.number && $0.team.decision?.issuedOn == decision?.issuedOn
        }
        guard let first = found.first else { return .none }
        return found.count == 1 ? .one(first.team, first.mark) : .several(found.count)
    }

    /// R1 on every unit of the team's way. What a reorganisation brings together is a flag of the teams from its day
    /// on, and no fault of the row.
    private func clashes(of team: Team, facts: some ImportFacts) throws -> [Problem] {
        var problems: [Problem] = []
        for unit in Set(team.stretches.compactMap { $0.place?.unit }) {
            let others = try facts.teams(on: unit, level: team.level).filter { $0.team != team.id }
            guard !others.isEmpty else { continue }
            for clash in TeamRules.clashes(of: team.stretches, level: team.level, with: others)
            where !clash.isByReorganisation {
                problems.append(units.problem(clash, field: "team.commune_code"))
            }
        }
        return problems.first.map { [$0] } ?? []
    }

    private func hamlet(
        _ text: String, in commune: UnitRank, known: Team?, ids: NewIDs, _ fields: inout PersonFields,
        facts: some ImportFacts
    ) throws -> (hamlet: Hamlet, isNew: Bool)? {
        guard !text.isEmpty else {
            fields.add(Problem(.hamletMissing, "team.hamlet"))
            return nil
        }
        guard let name = fields.line(text, "team.hamlet", limit: 200) else { return nil }
        let same = try facts.hamlets(named: Hamlet.key(name), in: commune)
        // Of several, the one the team sits in already.
        if let own = same.first(where: { hamlet in known?.stretches.contains { $0.place?.unit == hamlet.id } ?? false })
        {
            return (own, false)
        }
        if let found = same.first {
            if same.count == 1 { return (found, false) }
            fields.add(
                Problem(
                    .hamletAmbiguous, "team.hamlet",
                    ["commune": units[commune].name, "count": String(same.count), "value": name]))
            return nil
        }
        return (Hamlet(id: ids.second, name: name, stays: units.stays(of: commune)), true)
    }

    /// The communes of a team whose place a person corrected: a row that names the same commune as before does not take
    /// that back.
    private func corrected(_ team: Team, in commune: UnitRank) -> [CommuneStay]? {
        let stays = Following.stays(of: team)
        guard stays.contains(where: { $0.basis == .confirmed }),
            stays.contains(where: { $0.commune == commune && $0.range.contains(codeDate) })
        else { return nil }
        return stays
    }

    private func checkProvince(_ code: String, _ commune: UnitRank, _ fields: inout PersonFields) {
        guard !code.isEmpty else { return }
        let province = units.ancestor(of: commune, at: .province, on: codeDate)
        let found = province.map { units[$0].code }
        if found != code {
            fields.add(
                Problem(
                    .provinceMismatch, "team.province_code",
                    [
                        "commune": units[commune].name, "found": found, "value": PersonFields.shown(code),
                        "date": codeDate.description,
                    ]))
        }
    }

    private func missing(_ raw: Int, _ field: String) -> Problem {
        raw == 0 ? Problem(.fieldMissing, field) : Problem(.unknownValue, field, ["value": String(raw)])
    }

    /// Whether a history is one an import can say: active, then perhaps dissolved.
    private static func isImported(_ statuses: [StatusPeriod]) -> Bool {
        statuses.map(\.status) == [.active] || statuses.map(\.status) == [.active, .dissolved]
    }
}

extension UnitIndex {
    /// R1's clash as a refusal, or as the flag that a reorganisation leaves.
    func problem(_ clash: TeamRules.Clash, field: String) -> Problem {
        let unit = rank(of: clash.unit).map { self[$0].name } ?? clash.unit.unitName
        if clash.isByReorganisation {
            return Problem(.needsConsolidation, field, ["unit": unit, "date": clash.range.firstDay.description])
        }
        return Problem(
            .unitHasActiveTeam, field,
            [
                "unit": unit, "team": clash.team.teamName, "from": clash.range.from?.description,
                "to": clash.range.to?.description,
            ])
    }
}

/// Reads legal documents.
enum DocumentFields {
    static func read(_ message: Cdt_Common_V1_LegalDocument, _ field: String, _ fields: inout PersonFields) -> Document?
    {
        let before = fields.problems.count
        // Older files know a decision by its date alone; one of the two must be there.
        let number = fields.line(message.number, "\(field).number", limit: 100, required: message.issuedOn.isEmpty)
        let title = fields.line(message.title, "\(field).title", limit: 500, required: false)
        let issuer = fields.line(message.issuer, "\(field).issuer", limit: 200, required: false)
        let issuedOn = fields.date(message.issuedOn, "\(field).issued_on")
        let from = fields.date(message.effectiveFrom, "\(field).effective_from")
        let to = fields.date(message.effectiveTo, "\(field).effective_to")
        if let from, let to, to < from {
            fields.add(
                Problem(.datesReversed, "\(field).effective_to", ["from": from.description, "to": to.description]))
        }
        guard fields.problems.count == before, let number, let title, let issuer else { return nil }
        return Document(
            number: number, title: title, issuer: issuer, issuedOn: issuedOn, effective: DateRange(from: from, to: to))
    }
}
