import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Exports: the rows an import takes, of a subtree as of a day.
struct ExportCalls: Sendable {
    let core: RegistryCore
    private var units: UnitIndex { core.units }
    /// Teams in one message.
    private static let teamsPerMessage = 200

    func teams(
        _ request: Cdt_Registry_V1_ExportTeamsRequest, send: (Cdt_Registry_V1_ExportTeamsResponse) async throws -> Void
    ) async throws {
        let (unit, day) = try read(request.unit, request.date)
        try await pages(under: unit, on: day) { tx, teams in
            try .with { response in
                response.date = day.description
                for team in teams {
                    response.rows.append(try row(team, on: day, in: tx))
                    response.names.append(team.id.teamName)
                }
            }
        } send: { (response: Cdt_Registry_V1_ExportTeamsResponse) in
            if !response.rows.isEmpty { try await send(response) }
        }
    }

    func members(
        _ request: Cdt_Registry_V1_ExportMembersRequest, by caller: Caller,
        send: (Cdt_Registry_V1_ExportMembersResponse) async throws -> Void
    ) async throws {
        let (unit, day) = try read(request.unit, request.date, source: request.sourceSystem)
        let source = request.sourceSystem
        // One line tells of the whole export, before anything leaves.
        try await PeopleCalls(core: core).auditRead(["\(units[unit].id.unitName)/members@\(day)"], by: caller)
        try await pages(under: unit, on: day) { tx, teams in
            try .with { response in
                response.date = day.description
                for team in teams {
                    for membership in try MembershipStore.list(
                        team: team.id, person: nil, on: day, after: nil, limit: .max, in: tx)
                    {
                        guard source.isEmpty || membership.source?.system == source else { continue }
                        guard let person = try PersonStore.person(membership.person, in: tx) else { continue }
                        response.rows.append(row(membership, person, team))
                        response.names.append(membership.resourceName)
                        response.people.append(person.id.personName)
                    }
                }
            }
        } send: { (response: Cdt_Registry_V1_ExportMembersResponse) in
            if !response.rows.isEmpty { try await send(response) }
        }
    }

    private func read(_ unit: String, _ date: String, source: String = "") throws -> (UnitRank, LocalDate) {
        var reader = RequestReader(core)
        let day = reader.day(date)
        if !source.isEmpty, !ImportHeader.isSystemName(source) {
            reader.fields.add(Problem(.invalidSource, "source_system", ["value": PersonFields.shown(source)]))
        }
        let rank = reader.coded(unit, "unit")
        try reader.refuse()
        return (rank ?? UnitIndex.nation, day.date)
    }

    /// Page by page, each its own short read: a slow reader holds no snapshot open.
    private func pages<Response: Sendable>(
        under unit: UnitRank, on day: LocalDate,
        _ make: @escaping @Sendable (ReadTransaction, [Team]) throws -> Response,
        send: (Response) async throws -> Void
    ) async throws {
        let query = TeamQuery(
            runs: units.communeRuns(under: unit, on: day), treeDate: day, date: day, level: nil,
            statuses: [.active, .suspended])
        var after: TeamPosition?
        while true {
            let (last, response) = try await core.database.readPooled { [after] tx in
                let positions = try TeamStore.list(
                    query, flag: nil, after: after, limit: Self.teamsPerMessage, in: tx)
                let teams = try positions.compactMap { try TeamStore.team($0.team, in: tx) }
                return (positions.count < Self.teamsPerMessage ? nil : positions.last, try make(tx, teams))
            }
            try await send(response)
            guard let last else { return }
            after = last
        }
    }

    private func row(_ team: Team, on day: LocalDate, in tx: ReadTransaction) throws -> Cdt_Registry_V1_TeamRow {
        // A unit that ended has no code on the day.
        let place = team.stretch(on: day)?.place.flatMap { $0.basis == .ended ? nil : $0 }
        let unit = team.level == .hamlet ? place?.unit : nil
        let hamlet = try unit.flatMap { try HamletStore.hamlet($0, in: tx) }
        let province = place.flatMap { units.ancestor(of: $0.commune, at: .province, on: day) }
        let active = TeamHistory.statuses(of: team.stretches).first { $0.status == .active }
        return .with {
            $0.externalID = team.source?.externalID ?? team.id.description
            $0.level = .init(rawValue: team.level.rawValue) ?? .unspecified
            $0.displayName = team.name
            $0.nameVariant = .init(rawValue: team.nameVariant.rawValue) ?? .unspecified
            $0.communeCode = place.map { units[$0.commune].code } ?? ""
            $0.hamlet = hamlet?.name ?? ""
            $0.provinceCode = province.map { units[$0].code } ?? ""
            $0.established = active?.range.from.text ?? team.firstDay.description
            if let decision = team.decision { $0.decision = decision.message }
        }
    }

    private func row(_ membership: Membership, _ person: Person, _ team: Team) -> Cdt_Registry_V1_MemberRow {
        .with {
            $0.externalID = membership.source?.externalID ?? membership.id.description
            $0.personExternalID = person.source?.externalID ?? person.id.description
            if $0.personExternalID == $0.externalID { $0.personExternalID = "" }
            $0.teamExternalID = team.source?.externalID ?? team.id.description
            $0.role = .init(rawValue: membership.role.rawValue) ?? .unspecified
            $0.fullName = person.fullName
            $0.sex = .init(rawValue: person.sex) ?? .unspecified
            $0.birth = person.birthDate?.description ?? person.birthYear.map(String.init) ?? ""
            $0.phones = person.phones
            $0.email = person.email
            $0.zaloUserIds = person.zaloUserIDs
            $0.occupation = .init(rawValue: person.occupation) ?? .unspecified
            $0.organisations = person.organisations
            $0.from = membership.range.from.text
            $0.to = membership.range.to.text
        }
    }
}
