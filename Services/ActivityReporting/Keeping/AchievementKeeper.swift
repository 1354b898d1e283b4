import ServiceKit
import Shared
import Storage

/// Keeps the sums of what was achieved in step with the reports that stand, within one transaction.
struct AchievementKeeper {
    private let store = AchievementStore()
    private var changes = AchievementStore.Changes()
    /// The stocks that were looked at, as they are now.
    private var stocks: [StockKey: [StockValue]] = [:]

    private struct StockKey: Hashable {
        var team: String
        var code: String
    }

    /// Writes the sums that have changed; the last step.
    func finish(slot: Int, in tx: WriteTransaction) throws { try store.apply(changes, slot: slot, in: tx) }

    /// A team's values of a stock.
    mutating func stock(of team: String, _ code: String, in tx: ReadTransaction) throws -> [StockValue] {
        let key = StockKey(team: team, code: code)
        if let known = stocks[key] { return known }
        let values = try StockStore.values(of: team, code, in: tx)
        stocks[key] = values
        return values
    }

    /// A report stands with another version than before; 0: it does not stand.
    ///
    /// - Parameter versions: its versions from the first on, as far as they count now or did; nil: they are to be read.
    mutating func replace(
        _ key: ObligationKey, from old: Int64, to new: Int64, versions known: [Cdt_Activity_V1_Report]?,
        at counted: TeamRow.CountedAt, in tx: WriteTransaction
    ) throws {
        guard old != new else { return }
        let versions = try known ?? ReportStore.contents(key, through: max(old, new), in: tx)
        add(key, versions.prefix(Int(old)), at: counted, sign: -1)
        add(key, versions.prefix(Int(new)), at: counted, sign: 1)
        for code in Set(versions.flatMap { $0.stocks.keys }) {
            let before = try stock(of: key.team, code, in: tx)
            let told = AchievementKeeper.values(of: key, code, versions.prefix(Int(new)))
            let after = before.filter { $0.source != key.period || $0.person != key.person } + told
            add(StockSeries.steps(before), code, at: counted, sign: -1)
            add(StockSeries.steps(after), code, at: counted, sign: 1)
            let isFirst = after.count - told.count == before.count
            try StockStore.replace(key, code, with: told, isFirst: isFirst, in: tx)
            stocks[StockKey(team: key.team, code: code)] = after
        }
    }

    /// A team's reports are counted elsewhere from now on.
    ///
    /// - Parameter standing: the reports of the team that stand, with the version that counts.
    mutating func move(
        _ team: String, _ standing: [(key: ObligationKey, version: Int64)], from old: TeamRow.CountedAt,
        to new: TeamRow.CountedAt, in tx: WriteTransaction
    ) throws {
        for (key, version) in standing {
            let versions = try ReportStore.contents(key, through: version, in: tx)
            add(key, versions[...], at: old, sign: -1)
            add(key, versions[...], at: new, sign: 1)
        }
        for code in try StockStore.codes(of: team, in: tx) {
            let steps = StockSeries.steps(try stock(of: team, code, in: tx))
            add(steps, code, at: old, sign: -1)
            add(steps, code, at: new, sign: 1)
        }
    }

    /// Every version counts by what differs from the one before, in the month in which it counts.
    private mutating func add(
        _ key: ObligationKey, _ versions: ArraySlice<Cdt_Activity_V1_Report>, at counted: TeamRow.CountedAt, sign: Int
    ) {
        for (month, sums) in AchievementKeeper.sums(of: key, versions) {
            for (measure, amount) in sums {
                changes.add(sign > 0 ? amount : .zero - amount, measure, month, at: counted)
            }
        }
    }

    private mutating func add(_ steps: [Month: Amount], _ code: String, at counted: TeamRow.CountedAt, sign: Int) {
        for (month, amount) in steps {
            changes.add(sign > 0 ? amount : .zero - amount, .stock(code), month, at: counted)
        }
    }

    /// What the versions of one report add to the sums of each month.
    static func sums(of key: ObligationKey, _ versions: ArraySlice<Cdt_Activity_V1_Report>)
        -> [Month: [Measure: Amount]]
    {
        var sums: [Month: [Measure: Amount]] = [:]
        var before: [Measure: Amount] = [:]
        for version in versions {
            let now = version.achieved
            let month = version.month(of: key)
            for measure in Set(before.keys).union(now.keys) {
                let step = now[measure, default: .zero] - before[measure, default: .zero]
                if step != .zero { sums[month, default: [:]][measure, default: .zero] += step }
            }
            before = now
        }
        return sums
    }

    /// What the versions of one report tell of a stock: in each month the last of them.
    private static func values(
        of key: ObligationKey, _ code: String, _ versions: ArraySlice<Cdt_Activity_V1_Report>
    ) -> [StockValue] {
        var last: [Month: Amount?] = [:]
        for version in versions { last[version.month(of: key)] = .some(version.stocks[code]) }
        return last.compactMap { month, amount in
            amount.map { StockValue(person: key.person, counted: month, source: key.period, amount: $0) }
        }.sorted { $0.counted < $1.counted }
    }
}

extension Cdt_Activity_V1_Report {
    /// The month in whose sums this version counts.
    func month(of key: ObligationKey) -> Month { Month(countedIn) ?? key.period }
}
