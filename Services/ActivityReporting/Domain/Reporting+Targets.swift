import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Of which units the standing is asked for.
struct StandingQuery: Sendable {
    var target: Cdt_Activity_V1_Target
    /// nil: the one that set it.
    var unit: String?
    var date: LocalDate
    /// Field of the request that names the unit.
    var field: String
}

extension Reporting {
    static func createTarget(
        _ target: Cdt_Activity_V1_Target, id: UniqueID, by caller: String, _ keeper: ObligationKeeper
    ) throws -> Result<Cdt_Activity_V1_Target, Refusal> {
        if !target.unit.isEmpty, try RegistryFactsStore.unit(ResourceName.lastID(target.unit), in: keeper.tx) == nil {
            return .failure(.unitNotFound(target.unit))
        }
        var stored = target
        stored.name = Names.name("targets", id.description)
        stored.createTime = keeper.now.timestamp
        stored.createdBy = caller
        try TargetStore.put(stored, in: keeper.tx)
        return .success(stored)
    }

    static func endTarget(_ id: String, on last: LocalDate, _ keeper: ObligationKeeper) throws
        -> Result<Cdt_Activity_V1_Target, Refusal>
    {
        guard var target = try TargetStore.get(id, in: keeper.tx) else {
            return .failure(.targetNotFound("targets/\(id)"))
        }
        if let ended = LocalDate(target.validTo), ended <= last { return .failure(.targetEnded(target)) }
        if let first = LocalDate(target.validFrom), last < first {
            return .failure(
                .invalid(
                    "valid_to", "must not be before \(first), the first day of the target",
                    vi: "không được trước ngày bắt đầu \(first)"))
        }
        target.validTo = last.description
        try TargetStore.put(target, in: keeper.tx)
        return .success(target)
    }

    func target(_ id: String) throws -> Cdt_Activity_V1_Target {
        guard let found = try database.read({ try TargetStore.get(id, in: $0) }) else {
            throw Refusal.targetNotFound("targets/\(id)")
        }
        return found
    }

    func targets(unit: String?, before: String?, limit: Int) async throws -> [Cdt_Activity_V1_Target] {
        try await database.readPooled { try TargetStore.list(unit: unit, before: before, limit: limit, in: $0) }
    }

    // MARK: Standings

    func standing(_ query: StandingQuery) async throws -> Cdt_Activity_V1_TargetStanding {
        try await database.readPooled { [maps] tx in
            let map = try maps.map(in: tx)
            return try Reporting.standing(of: Reporting.unit(query, map, in: tx), query, map, in: tx)
        }
    }

    /// A page of the standings of the units below one; whether it is the last.
    func standings(
        below query: StandingQuery, level: UnitLevel?, reachedOnly: Bool, offset: Int, limit: Int
    ) async throws -> (page: [Cdt_Activity_V1_TargetStanding], seen: Int, isLast: Bool) {
        try await database.readPooled { [maps] tx in
            let map = try maps.map(in: tx)
            let parent = try Reporting.unit(query, map, in: tx)
            let units = try Reporting.units(below: parent, level: level, on: query.date, map, in: tx)
                .filter { $0.level <= .commune }
            let page = units.dropFirst(offset).prefix(limit)
            let standings = try page.map { try Reporting.standing(of: $0, query, map, in: tx) }
            return (
                standings.filter { !reachedOnly || !$0.reachedOn.isEmpty }, page.count,
                offset + page.count >= units.count
            )
        }
    }

    /// The unit asked for, which lies under the one that set the target.
    private static func unit(_ query: StandingQuery, _ map: PlaceMap, in tx: ReadTransaction) throws -> UnitRecord {
        let setter = ResourceName.lastID(query.target.unit)
        guard let id = query.unit ?? (setter.isEmpty ? map.tree.nation?.id : setter) else {
            throw Refusal.unitNotFound("units/vn")
        }
        let record = try unit(id, on: query.date, map, field: "date", in: tx)
        if setter.isEmpty || record.id == setter { return record }
        guard try chain(of: id, on: query.date, map, in: tx).contains(setter) else {
            throw Refusal.outsideTarget(record, query.target, on: query.date, field: query.field)
        }
        return record
    }

    private static func standing(
        of unit: UnitRecord, _ query: StandingQuery, _ map: PlaceMap, in tx: ReadTransaction
    ) throws -> Cdt_Activity_V1_TargetStanding {
        var standing = Cdt_Activity_V1_TargetStanding.with {
            $0.unit = Names.name("units", unit.id)
            $0.unitDisplayName = unit.name
            $0.unitCode = unit.code
            $0.unitLevel = Cdt_Registry_V1_UnitLevel(rawValue: unit.level.rawValue) ?? .unspecified
        }
        let threshold = Int64(query.target.threshold)
        if query.target.measure == .communesWithTeam {
            let sweep = CoverageSweep(
                try communes(under: unit, map, in: tx), until: query.date, threshold: threshold)
            standing.ratio = share(Int64(sweep.covered), Int64(sweep.all))
            standing.reachedOn = sweep.reachedOn?.description ?? ""
        } else {
            let target = query.target
            // "Up to the last month that has ended by then."
            let month = query.date.calendarMonth
            let last = query.date == month.lastDay ? month : month.previous
            let points = try points(
                IndicatorQuery(
                    figures: FigureQuery(period: last, unit: unit.id, treeDate: query.date),
                    numerator: target.numerator, denominator: target.denominator, parts: target.parts,
                    isStock: target.measure == .stocks, threshold: threshold), of: unit, map, in: tx)
            standing.ratio = points.last?.ratio ?? share(0, 0)
            standing.parts = points.last?.parts ?? target.parts.map { _ in share(0, 0) }
            standing.reachedOn =
                points.first { $0.reached }.flatMap { Month($0.period)?.lastDay.description } ?? ""
        }
        standing.reached =
            standing.ratio.denominator > 0
            && Indicator.reaches(standing.ratio.numerator, of: standing.ratio.denominator, threshold: threshold)
        return standing
    }

    /// The communes that lie, or lay, under a unit, with the days on which they have an ACTIVE commune team.
    private static func communes(under unit: UnitRecord, _ map: PlaceMap, in tx: ReadTransaction) throws
        -> [CoverageSweep.Commune]
    {
        var known: [String: [DateRange]] = [:]
        func days(of record: UnitRecord, depth: Int = 0) -> [DateRange] {
            if record.id == unit.id || unit.level == .nation { return [record.validity] }
            if let found = known[record.id] { return found }
            guard depth < 8 else { return [] }
            let found = record.parents.flatMap { stretch -> [DateRange] in
                guard let within = stretch.days.intersection(record.validity), let parent = map.tree[stretch.unit]
                else {
                    return []
                }
                return days(of: parent, depth: depth + 1).compactMap { $0.intersection(within) }
            }
            known[record.id] = found
            return found
        }
        return try map.tree.units.compactMap { record in
            guard record.level == .commune else { return nil }
            let under = days(of: record)
            if under.isEmpty { return nil }
            let teams = try RegistryFactsStore.teams(everIn: record.id, in: tx)
                .compactMap { try RegistryFactsStore.team($0, in: tx) }.filter { $0.level == .commune }
            let active = teams.flatMap { team in
                team.placements.filter { $0.unit == record.id }
                    .flatMap { place in team.active.compactMap { $0.intersection(place.days) } }
            }
            return .init(days: under, withTeam: active)
        }
    }
}
