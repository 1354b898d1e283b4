import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The calls about memberships.
struct MembershipCalls: Sendable {
    let core: RegistryCore
    private var units: UnitIndex { core.units }

    // MARK: Joining

    func create(_ request: Cdt_Registry_V1_CreateMembershipRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_CreateMembershipResponse
    {
        var reader = RequestReader(core)
        let message = request.membership
        let team = reader.id(request.parent, of: "teams", "parent")
        let person = reader.id(message.person, of: "people", "membership.person")
        let role = reader.value(message.role.rawValue, MemberRole.self, "membership.role")
        let from = reader.fields.date(message.from, "membership.from", required: true)
        let to = reader.fields.date(message.to, "membership.to")
        if let from, let to, to < from {
            reader.fields.add(
                Problem(.datesReversed, "membership.to", ["from": from.description, "to": to.description]))
        }
        let reason = reader.fields.line(message.reason, "membership.reason", limit: 500, required: false)
        let source = reader.source(message.sourceSystem, message.externalID, "membership")
        try reader.refuse()
        guard let team, let person, let role, let from, let reason else {
            throw Refusal(.fieldMissing, "membership").error
        }
        let now = core.clock.now
        let membership = Membership(
            id: UUIDv7.next(at: now), team: team, person: person, role: role, range: DateRange(from: from, to: to),
            reason: reason, source: source, updatedAt: now)
        return try await core.write(request.requestID, of: request, by: caller) { [self] tx, author in
            guard let team = try TeamStore.team(membership.team, in: tx) else {
                return .failure(Refusal(.teamNotFound, "parent", ["value": membership.team.teamName]).error)
            }
            guard let person = try PersonStore.person(membership.person, in: tx) else {
                return .failure(
                    Refusal(.personNotFound, "membership.person", ["value": membership.person.personName]).error)
            }
            if let refusal = person.refusal("membership.person") { return .failure(refusal.error) }
            if let source, try MembershipStore.membership(source, in: tx) != nil {
                return .failure(
                    Refusal(
                        .externalIDTaken, "membership.external_id",
                        ["sourceSystem": source.system, "externalId": source.externalID]
                    ).error)
            }
            let problems = try problems(membership, team: team, person: person, in: tx)
            if problems.contains(where: { !$0.reason.isWarning }) { return .failure(Refusal(problems).error) }
            try core.recorder.insert(membership, of: person, by: author, in: tx)
            return .success(
                .with {
                    $0.membership = membership.message
                    $0.warnings = problems.map(\.message)
                })
        }
    }

    /// Everything the rules say of a join: R3, R5, R6, R7.
    private func problems(_ membership: Membership, team: Team, person: Person, in tx: ReadTransaction) throws
        -> [Problem]
    {
        let ofTeam = try MembershipStore.memberships(ofTeam: team.id, in: tx)
        let candidate = MembershipRules.Candidate(
            id: membership.id, team: team.id, level: team.level, role: membership.role, range: membership.range)
        var problems = MembershipRules.problems(
            candidate, stretches: team.stretches, ofTeam: ofTeam,
            ofPerson: try MembershipStore.memberships(ofPerson: person.id, in: tx), field: "membership")
        problems += CapacityRules.problems(
            joining: membership.range, stretches: team.stretches,
            policies: try CapacityStore.all(level: team.level, in: tx),
            others: ofTeam.filter { $0.id != membership.id && !$0.isVoid }.map(\.range), units: units, field: "parent")
        problems += try outside(person, team: team, on: membership.range.firstDay, in: tx)
        problems += try shortage(with: membership, on: membership.range.firstDay, team: team, in: tx)
        return problems
    }

    /// R3: "an optional minimum only warns", of the team as it is with the membership.
    private func shortage(with membership: Membership, on day: LocalDate, team: Team, in tx: ReadTransaction) throws
        -> [Problem]
    {
        let policies = try CapacityStore.all(level: team.level, in: tx)
        guard policies.contains(where: { $0.minimum > 0 }) else { return [] }
        let others = try MembershipStore.memberships(ofTeam: team.id, in: tx).filter { $0.id != membership.id }
        return CapacityRules.shortage(
            on: day, stretches: team.stretches, policies: policies,
            members: (others + [membership]).count { !$0.isVoid && $0.range.contains(day) }, units: units,
            field: "parent")
    }

    /// R6: "residence or work outside the team's commune: warning".
    private func outside(_ person: Person, team: Team, on date: LocalDate, in tx: ReadTransaction) throws -> [Problem] {
        guard let commune = team.stretch(on: date)?.place?.commune else { return [] }
        var problems: [Problem] = []
        for (id, field) in [(person.residenceUnit, "person.residence_unit"), (person.workUnit, "person.work_unit")] {
            guard let id else { continue }
            let name: String
            let inside: Bool
            if let rank = units.rank(of: id) {
                name = units[rank].name
                // A unit above the commune does not say that it is outside; an earlier version of it is inside.
                inside =
                    units.isUnder(commune, rank, on: date) || units.stays(of: rank).contains { $0.commune == commune }
            } else if let hamlet = try HamletStore.hamlet(id, in: tx) {
                name = hamlet.name
                inside = hamlet.stays.contains { $0.commune == commune }
            } else {
                continue
            }
            if !inside {
                problems.append(Problem(.outsideCommune, field, ["unit": name, "commune": units[commune].name]))
            }
        }
        return problems
    }

    // MARK: Reading

    func get(_ request: Cdt_Registry_V1_GetMembershipRequest) throws -> Cdt_Registry_V1_GetMembershipResponse {
        var reader = RequestReader(core)
        var id: UniqueID?
        var source: SourceKey?
        switch request.key {
        case .name(let name): id = membershipID(name, &reader)?.id
        case .source(let key): source = reader.source(key, "source")
        case nil: reader.fields.add(Problem(.fieldMissing, "name"))
        }
        try reader.refuse()
        let found = try core.database.read { tx in
            try id.map { try MembershipStore.membership($0, in: tx) }
                ?? source.flatMap { try MembershipStore.membership($0, in: tx)?.membership }
        }
        guard let membership = found else {
            throw Refusal(.membershipNotFound, "name", ["value": id?.description ?? source?.externalID ?? ""]).error
        }
        return .with { $0.membership = membership.message }
    }

    func list(_ request: Cdt_Registry_V1_ListMembershipsRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListMembershipsResponse
    {
        var reader = RequestReader(core)
        let day = reader.day(request.date)
        let isTeam = !request.parent.hasPrefix("people/")
        let parent = reader.id(request.parent, of: isTeam ? "teams" : "people", "parent")
        try reader.refuse()
        let page = try core.page(request, caller)
        guard let parent else { throw Refusal(.fieldMissing, "parent").error }
        var after: (from: LocalDate, id: UniqueID)?
        if let position = page.position, position.count == 2, let from = LocalDate(position[0]),
            let id = UniqueID(position[1])
        {
            after = (from, id)
        }
        // Of a person's memberships, those in teams the caller may read.
        let gate = isTeam ? nil : try core.gate(.read, of: caller)
        let (rows, shown, people) = try await core.database.readPooled { [after] tx in
            let exists =
                isTeam ? try TeamStore.team(parent, in: tx) != nil : try PersonStore.person(parent, in: tx) != nil
            guard exists else {
                throw Refusal(isTeam ? .teamNotFound : .personNotFound, "parent", ["value": request.parent]).error
            }
            let rows = try MembershipStore.list(
                team: isTeam ? parent : nil, person: isTeam ? nil : parent, on: request.includePast ? nil : day.date,
                after: after, limit: page.size + 1, in: tx)
            let shown = try rows.prefix(page.size).filter { try gate?.allows(.read, team: $0.team, in: tx) ?? true }
            var people: [Person] = []
            if request.includePeople {
                var seen: Set<UniqueID> = []
                for row in shown where seen.insert(row.person).inserted {
                    if let person = try PersonStore.person(row.person, in: tx) { people.append(person) }
                }
            }
            return (rows, shown, people)
        }
        if !people.isEmpty {
            try await PeopleCalls(core: core).auditRead(people.map(\.id.personName), by: caller)
        }
        return try .with {
            $0.memberships = shown.map(\.message)
            $0.people = people.map(\.message)
            $0.date = request.includePast ? "" : day.text
            $0.dateDefaulted = !request.includePast && day.isDefault
            if rows.count > page.size {
                let last = rows[page.size - 1]
                $0.nextPageToken = try core.tokens.token(
                    after: [last.range.firstDay.description, last.id.description], of: request, caller.method)
            }
        }
    }

    // MARK: Ending

    func end(_ request: Cdt_Registry_V1_EndMembershipRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_EndMembershipResponse
    {
        var reader = RequestReader(core)
        let name = membershipID(request.name, &reader)
        let to = reader.fields.date(request.to, "to", required: true)
        let reason = reader.fields.line(request.reason, "reason", limit: 500, required: false)
        try reader.refuse()
        guard let name, let to, let reason else { throw Refusal(.fieldMissing, "name").error }
        return try await change(name, etag: request.etag, requestID: request.requestID, request, by: caller) {
            membership, team, tx in
            guard to >= membership.range.firstDay else {
                return Refusal(
                    .datesReversed, "to", ["from": membership.range.firstDay.description, "to": to.description])
            }
            let wasOpen = membership.range
            membership.range.to = to
            membership.reason = reason
            // Ending later than before takes the seat for longer.
            guard to > wasOpen.lastDay else { return nil }
            guard let person = try PersonStore.person(membership.person, in: tx) else { return nil }
            let problems = try problems(membership, team: team, person: person, in: tx)
            return problems.contains { !$0.reason.isWarning } ? Refusal(problems) : nil
        } reply: { membership, team, tx in
            let warnings = try shortage(with: membership, on: to.next, team: team, in: tx)
            return .with {
                $0.membership = membership.message
                $0.warnings = warnings.map(\.message)
            }
        }
    }

    func void(_ request: Cdt_Registry_V1_VoidMembershipRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_VoidMembershipResponse
    {
        var reader = RequestReader(core)
        let name = membershipID(request.name, &reader)
        let reason = reader.fields.line(request.reason, "reason", limit: 500, required: false)
        try reader.refuse()
        guard let name, let reason else { throw Refusal(.fieldMissing, "name").error }
        let today = core.clock.today
        return try await change(name, etag: request.etag, requestID: request.requestID, request, by: caller) {
            membership, _, _ in
            membership.isVoid = true
            membership.reason = reason
            return nil
        } reply: { membership, team, tx in
            // The days from the membership's first one on, of which today tells most.
            let day = membership.range.contains(today) ? today : membership.range.firstDay
            let warnings = try shortage(with: membership, on: day, team: team, in: tx)
            return .with {
                $0.membership = membership.message
                $0.warnings = warnings.map(\.message)
            }
        }
    }

    private func change<Reply: Message>(
        _ name: (team: UniqueID, id: UniqueID), etag: String, requestID: String, _ request: some Message,
        by caller: Caller,
        _ edit: @escaping @Sendable (inout Membership, Team, ReadTransaction) throws -> Refusal?,
        reply: @escaping @Sendable (Membership, Team, ReadTransaction) throws -> Reply
    ) async throws -> Reply {
        try await core.write(requestID, of: request, by: caller) { [core] tx, author in
            guard let before = try MembershipStore.membership(name.id, in: tx), before.team == name.team,
                let team = try TeamStore.team(name.team, in: tx),
                let person = try PersonStore.person(before.person, in: tx)
            else { return .failure(Refusal(.membershipNotFound, "name", ["value": name.id.description]).error) }
            if let stale = Etag.refusal(etag, version: before.edition, name: before.resourceName) {
                return .failure(stale)
            }
            guard !before.isVoid else { return .failure(Refusal(.membershipVoid, "name").error) }
            var membership = before
            if let refusal = try edit(&membership, team, tx) { return .failure(refusal.error) }
            if membership != before {
                membership.version += 1
                membership.updatedAt = author.now
                try core.recorder.update(membership, before: before, of: person, by: author, in: tx)
            }
            return .success(try reply(membership, team, tx))
        }
    }

    private func membershipID(_ name: String, _ reader: inout RequestReader) -> (team: UniqueID, id: UniqueID)? {
        guard let ids = ResourceName.ids(name, in: "teams", "memberships"), let team = UniqueID(ids.outer),
            let id = UniqueID(ids.inner)
        else {
            reader.fields.add(
                Problem(
                    .invalidName, "name",
                    ["value": PersonFields.shown(name), "expected": "teams/{id}/memberships/{id}"]))
            return nil
        }
        return (team, id)
    }
}
