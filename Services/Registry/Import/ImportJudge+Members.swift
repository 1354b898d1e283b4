import ServiceKit
import Shared

/// Rows of members: a person, and the membership.
extension ImportJudge {
    func judge(_ row: Cdt_Registry_V1_MemberRow, number: Int64, ids: NewIDs, facts: some ImportFacts) throws
        -> RowJudgement
    {
        var fields = PersonFields()
        let externalID = row.externalID.isEmpty ? "" : externalID(row.externalID, "member.external_id", &fields)
        let hash = try Self.hash(row)
        let stays = reach == nil ? nil : try team(row.teamExternalID, facts: facts).map { Following.stays(of: $0) }
        if let problem = outside(stays, row.teamExternalID, "member.team_external_id") { return .rejected([problem]) }
        var known: (membership: Membership, mark: ImportMark?)?
        if let externalID, !externalID.isEmpty {
            known = try facts.membership(key(externalID))
            if let known, known.mark?.rowHash == hash {
                return RowJudgement(name: known.membership.resourceName, isUnchanged: true)
            }
            if let repeated = repeated(known?.mark, number: number, field: "member.external_id") {
                fields.add(repeated)
            }
        }
        let role = MemberRole(rawValue: row.role.rawValue)
        if role == nil {
            fields.add(
                row.role == .unspecified
                    ? Problem(.fieldMissing, "member.role")
                    : Problem(.unknownValue, "member.role", ["value": String(row.role.rawValue)]))
        }
        let said = person(row, &fields)
        var from = fields.date(row.from, "member.from")
        let to = fields.date(row.to, "member.to")
        let team = try team(row.teamExternalID, &fields, facts: facts)
        // Nobody is known by name alone: only the very same row means the person it meant before.
        if row.externalID.isEmpty, let team, let same = try facts.membership(inTeam: team.id, rowHash: hash) {
            return RowJudgement(name: same.resourceName, isUnchanged: true)
        }
        if let known, let team, known.membership.team != team.id {
            fields.add(Problem(.teamChanged, "member.team_external_id"))
        }
        if let known, known.membership.isVoid { fields.add(Problem(.membershipVoid, "member.external_id")) }
        from = from ?? team.map(\.firstDay)
        if let from, let to, to < from {
            fields.add(Problem(.datesReversed, "member.to", ["from": from.description, "to": to.description]))
        }
        guard let externalID, let role, var person = said, let team, let from, fields.problems.isEmpty else {
            return .rejected(fields.problems)
        }

        // "Without one … people go to the duplicates queue": a new person, who may be somebody who is there already.
        let personID = row.personExternalID.isEmpty ? externalID : row.personExternalID
        let personKey = personID.isEmpty ? nil : key(personID)
        let before = try personKey.flatMap { try facts.person($0) }
        if let before,
            let problem = try outside(before, personID, "member.person_external_id", facts: facts)
        {
            return .rejected([problem])
        }
        if before?.erasedAt != nil { return .rejected([Problem(.personErased, "member.person_external_id")]) }
        // A record that was merged leads to the one whose key is another.
        person.source = before?.source ?? personKey
        person.id = before?.id ?? ids.first
        person.salt = before?.salt ?? ids.salt
        if let before {
            // What the row cannot say stays.
            person.residenceUnit = before.residenceUnit
            person.workUnit = before.workUnit
            person.citizenHash = before.citizenHash
            person.createdAt = before.createdAt
            person.version = before.version
        }
        let personChanged = before.map { !person.saysSame(as: $0) } ?? false
        if personChanged { person.version += 1 }

        var membership =
            known?.membership
            ?? Membership(
                id: ids.second, team: team.id, person: person.id, role: role, range: DateRange(from: from, to: to),
                source: externalID.isEmpty ? nil : key(externalID), version: 0, updatedAt: now)
        membership.person = person.id
        membership.role = role
        membership.range = DateRange(from: from, to: to)
        let problems = try problems(membership, team: team, isNewPerson: before == nil, facts: facts)
        if problems.contains(where: { !$0.reason.isWarning }) { return .rejected(problems) }

        let mark = ImportMark(rowHash: hash, batchKey: batchKey, rowNumber: number)
        var effects: [ImportEffect] = []
        if let before {
            if personChanged { effects.append(.updatePerson(person, before: before)) }
        } else {
            effects.append(.insertPerson(person))
        }
        if let known {
            // The person's change may have told the membership anew already.
            if personChanged, let before, person.factsDiffer(from: before) { membership.version += 1 }
            if membership.role != known.membership.role || membership.range != known.membership.range
                || membership.person != known.membership.person
            {
                membership.version += 1
                membership.updatedAt = now
                effects.append(.updateMembership(membership, before: known.membership, of: person, mark))
            } else {
                effects.append(.markMembership(membership, of: person, mark))
            }
        } else {
            membership.version = 1
            effects.append(.insertMembership(membership, of: person, mark))
        }
        return RowJudgement(problems: problems, name: membership.resourceName, effects: effects)
    }

