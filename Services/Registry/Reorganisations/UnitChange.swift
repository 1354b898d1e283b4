import ServiceKit

/// What a reorganisation does to the units: the script, worked out against the units in force.
package struct UnitChange: Sendable, Hashable {
    package struct Created: Sendable, Hashable {
        package var rank: UnitRank
        package var unit: Unit
        package var parent: UnitRank
    }

    package struct Moved: Sendable, Hashable {
        package var unit: UnitRank
        package var parent: UnitRank
    }

    /// First day of the new units.
    package var on: LocalDate
    package var ended: [UnitRank] = []
    package var created: [Created] = []
    package var moved: [Moved] = []
    package var successions: [UnitSuccession] = []

    package var endedSet: Set<UnitRank> { Set(ended) }
}

extension UnitData {
    /// The units after a reorganisation.
    package mutating func apply(_ change: UnitChange) {
        let ended = change.endedSet
        let moved = Set(change.moved.map(\.unit))
        let last = change.on.previous
        for rank in change.ended { units[rank].validity.to = last }
        for index in parents.indices
        where ended.contains(parents[index].unit) || moved.contains(parents[index].unit) {
            if parents[index].range.lastDay > last { parents[index].range.to = last }
        }
        for created in change.created {
            if created.rank < units.count {
                units[created.rank] = created.unit
            } else {
                units.append(created.unit)
            }
            parents.append(
                UnitParent(unit: created.rank, parent: created.parent, range: DateRange(from: change.on, to: nil)))
        }
        for move in change.moved {
            parents.append(UnitParent(unit: move.unit, parent: move.parent, range: DateRange(from: change.on, to: nil)))
        }
        successions += change.successions
    }

    /// The units before it. Only right where nothing later hangs on the change.
    package mutating func revert(_ change: UnitChange) {
        let ended = change.endedSet
        let moved = Set(change.moved.map(\.unit))
        let created = Set(change.created.map(\.rank))
        let last = change.on.previous
        for rank in change.ended { units[rank].validity.to = nil }
        for rank in created { units[rank].isVoid = true }
        parents.removeAll {
            created.contains($0.unit) || moved.contains($0.unit) && $0.range.from == change.on
        }
        for index in parents.indices
        where (ended.contains(parents[index].unit) || moved.contains(parents[index].unit))
            && parents[index].range.to == last
        {
            parents[index].range.to = nil
        }
        successions.removeAll { created.contains($0.target) && $0.effectiveOn == change.on }
    }
}
