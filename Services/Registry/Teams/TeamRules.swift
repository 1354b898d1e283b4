import ServiceKit

/// R1 and the rules of statuses and places, as functions over values.
package enum TeamRules {
    /// Two teams of one level active on the same unit.
    package struct Clash: Sendable, Hashable {
        package var team: UniqueID
        package var unit: UniqueID
        package var range: DateRange
        /// The later of them came there by a reorganisation: flagged NEEDS_CONSOLIDATION, not refused.
        package var isByReorganisation: Bool
    }

    /// R1: "one ACTIVE team per (unit, level) at any instant; duplicates that a merger creates are flagged, not
    /// rejected". A team that was put on a unit clashes with all that are there; one that came with its territory
    /// clashes with none. `statedSince`: from this day on the team counts as put there, since a person makes it active.
    package static func clashes(
        of stretches: [TeamStretch], level: TeamLevel, with others: [(team: UniqueID, stretches: [TeamStretch])],
        statedSince: LocalDate? = nil
    ) -> [Clash] {
        var clashes: [Clash] = []
        for mine in stretches where mine.status == .active {
            guard let place = mine.place, let unit = place.unit else { continue }
            for other in others {
                for theirs in other.stretches where theirs.status == .active && theirs.place?.unit == unit {
                    guard let common = mine.range.intersection(theirs.range) else { continue }
                    // A hamlet goes along as a whole: whoever is on it was put there.
                    let wasPut =
                        level == .hamlet || place.basis == .stated || statedSince.map { common.lastDay >= $0 } ?? false
                    clashes.append(
                        Clash(team: other.team, unit: unit, range: common, isByReorganisation: !wasPut))
                }
            }
        }
        return clashes
    }

    /// Which statuses may follow which. "Re-establishing a dissolved team keeps its id", so DISSOLVED may become
    /// ACTIVE; a team that became part of another does not come back.
    package static func mayBecome(_ next: TeamStatus, after status: TeamStatus) -> Bool {
        switch (status, next) {
        case (.merged, _): false
        case (_, .planned): false
        case (.dissolved, .active): true
        case (.dissolved, _): false
        case (let a, let b): a != b
        }
    }

    /// The places of a team that is put on `unit` from `first` on: what the unit was before, as far as it is certain,
    /// and what becomes of it.
    package static func places(
        unit: UniqueID, level: TeamLevel, stays: [CommuneStay], from first: LocalDate, units: UnitIndex
    )
        -> [TeamPlace]
    {
        stays.compactMap { stay in
            stay.range.intersection(DateRange(from: first, to: nil)).map {
                TeamPlace(
                    unit: level == .hamlet ? unit : stay.basis == .ended ? nil : units[stay.commune].id,
                    commune: stay.commune, basis: stay.basis, range: $0)
            }
        }
    }

    /// What a person should look at in a history: places that are presumed, not known yet or not known any more.
    package static func warnings(about stretches: [TeamStretch], units: UnitIndex, field: String) -> [Problem] {
        var problems: [Problem] = []
        if let first = stretches.first, first.place == nil, let known = stretches.first(where: { $0.place != nil }),
            let place = known.place
        {
            problems.append(
                Problem(
                    .placeUnknownBefore, field,
                    ["date": known.range.firstDay.description, "unit": units[place.commune].name]))
        }
        let running = stretches.first(where: needsPlacement)
        if let running {
            problems.append(Problem(.needsPlacement, field, ["date": running.range.firstDay.description]))
        }
        return problems
    }

    /// NEEDS_PLACEMENT on a day: at work at a presumed place, or where the unit has ended.
    package static func needsPlacement(_ stretch: TeamStretch) -> Bool {
        stretch.status.isRunning && stretch.place?.basis.needsPlacement ?? false
    }
}
