import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Which sums are asked for.
struct AchievementQuery: Sendable, Hashable {
    /// Unit, tree date, level, and the last period.
    var figures: FigureQuery
    var from: Month

    var through: Month { figures.period }
}

/// Which share is compared with which threshold.
struct IndicatorQuery: Sendable, Hashable {
    var figures: FigureQuery
    var numerator: String
    var denominator: String
    var parts: [String]
    var isStock: Bool
    /// In hundredths of a percent.
    var threshold: Int64
}

/// Sums under one unit, of whatever measures.
private typealias Steps = [Month: [Measure: Amount]]

extension Reporting {
    func achievements(_ query: AchievementQuery) async throws -> Cdt_Activity_V1_Achievements {
        try await database.readPooled { [maps] tx in
            try Reporting.opened(query.through, in: tx)
            let map = try maps.map(in: tx)
            let unit = try Reporting.unit(query.figures, map, in: tx)
            return try Reporting.achievements(of: unit, query, map, in: tx)
        }
    }

    /// The sums of the units below one.
    ///
    /// - Parameter level: of the units to list; nil: those right below.
    func achievementsBelow(_ query: AchievementQuery, level: UnitLevel?, offset: Int, limit: Int) async throws
        -> (children: [Cdt_Activity_V1_Achievements], isLast: Bool)
    {
        try await database.readPooled { [maps] tx in
            try Reporting.opened(query.through, in: tx)
            let map = try maps.map(in: tx)
            let parent = try Reporting.unit(query.figures, map, in: tx)
            let units = try Reporting.units(below: parent, level: level, on: query.figures.treeDate, map, in: tx)
            let page = units.dropFirst(offset).prefix(limit)
            let children = try page.map { try Reporting.achievements(of: $0, query, map, in: tx) }
            return (children, offset + page.count >= units.count)
        }
    }

    /// The share of one counter in another at the end of each period in which it changed, and when it reached the
    /// threshold.
    func indicator(_ query: IndicatorQuery) async throws -> Cdt_Activity_V1_GetIndicatorResponse {
        try await database.readPooled { [maps] tx in
            try Reporting.opened(query.figures.period, in: tx)
            let map = try maps.map(in: tx)
            let unit = try Reporting.unit(query.figures, map, in: tx)
            let points = try Reporting.points(query, of: unit, map, in: tx)
            return .with { reply in
                reply.points = points
                reply.reachedOn = points.first { $0.reached }.flatMap { Month($0.period)?.lastDay.description } ?? ""
            }
        }
    }

    /// The share at the end of each period in which it changed, oldest first.
    static func points(_ query: IndicatorQuery, of unit: UnitRecord, _ map: PlaceMap, in tx: ReadTransaction) throws
        -> [Cdt_Activity_V1_IndicatorPoint]
    {
        let kind: Measure.Kind = query.isStock ? .stock : .flow
        let steps = try steps([kind], of: unit, query.figures, from: nil, map, in: tx)
        let codes = [query.numerator, query.denominator] + query.parts
        let measures = codes.map { query.isStock ? Measure.stock($0) : .flow($0) }
        var sums = measures.map { _ in Int64(0) }
        return steps.sorted(by: { $0.key < $1.key }).compactMap { month, changes in
            let now = zip(sums, measures).map { $0 + changes[$1, default: .zero].value }
            guard now != sums else { return nil }
            sums = now
            return .with {
                $0.period = month.description
                $0.ratio = share(now[0], now[1])
                $0.parts = now.dropFirst(2).map { share($0, now[1]) }
                // 0/0 is "not applicable" and reaches nothing.
                $0.reached = now[1] > 0 && Indicator.reaches(now[0], of: now[1], threshold: query.threshold)
            }
        }
    }

    static func share(_ numerator: Int64, _ denominator: Int64) -> Cdt_Common_V1_Ratio {
        .with {
            $0.numerator = numerator
            $0.denominator = denominator
            $0.percent = RatioFormat.percent(Int(numerator), of: Int(denominator))
        }
    }

    private static func achievements(
        of unit: UnitRecord, _ query: AchievementQuery, _ map: PlaceMap, in tx: ReadTransaction
    ) throws -> Cdt_Activity_V1_Achievements {
        var sums: [Measure: Amount] = [:]
        let flows = try steps([.activity, .flow, .difficulty], of: unit, query.figures, from: query.from, map, in: tx)
        // Of stocks all that ever rose or fell counts, whichever periods are asked for.
        let stocks = try steps([.stock], of: unit, query.figures, from: nil, map, in: tx)
        for (_, changes) in flows { sums.merge(changes, uniquingKeysWith: +) }
        for (_, changes) in stocks { sums.merge(changes, uniquingKeysWith: +) }
        return view(unit, query, sums.filter { $0.value != .zero })
    }

