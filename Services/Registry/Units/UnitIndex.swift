import ServiceKit

/// All units with national codes, in memory, for any date. Built from the database; it never changes. After a
/// reorganisation there is another one (`UnitCatalogue`).
package final class UnitIndex: Sendable {
    /// By rank. For a rank that was read from the database take the subscript of the index, which knows of newer ones.
    package let all: [Unit]
    /// Which edition of the units this is: every reorganisation applied or reverted gives the next one.
    package let edition: Int64
    private let ranks: [UniqueID: UnitRank]
    /// Units that have a code, by code; versions of a code oldest first. The number of digits tells the level.
    private let coded: [Int32]
    private let parents: GroupedRows<UnitParent>
    private let children: GroupedRows<UnitParent>
    private let successorLines: GroupedRows<UnitSuccession>
    private let predecessorLines: GroupedRows<UnitSuccession>
    /// Communes that ended without a recorded successor.
    let endedCommunes: [UnitRank]
    let spellings: UnitSpellings

    package init(_ data: UnitData) {
        var units = data.units
        // A unit that was reverted lies on no day.
        for rank in units.indices where units[rank].isVoid { units[rank].validity = Self.never }
        all = units
        edition = data.edition
        ranks = Dictionary(units.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
        coded = units.indices.filter { !units[$0].code.isEmpty && !units[$0].isVoid }
            .sorted { (units[$0].code, units[$0].firstDay) < (units[$1].code, units[$1].firstDay) }.map(Int32.init)
        parents = GroupedRows(data.parents, groups: units.count, of: \.unit) { $0.range.firstDay < $1.range.firstDay }
        children = GroupedRows(data.parents, groups: units.count, of: \.parent) {
            (units[$0.unit].code, $0.unit) < (units[$1.unit].code, $1.unit)
        }
        // The default first.
        let successors = GroupedRows(data.successions, groups: units.count, of: \.source) {
            ($0.isDefault ? 0 : 1, units[$0.target].code) < ($1.isDefault ? 0 : 1, units[$1.target].code)
        }
        successorLines = successors
        predecessorLines = GroupedRows(data.successions, groups: units.count, of: \.target) {
            units[$0.source].code < units[$1.source].code
        }
        endedCommunes = units.indices.filter {
            units[$0].level == .commune && units[$0].validity.to != nil && successors[$0].isEmpty && !units[$0].isVoid
        }
        spellings = UnitSpellings(units)
    }

    package static let nation: UnitRank = 0
    private static let never = DateRange(from: .distantFuture, to: .distantPast)

    /// One that is not known here is in force on no day: rows that are read may be newer than the units, by a moment in
    /// the process that has reorganised them, by a second in another replica.
    package subscript(rank: UnitRank) -> Unit { knows(rank) ? all[rank] : Self.unknown }

    package func knows(_ rank: UnitRank) -> Bool { all.indices.contains(rank) }

    private static let unknown = Unit(
        id: UniqueID(high: 0, low: 0), level: .commune, code: "", name: "", kind: "", validity: never, isVoid: true)

    /// Empty for one that is not known here.
    func name(of rank: UnitRank) -> String { knows(rank) ? all[rank].id.unitName : "" }

    package func rank(of id: UniqueID) -> UnitRank? { ranks[id] }

    // MARK: Codes

    /// What a code means on a day.
    package enum CodeMeaning: Sendable, Hashable {
        case unit(UnitRank)
        /// It meant this unit, the last one before the day or else the first one after it.
        case notInForce(last: UnitRank)
        case unknown
    }

    /// "Codes were reused: a code is resolved with a date."
    package func resolve(code: String, on date: LocalDate) -> CodeMeaning {
        let versions = versions(of: code)
        guard let first = versions.first else { return .unknown }
        if let found = versions.first(where: { self[$0].validity.contains(date) }) { return .unit(found) }
        return .notInForce(last: versions.last { self[$0].firstDay <= date } ?? first)
    }

    private func versions(of code: String) -> [UnitRank] {
        var (low, high) = (0, coded.count)
        while low < high {
            let middle = (low + high) / 2
            if self[Int(coded[middle])].code < code { low = middle + 1 } else { high = middle }
        }
        return coded[low...].prefix { self[Int($0)].code == code }.map(Int.init)
    }

    /// The commune that has a code on a day.
    package func commune(code: String, on date: LocalDate) -> UnitRank? {
        guard case .unit(let rank) = resolve(code: code, on: date), self[rank].level == .commune else { return nil }
        return rank
    }

    // MARK: The tree on a day

    package func parents(of rank: UnitRank) -> [UnitParent] { Array(parents[rank]) }

    package func parent(of rank: UnitRank, on date: LocalDate) -> UnitRank? {
        parents[rank].first { $0.range.contains(date) }?.parent
    }

    /// Nearest first, the nation last; empty when the unit is not in force.
    package func ancestors(of rank: UnitRank, on date: LocalDate) -> [UnitRank] {
        var result: [UnitRank] = []
        var current = rank
        while let parent = parent(of: current, on: date) {
            result.append(parent)
            current = parent
        }
        return result
    }

    /// The unit itself or its ancestor that is of the level.
    package func ancestor(of rank: UnitRank, at level: UnitLevel, on date: LocalDate) -> UnitRank? {
        var current = rank
        while self[current].level > level {
            guard let parent = parent(of: current, on: date) else { return nil }
            current = parent
        }
        return self[current].level == level && self[current].validity.contains(date) ? current : nil
    }

    /// Direct children by code.
    package func children(of rank: UnitRank, on date: LocalDate) -> [UnitRank] {
        children[rank].compactMap { $0.range.contains(date) ? $0.unit : nil }
    }

    /// Units of a level anywhere under a unit, by code.
    package func descendants(of rank: UnitRank, at level: UnitLevel, on date: LocalDate) -> [UnitRank] {
        if rank == Self.nation {
            return all.indices.filter { self[$0].level == level && self[$0].validity.contains(date) }
                .sorted { self[$0].code < self[$1].code }
        }
        var found: [UnitRank] = []
        var waiting = [rank]
        while let next = waiting.popLast() {
            for child in children(of: next, on: date) {
                if self[child].level == level { found.append(child) }
                if self[child].level < level { waiting.append(child) }
            }
        }
        return found.sorted { self[$0].code < self[$1].code }
    }

    package func isUnder(_ rank: UnitRank, _ ancestor: UnitRank, on date: LocalDate) -> Bool {
        guard self[rank].validity.contains(date) else { return false }
        var current = rank
        while current != ancestor {
            guard let parent = parent(of: current, on: date) else { return false }
            current = parent
        }
        return true
    }

    // MARK: Successions

    /// What it became, the default first.
    package func successors(of rank: UnitRank) -> [UnitSuccession] { Array(successorLines[rank]) }

    /// What it came from.
    package func predecessors(of rank: UnitRank) -> [UnitSuccession] { Array(predecessorLines[rank]) }
}

extension Unit {
    /// For comparisons: the first day, or the distant past.
    var firstDay: LocalDate { validity.firstDay }
}

extension DateRange {
    /// The first day, or the distant past when it is open.
    package var firstDay: LocalDate { from ?? .distantPast }
    /// The last day, or the distant future when it is open.
    package var lastDay: LocalDate { to ?? .distantFuture }
}
