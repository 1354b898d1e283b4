import ServiceKit

/// On what ground a team or hamlet is where it is.
package enum PlacementBasis: Int, Sendable, Hashable {
    /// A person or an import said so.
    case stated = 0
    /// The unit became this one as a whole.
    case followed = 1
    /// The unit was divided, and this is the default successor: a person should confirm it (NEEDS_PLACEMENT).
    case presumed = 2
}

/// A commune for a stretch of time.
package struct CommuneStay: Sendable, Hashable {
    package var commune: UnitRank
    package var range: DateRange
    package var basis: PlacementBasis
}

extension UnitIndex {
    /// Where something that lies in `commune` lies at all other times.
    ///
    /// Forward: at the end of a commune at its default successor; once one of them was divided, all that follows is
    /// presumed. "No successor is guessed from the code": where none is recorded the way ends. Backward: only where a
    /// commune is one single former one under another name, for of several predecessors nobody can tell which it was.
    package func stays(of commune: UnitRank) -> [CommuneStay] {
        var stays = [CommuneStay(commune: commune, range: units[commune].validity, basis: .stated)]
        var current = commune
        while predecessors(of: current).count == 1, let line = predecessors(of: current).first, leadsBack(line) {
            stays.insert(CommuneStay(commune: line.source, range: units[line.source].validity, basis: .followed), at: 0)
            current = line.source
        }
        current = commune
        var basis = PlacementBasis.followed
        while let line = successors(of: current).first, line.isDefault, units[line.target].level == .commune {
            if line.isPart { basis = .presumed }
            stays.append(CommuneStay(commune: line.target, range: units[line.target].validity, basis: basis))
            current = line.target
        }
        return stays
    }

    private func leadsBack(_ line: UnitSuccession) -> Bool {
        guard !line.isPart, units[line.source].level == .commune else { return false }
        if line.relation.isOneToOne { return true }
        // Under another name the unit may have taken in neighbours.
        return line.relation == .continued && units[line.source].bareName == units[line.target].bareName
    }

    /// Ranks of the communes under a unit on a day, as few runs: ranks of communes not in force on the day fall in freely,
    /// since nothing lies in them then. Nil: all communes.
    package func communeRuns(under rank: UnitRank, on date: LocalDate) -> [ClosedRange<UnitRank>]? {
        if rank == Self.nation { return nil }
        let own =
            units[rank].level == .commune
            ? (units[rank].validity.contains(date) ? [rank] : [])
            : descendants(of: rank, at: .commune, on: date).sorted()
        var runs: [ClosedRange<UnitRank>] = []
        for commune in own {
            if let last = runs.last,
                !(last.upperBound + 1..<commune).contains(where: { units[$0].validity.contains(date) })
            {
                runs[runs.count - 1] = last.lowerBound...commune
            } else {
                runs.append(commune...commune)
            }
        }
        return runs
    }

    /// Communes that ended before `date` without a recorded successor and whose figures "stay with the parent then in
    /// force": those under the unit, or under what became the unit.
    package func lostCommunes(under rank: UnitRank, on date: LocalDate) -> [UnitRank] {
        guard let communes else { return [] }
        return communes.filter { commune in
            guard let last = units[commune].validity.to, last < date, successors(of: commune).isEmpty else {
                return false
            }
            return rank == Self.nation || ancestors(of: commune, on: last).contains { became($0, rank, on: date) }
        }
    }

    /// Whether the way of default successors leads from `source` to `target` or beneath it.
    private func became(_ source: UnitRank, _ target: UnitRank, on date: LocalDate) -> Bool {
        var current = source
        while true {
            if current == target || isUnder(current, target, on: date) { return current != Self.nation }
            guard let line = successors(of: current).first else { return false }
            current = line.target
        }
    }
}