    private static func steps(
        _ kinds: [Measure.Kind], of unit: UnitRecord, _ query: FigureQuery, from: Month?, _ map: PlaceMap,
        in tx: ReadTransaction
    ) throws -> Steps {
        var steps: Steps = [:]
        if unit.level != .hamlet {
            let cover = map.cover(of: unit.id, on: query.treeDate)
            for kind in kinds {
                try AchievementStore().forEach(
                    kind, cover, from: from, through: query.period, level: query.level, in: tx
                ) { month, measure, amount in steps[month, default: [:]][measure, default: .zero] += amount }
            }
            return steps
        }
        // A hamlet has one team: its reports are summed as they are.
        for id in try teams(inHamlet: unit.id, on: query.treeDate, in: tx) {
            guard let team = try RegistryFactsStore.team(id, in: tx), query.level == nil || query.level == team.level
            else { continue }
            for (month, changes) in try Reporting.steps(ofTeam: id, isStock: kinds == [.stock], in: tx)
            where month <= query.period && (from.map { $0 <= month } ?? true) {
                steps[month, default: [:]].merge(
                    changes.filter { kinds.contains($0.key.kind) }, uniquingKeysWith: +)
            }
        }
        return steps
    }

    private static func steps(ofTeam id: String, isStock: Bool, in tx: ReadTransaction) throws -> Steps {
        var steps: Steps = [:]
        if isStock {
            for code in try StockStore.codes(of: id, in: tx) {
                for (month, amount) in StockSeries.steps(try StockStore.values(of: id, code, in: tx)) {
                    steps[month, default: [:]][.stock(code)] = amount
                }
            }
            return steps
        }
        for period in try PeriodStore.all(in: tx) {
            for row in try ObligationStore.list(period.period, from: id, through: id, in: tx) where row.summed > 0 {
                let versions = try ReportStore.contents(row.key, through: row.summed, in: tx)
                for (month, sums) in AchievementKeeper.sums(of: row.key, versions[...]) {
                    steps[month, default: [:]].merge(sums, uniquingKeysWith: +)
                }
            }
        }
        return steps
    }

    private static func view(_ unit: UnitRecord, _ query: AchievementQuery, _ sums: [Measure: Amount])
        -> Cdt_Activity_V1_Achievements
    {
        .with { view in
            view.unit = Names.name("units", unit.id)
            view.unitDisplayName = unit.name
            view.unitCode = unit.code
            view.unitLevel = Cdt_Registry_V1_UnitLevel(rawValue: unit.level.rawValue) ?? .unspecified
            view.fromPeriod = query.from.description
            view.period = query.through.description
            let ordered = sums.sorted { ($0.key.kind.rawValue, $0.key.text) < ($1.key.kind.rawValue, $1.key.text) }
            for (measure, amount) in ordered {
                switch measure {
                case .activity(let skill, let beneficiary, let channel, let platform):
                    view.activities.append(
                        .with {
                            $0.skill = .init(rawValue: skill) ?? .unspecified
                            $0.beneficiary = .init(rawValue: beneficiary) ?? .unspecified
                            $0.channel = .init(rawValue: channel) ?? .unspecified
                            $0.platform = platform
                            $0.count = amount.value
                            $0.reports = amount.values
                        })
                case .flow(let code): view.counters.append(counter(code, .flow, amount))
                case .stock(let code): view.counters.append(counter(code, .stock, amount))
                case .difficulty(let kind, let severity):
                    view.difficulties.append(
                        .with {
                            $0.kind = .init(rawValue: kind) ?? .unspecified
                            $0.severity = .init(rawValue: severity) ?? .unspecified
                            $0.reports = amount.values
                        })
                }
            }
        }
    }

    private static func counter(_ code: String, _ kind: Cdt_Activity_V1_CounterKind, _ amount: Amount)
        -> Cdt_Activity_V1_CounterSum
    {
        .with {
            $0.code = code
            $0.kind = kind
            $0.value = amount.value
            $0.qualifier = amount.qualifier
            $0.values = amount.values
            $0.atLeastValues = amount.atLeast
            $0.nearlyValues = amount.nearly
        }
    }
}

/// Shares against thresholds, in whole numbers: nothing is reached by rounding.
package enum Indicator {
    /// - Parameter threshold: in hundredths of a percent, 1 … 10000.
    package static func reaches(_ numerator: Int64, of denominator: Int64, threshold: Int64) -> Bool {
        let (left, right) = (
            numerator.multipliedFullWidth(by: 10_000), denominator.multipliedFullWidth(by: threshold)
        )
        return (left.high, left.low) >= (right.high, right.low)
    }
}