    private func problems(_ membership: Membership, team: Team, isNewPerson: Bool, facts: some ImportFacts) throws
        -> [Problem]
    {
        let policies = try facts.policies(level: team.level)
        // Few rows need to know the others of the team.
        let ofTeam =
            membership.role == .leader || !policies.isEmpty ? try facts.memberships(ofTeam: team.id) : []
        let ofPerson = isNewPerson ? [] : try facts.memberships(ofPerson: membership.person)
        let candidate = MembershipRules.Candidate(
            id: membership.id, team: team.id, level: team.level, role: membership.role, range: membership.range)
        return MembershipRules.problems(
            candidate, stretches: team.stretches, ofTeam: ofTeam, ofPerson: ofPerson, field: "member")
            + CapacityRules.problems(
                joining: membership.range, stretches: team.stretches, policies: policies,
                others: ofTeam.filter { $0.id != membership.id && !$0.isVoid }.map(\.range), units: units,
                field: "member.team_external_id")
    }

    private func team(_ externalID: String, _ fields: inout PersonFields, facts: some ImportFacts) throws -> Team? {
        guard !externalID.isEmpty else {
            fields.add(Problem(.fieldMissing, "member.team_external_id"))
            return nil
        }
        guard let found = try team(externalID, facts: facts) else {
            fields.add(
                Problem(.teamNotFound, "member.team_external_id", ["value": PersonFields.shown(externalID)]))
            return nil
        }
        return found
    }

    /// By the key of the source system, or by its name for a team that has none.
    private func team(_ externalID: String, facts: some ImportFacts) throws -> Team? {
        if let keyed = try facts.team(key(externalID)) { return keyed.team }
        return try ResourceName.uniqueID(externalID, in: "teams")
            .flatMap { try facts.team(id: $0)?.team }
    }

    /// The person as the row tells it; id and key are set later.
    private func person(_ row: Cdt_Registry_V1_MemberRow, _ fields: inout PersonFields) -> Person? {
        let before = fields.problems.count
        let name = fields.personName(row.fullName, "member.full_name")
        let birth = fields.birth(row.birth, "member.birth", today: now.localDate)
        let phones = row.phones.filter { !$0.isEmpty }.enumerated().compactMap {
            fields.phone($1, "member.phones[\($0)]")
        }
        let email = fields.email(row.email, "member.email")
        let zalo = row.zaloUserIds.enumerated().compactMap { fields.line($1, "member.zalo_user_ids[\($0)]", limit: 64) }
        let organisations = row.organisations.enumerated().compactMap {
            fields.line($1, "member.organisations[\($0)]", limit: 100)
        }
        if case .UNRECOGNIZED(let raw) = row.sex {
            fields.add(Problem(.unknownValue, "member.sex", ["value": String(raw)]))
        }
        if case .UNRECOGNIZED(let raw) = row.occupation {
            fields.add(Problem(.unknownValue, "member.occupation", ["value": String(raw)]))
        }
        guard fields.problems.count == before, let name, let birth, let email else { return nil }
        return Person(
            id: UniqueID(high: 0, low: 0), fullName: name, birthYear: birth.year, birthDate: birth.date,
            sex: row.sex.rawValue, phones: phones, email: email, zaloUserIDs: zalo, occupation: row.occupation.rawValue,
            organisations: organisations, createdAt: now, updatedAt: now)
    }
}
