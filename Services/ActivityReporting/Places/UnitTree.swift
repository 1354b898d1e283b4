import ServiceKit

/// Level of a unit. Raw values are the contract's `UnitLevel`.
package enum UnitLevel: Int, Sendable, Hashable, Comparable {
    case nation = 1
    case province = 2
    case district = 3
    case commune = 4
    case hamlet = 5

    package static func < (a: UnitLevel, b: UnitLevel) -> Bool { a.rawValue < b.rawValue }
}

/// A unit, as the Registry's feed tells of it.
package struct UnitRecord: Sendable, Hashable {
    package var id: String
    package var level: UnitLevel
    package var code: String
    package var name: String
    package var validity: DateRange
    /// Parents over time, oldest first.
    package var parents: [Stretch]
    /// What it became; the default successor first.
    package var successors: [String]

    /// Being in (or under) a unit for a time.
    package struct Stretch: Sendable, Hashable {
        package var unit: String
        package var days: DateRange

        package init(unit: String, days: DateRange) {
            self.unit = unit
            self.days = days
        }
    }

    package init(
        id: String, level: UnitLevel, code: String = "", name: String = "", validity: DateRange = .always,
        parents: [Stretch] = [], successors: [String] = []
    ) {
        self.id = id
        self.level = level
        self.code = code
        self.name = name
        self.validity = validity
        self.parents = parents
        self.successors = successors
    }
}

/// The units from the nation down to the communes, over all time. Hamlets are too many to hold; their communes stand in
/// the places of their teams.
package struct UnitTree: Sendable {
    package let units: [UnitRecord]
    private let index: [String: Int]
    /// Days on which the tree may look other than on the day before, ascending.
    package let changes: [LocalDate]

    package init(_ records: [UnitRecord]) {
        units = records.sorted { $0.id < $1.id }
        index = Dictionary(units.enumerated().map { ($1.id, $0) }) { first, _ in first }
        nation = units.first { $0.level == .nation }
        var days: Set<LocalDate> = []
        for unit in units {
            for range in [unit.validity] + unit.parents.map(\.days) {
                if let from = range.from { days.insert(from) }
                if let end = range.exclusiveEnd { days.insert(end) }
            }
        }
        changes = days.sorted()
    }

    package subscript(_ id: String) -> UnitRecord? { index[id].map { units[$0] } }

    package let nation: UnitRecord?

    /// The unit in whose hands the territory of `id` is on a date: itself while in force; after its end its default
    /// successor's, and so on; without a recorded successor its last parent's, for "its figures stay with the parent
    /// then in force". For a date before its beginning it is the parent it began under. Nil when that leads nowhere.
    package func standIn(for id: String, on date: LocalDate) -> UnitRecord? {
        var unit = self[id]
        // Successions and parents form no cycle in sound data; the bound keeps unsound data from hanging a call.
        for _ in 0..<32 {
            guard let current = unit else { return nil }
            if current.validity.contains(date) { return current }
            if let from = current.validity.from, date < from {
                unit = current.parents.first.flatMap { self[$0.unit] }
            } else if let successor = current.successors.first {
                unit = self[successor]
            } else {
                unit = current.parents.last.flatMap { self[$0.unit] }
            }
        }
        return nil
    }

    /// The parent on a date, in force on it.
    package func parent(of unit: UnitRecord, on date: LocalDate) -> UnitRecord? {
        let parent = unit.parents.last { $0.days.contains(date) } ?? unit.parents.last
        return parent.flatMap { standIn(for: $0.unit, on: date) }
    }

    /// The unit that stands in for `id` on a date, and the units above it, nearest first.
    package func chain(of id: String, on date: LocalDate) -> [UnitRecord] {
        var chain: [UnitRecord] = []
        var unit = standIn(for: id, on: date)
        while let current = unit, chain.count < 8 {
            chain.append(current)
            unit = parent(of: current, on: date).flatMap { above in above.level < current.level ? above : nil }
        }
        return chain
    }

    /// Units in force on a date whose parent on it is `id`, by code and name.
    package func children(of id: String, on date: LocalDate) -> [UnitRecord] {
        units.filter { $0.id != id && $0.validity.contains(date) && parent(of: $0, on: date)?.id == id }
            .sorted(by: UnitTree.isBefore)
    }

    /// Where in `units` those of a level stand that are in force on a date and lie under `id`, by code and name.
    package func indices(of level: UnitLevel, below id: String, on date: LocalDate) -> [Int] {
        units.indices.filter { i in
            let unit = units[i]
            return unit.level == level && unit.id != id && unit.validity.contains(date)
                && chain(of: unit.id, on: date).contains { $0.id == id }
        }.sorted { UnitTree.isBefore(units[$0], units[$1]) }
    }

    private static func isBefore(_ a: UnitRecord, _ b: UnitRecord) -> Bool {
        (a.code, a.name, a.id) < (b.code, b.name, b.id)
    }
}
