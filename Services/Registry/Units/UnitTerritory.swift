import ServiceKit

/// On what ground a team or hamlet is where it is.
package enum PlacementBasis: Int, Sendable, Hashable {
    /// A person or an import said so.
    case stated = 0
    /// The unit became this one as a whole.
    case followed = 1
    /// The unit was divided, and this is the default successor: a person should confirm it (NEEDS_PLACEMENT).
    case presumed = 2
    /// The commune ended, and no successor is recorded: "figures stay with the parent then in force", and a person
    /// should say where it is now (NEEDS_PLACEMENT).
    case ended = 3
    /// A person said which of the communes it is in that a divided or ended one became. A team of the place came with
    /// its territory all the same: it clashes with none (R1).
    case confirmed = 4

    package var needsPlacement: Bool { self == .presumed || self == .ended }
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
    /// presumed. "No successor is guessed from the code": where none is recorded it stays
    /// where it was, as ended. Backward: only where a
    /// commune is one single former one under another name, for of several predecessors nobody can tell which it was.
    /// Of one that is not known here nothing can be told, nor that it has ended.
    package func stays(of commune: UnitRank) -> [CommuneStay] {
        guard knows(commune) else { return [] }
        var stays = [CommuneStay(commune: commune, range: self[commune].validity, basis: .stated)]
        var current = commune
        while predecessors(of: current).count == 1, let line = predecessors(of: current).first, leadsBack(line) {
            stays.insert(CommuneStay(commune: line.source, range: self[line.source].validity, basis: .followed), at: 0)
            current = line.source
        }
        current = commune
        var basis = PlacementBasis.followed
        while let line = successors(of: current).first, line.isDefault, self[line.target].level == .commune {
            if line.isPart { basis = .presumed }
            stays.append(CommuneStay(commune: line.target, range: self[line.target].validity, basis: basis))
            current = line.target
        }
        if let next = self[current].validity.exclusiveEnd {
            stays.append(CommuneStay(commune: current, range: DateRange(from: next, to: nil), basis: .ended))
        }
        return stays
    }

    private func leadsBack(_ line: UnitSuccession) -> Bool {
        guard !line.isPart, self[line.source].level == .commune else { return false }
        if line.relation.isOneToOne { return true }
        // Under another name the unit may have taken in neighbours.
        return line.relation == .continued && self[line.source].bareName == self[line.target].bareName
    }

    /// Ranks of the communes whose teams belong to a unit on a day, as few runs; nil: all communes. Besides the
    /// communes in force under it these are the lost ones.
    package func communeRuns(under rank: UnitRank, on date: LocalDate) -> [ClosedRange<UnitRank>]? {
        if rank == Self.nation { return nil }
        let inForce =
            self[rank].level == .commune
            ? (self[rank].validity.contains(date) ? [rank] : []) : descendants(of: rank, at: .commune, on: date)
        return runs(of: inForce + lostCommunes(under: rank, on: date), on: date)
    }

    /// Ranks of communes as few runs. Ranks at which nothing can lie on the day fall in freely.
    package func runs(of communes: [UnitRank], on date: LocalDate) -> [ClosedRange<UnitRank>] {
        var runs: [ClosedRange<UnitRank>] = []
        for commune in communes.sorted() {
            if let last = runs.last, !(last.upperBound + 1..<commune).contains(where: { holds($0, on: date) }) {
                runs[runs.count - 1] = last.lowerBound...commune
            } else {
                runs.append(commune...commune)
            }
        }
        return runs
    }

    /// Whether something can lie in a commune on a day: it is in force, or it is lost.
    private func holds(_ commune: UnitRank, on date: LocalDate) -> Bool {
        self[commune].validity.contains(date) || isLost(commune, on: date)
    }

    /// It ended before the day, and no successor is recorded.
    private func isLost(_ commune: UnitRank, on date: LocalDate) -> Bool {
        self[commune].validity.lastDay < date && successors(of: commune).isEmpty
    }

    /// Communes that ended before `date` without a recorded successor and whose figures "stay with the parent then in
    /// force": those under the unit, or under what became the unit.
    package func lostCommunes(under rank: UnitRank, on date: LocalDate) -> [UnitRank] {
        if self[rank].level == .commune { return [] }
        return endedCommunes.filter { commune in
            isLost(commune, on: date) && (rank == Self.nation || heirs(of: commune, on: date).contains(rank))
        }
    }

    /// The units whose rules hold on a day for what lies in a commune, the nearest first: the commune and its
    /// ancestors, or of one that has ended without a successor those that have its figures.
    package func jurisdictions(of commune: UnitRank, on date: LocalDate) -> [UnitRank] {
        self[commune].validity.contains(date)
            ? [commune] + ancestors(of: commune, on: date) : heirs(of: commune, on: date)
    }

    /// The days on which `jurisdictions` may change: those on which an ancestor, or what became of it, begins or ends.
    package func turns(of commune: UnitRank) -> Set<LocalDate> {
        var days: Set<LocalDate> = []
        var seen = Set([commune])
        var waiting = [commune]
        while let next = waiting.popLast() {
            let ranges = parents(of: next).map { ($0.parent, $0.range) }
            let heirs = successors(of: next).map { ($0.target, self[$0.target].validity) }
            for (unit, range) in ranges + heirs {
                days.formUnion([range.from, range.exclusiveEnd].compactMap(\.self))
                if seen.insert(unit).inserted { waiting.append(unit) }
            }
        }
        return days
    }

    /// The units of a day that have a lost commune's figures: what became of its ancestors, and their ancestors.
    package func heirs(of commune: UnitRank, on date: LocalDate) -> [UnitRank] {
        guard let last = self[commune].validity.to else { return [] }
        // The nearest ancestor of which something became: a district may have ended the same way.
        for ancestor in ancestors(of: commune, on: last) {
            var current = ancestor
            while !self[current].validity.contains(date), let line = successors(of: current).first {
                current = line.target
            }
            if self[current].validity.contains(date) { return [current] + ancestors(of: current, on: date) }
        }
        return []
    }
}
