import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Lists, numbers and coverage of a subtree.
struct TeamListCalls: Sendable {
    let core: RegistryCore
    private var units: UnitIndex { core.units }

    /// The communes of a unit, read from a request: of a hamlet, itself.
    private struct Subtree {
        var unit: UnitRank
        var day: AskedDay
        var treeDay: LocalDate
    }

    private func subtree(_ unit: String, _ date: String, _ treeDate: String, _ reader: inout RequestReader) -> Subtree?
    {
        let day = reader.day(date)
        let treeDay = treeDate.isEmpty ? day.date : reader.day(treeDate, "tree_date").date
        guard let rank = reader.coded(unit, "unit") else { return nil }
        return Subtree(unit: rank, day: day, treeDay: treeDay)
    }

    func list(_ request: Cdt_Registry_V1_ListTeamsRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ListTeamsResponse
    {
        var reader = RequestReader(core)
        let subtree = subtree(request.unit, request.date, request.treeDate, &reader)
        var statuses: Set<TeamStatus> = []
        for (index, status) in request.statuses.enumerated() {
            if let status = reader.value(status.rawValue, TeamStatus.self, "statuses[\(index)]") {
                statuses.insert(status)
            }
        }
        if request.statuses.isEmpty { statuses = [.active, .suspended] }
        let level = request.level == .unspecified ? nil : reader.level(request.level, "level")
        let flag = request.flag.isEmpty ? nil : TeamFlag(rawValue: request.flag)
        if !request.flag.isEmpty, flag == nil {
            reader.fields.add(Problem(.unknownValue, "flag", ["value": PersonFields.shown(request.flag)]))
        }
        try reader.refuse()
        let page = try core.page(request, caller)
        guard let subtree else { return .init() }
        return try await core.database.readPooled { [self, statuses] tx in
            let query = TeamQuery(
                runs: units.communeRuns(under: subtree.unit, on: subtree.treeDay), treeDate: subtree.treeDay,
                date: subtree.day.date, level: level, statuses: statuses)
            let rows = try positions(query, flag: flag, page: page, in: tx)
            let teams = try TeamsSeen(units: units, date: query.date)
                .messages(rows.prefix(page.size).map(\.team), in: tx)
            return try .with {
                $0.teams = teams
                $0.date = subtree.day.text
                $0.dateDefaulted = subtree.day.isDefault
                $0.treeDate = subtree.treeDay.description
                if rows.count > page.size {
                    let last = rows[page.size - 1]
                    $0.nextPageToken = try core.tokens.token(
                        after: [String(last.commune), last.team.description], of: request, caller.method)
                }
            }
        }
    }

    /// One more than the page, to know whether it is the last.
    private func positions(
        _ query: TeamQuery, flag: TeamFlag?, page: PageTokens.Page, in tx: ReadTransaction
    ) throws -> [TeamPosition] {
        var after: TeamPosition?
        if let position = page.position, position.count == 2, let commune = UnitRank(position[0]),
            let team = UniqueID(position[1])
        {
            after = TeamPosition(commune: commune, team: team)
        }
        return try TeamStore.list(
            query, flag: flag, minimums: flag == .belowMinimum ? minimums(on: query.date, in: tx) : [], after: after,
            limit: page.size + 1, in: tx)
    }

    /// R3: "an optional minimum only warns": where there is one.
    private func minimums(on date: LocalDate, in tx: ReadTransaction) throws -> [MinimumArea] {
        let policies = try CapacityStore.all(in: tx)
        return TeamLevel.allCases.flatMap { level in
            CapacityRules.minimums(of: level, on: date, policies: policies, units: units)
                .sorted { $0.key < $1.key }
                .map { MinimumArea(level: level, minimum: $0, runs: units.runs(of: $1, on: date)) }
        }
    }

    func count(_ request: Cdt_Registry_V1_CountTeamsRequest) async throws -> Cdt_Registry_V1_CountTeamsResponse {
        var reader = RequestReader(core)
        let subtree = subtree(request.unit, request.date, request.treeDate, &reader)
        try reader.refuse()
        guard let subtree else { return .init() }
        let counts = try await core.database.readPooled { [units] tx in
            try TeamStore.counts(
                TeamQuery(
                    runs: units.communeRuns(under: subtree.unit, on: subtree.treeDay), treeDate: subtree.treeDay,
                    date: subtree.day.date, level: nil, statuses: [.active]), in: tx)
        }
        return .with {
            $0.communeTeams = Int64(counts.communeTeams)
            $0.hamletTeams = Int64(counts.hamletTeams)
            $0.memberships = Int64(counts.memberships)
            $0.people = Int64(counts.people)
            $0.date = subtree.day.text
            $0.dateDefaulted = subtree.day.isDefault
            $0.treeDate = subtree.treeDay.description
        }
    }

    // MARK: Coverage

    func coverage(_ request: Cdt_Registry_V1_GetCoverageRequest) async throws -> Cdt_Registry_V1_GetCoverageResponse {
        var reader = RequestReader(core)
        let subtree = subtree(request.unit, request.date, "", &reader)
        let level = reader.value(request.level.rawValue, UnitLevel.self, "level")
        try reader.refuse()
        guard let subtree, let level else { return .init() }
        let coverage = try await core.database.readPooled { [self] tx in
            try measure([subtree.unit], level: level, under: subtree.unit, on: subtree.day.date, in: tx)[0]
        }
        return .with {
            $0.coverage = coverage.ratio
            $0.date = subtree.day.text
            $0.dateDefaulted = subtree.day.isDefault
        }
    }

    func listCoverage(_ request: Cdt_Registry_V1_ListCoverageRequest) async throws
        -> Cdt_Registry_V1_ListCoverageResponse
    {
        var reader = RequestReader(core)
        let subtree = subtree(request.parent, request.date, "", &reader)
        let level = reader.value(request.level.rawValue, UnitLevel.self, "level")
        let by = request.by == .unspecified ? nil : reader.value(request.by.rawValue, UnitLevel.self, "by")
        if let level, let by, by > level || by == .hamlet {
            reader.fields.add(Problem(.unknownValue, "by", ["value": "\(by)"]))
        }
        try reader.refuse()
        guard let subtree, let level else { return .init() }
        let date = subtree.day.date
        return try await core.database.readPooled { [self] tx in
            let rows =
                by.map { units.descendants(of: subtree.unit, at: $0, on: date) }
                ?? units.children(of: subtree.unit, on: date)
            let measured = try measure([subtree.unit] + rows, level: level, under: subtree.unit, on: date, in: tx)
            return .with {
                $0.total = measured[0].ratio
                $0.rows = zip(rows, measured.dropFirst()).map { unit, coverage in
                    .with {
                        $0.unit = units.message(unit, on: date)
                        $0.coverage = coverage.ratio
                    }
                }
                $0.date = subtree.day.text
                $0.dateDefaulted = subtree.day.isDefault
            }
        }
    }

    /// The coverage of several units of one subtree, from one look at the teams.
    private func measure(
        _ wanted: [UnitRank], level: UnitLevel, under unit: UnitRank, on date: LocalDate, in tx: ReadTransaction
    ) throws -> [Coverage] {
        let runs = units.communeRuns(under: unit, on: date)
        let presence = try TeamStore.presence(
            TeamQuery(runs: runs, treeDate: date, date: date, level: nil, statuses: [.active]), in: tx)
        let hamlets = level == .hamlet ? try HamletStore.count(runs: runs, on: date, folded: nil, in: tx) : [:]
        return wanted.map {
            CoverageRule.coverage(
                of: $0, level: level, on: date, presence: presence, hamlets: hamlets, units: units)
        }
    }
}
