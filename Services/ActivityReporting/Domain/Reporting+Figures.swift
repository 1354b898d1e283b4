import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Which figures are asked for.
struct FigureQuery: Sendable, Hashable {
    var period: Month
    /// nil: the nation.
    var unit: String?
    var treeDate: LocalDate
    /// nil: teams of both levels.
    var level: TeamLevel?
}

extension Reporting {
    /// The figures of a unit, and how many teams are still to be derived.
    func figures(_ query: FigureQuery) async throws -> (figures: Cdt_Activity_V1_Figures, pending: Int) {
        let today = clock.today
        return try await database.readPooled(length: .brief) { [maps, figures] tx in
            let pending = try Reporting.pending(query.period, in: tx)
            let map = try maps.map(in: tx)
            let unit = try Reporting.unit(query, map, in: tx)
            let score = try Reporting.score(of: unit, query, map, figures, today: today, in: tx)
            return (Reporting.view(unit, query.period, score), pending)
        }
    }

    /// The figures of the units below one, those of the unit itself, and how many teams are still to be derived.
    ///
    /// - Parameter level: of the units to list; nil: those right below.
    func figuresBelow(_ query: FigureQuery, level: UnitLevel?, offset: Int, limit: Int) async throws
        -> (children: [Cdt_Activity_V1_Figures], isLast: Bool, parent: Cdt_Activity_V1_Figures, pending: Int)
    {
        let today = clock.today
        return try await database.readPooled { [maps, figures] tx in
            let pending = try Reporting.pending(query.period, in: tx)
            let map = try maps.map(in: tx)
            let parent = try Reporting.unit(query, map, in: tx)
            let units = try Reporting.units(below: parent, level: level, on: query.treeDate, map, in: tx)
            let page = units.dropFirst(offset).prefix(limit)
            let children = try page.map { unit in
                let score = try Reporting.score(of: unit, query, map, figures, today: today, in: tx)
                return Reporting.view(unit, query.period, score)
            }
            let score = try Reporting.score(of: parent, query, map, figures, today: today, in: tx)
            return (
                children, offset + page.count >= units.count, Reporting.view(parent, query.period, score), pending
            )
        }
    }

    static func unit(_ query: FigureQuery, _ map: PlaceMap, in tx: ReadTransaction) throws -> UnitRecord {
        if let id = query.unit { return try unit(id, on: query.treeDate, map, in: tx) }
        guard let nation = map.tree.nation else { throw Refusal.unitNotFound("units/vn") }
        return nation
    }

    static func units(
        below parent: UnitRecord, level: UnitLevel?, on date: LocalDate, _ map: PlaceMap, in tx: ReadTransaction
    ) throws -> [UnitRecord] {
        if parent.level == .hamlet { return [] }
        if level == .hamlet || parent.level == .commune { return try hamlets(below: parent, on: date, map, in: tx) }
        guard let level else { return map.children(of: parent.id, on: date) }
        return map.units(of: level, below: parent.id, on: date)
    }

    /// Hamlets that have a team on the date.
    private static func hamlets(below parent: UnitRecord, on date: LocalDate, _ map: PlaceMap, in tx: ReadTransaction)
        throws -> [UnitRecord]
    {
        var ids: Set<String> = []
        for place in map.places(under: parent.id, on: date) {
            for team in try RegistryFactsStore.teams(in: place.id, in: tx) where team.level == .hamlet {
                ids.insert(team.unit(on: date))
            }
        }
        return try ids.compactMap { try RegistryFactsStore.unit($0, in: tx) }
            .filter { $0.level == .hamlet && $0.validity.contains(date) }.sorted { ($0.name, $0.id) < ($1.name, $1.id) }
    }

    private static func score(
        of unit: UnitRecord, _ query: FigureQuery, _ map: PlaceMap, _ figures: FigureStore, today: LocalDate,
        in tx: ReadTransaction
    ) throws -> Score {
        if unit.level != .hamlet {
            let cover = map.cover(of: unit.id, on: query.treeDate)
            return try figures.score(query.period, cover, level: query.level, today: today, in: tx)
        }
        // A hamlet has one team: its obligations are counted as they are.
        var score = Score()
        for id in try teams(inHamlet: unit.id, on: query.treeDate, in: tx) {
            for row in try ObligationStore.list(query.period, from: id, through: id, in: tx) {
                score.add(row.tally, row.calendar, on: today)
            }
        }
        return score
    }

    private static func view(_ unit: UnitRecord, _ period: Month, _ score: Score) -> Cdt_Activity_V1_Figures {
        let tally = score.tally
        return .with {
            $0.unit = Names.name("units", unit.id)
            $0.unitDisplayName = unit.name
            $0.unitCode = unit.code
            $0.unitLevel = Cdt_Registry_V1_UnitLevel(rawValue: unit.level.rawValue) ?? .unspecified
            $0.period = period.description
            $0.expected = Int64(tally.expected)
            $0.received = Int64(tally.received)
            $0.onTime = Int64(tally.onTime)
            $0.late = Int64(tally.late)
            $0.missing = Int64(score.missing)
            $0.due = Int64(score.due)
            $0.notDue = Int64(score.notDue)
            $0.excused = Int64(tally.excused)
            $0.waived = Int64(tally.waived)
            $0.completeness = ratio(tally.received, tally.expected)
            $0.timeliness = ratio(tally.onTime, tally.expected)
        }
    }

    private static func ratio(_ numerator: Int, _ denominator: Int) -> Cdt_Common_V1_Ratio {
        .with {
            $0.numerator = Int64(numerator)
            $0.denominator = Int64(denominator)
            $0.percent = RatioFormat.percent(numerator, of: denominator)
        }
    }
}
