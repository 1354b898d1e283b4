import ServiceKit

/// Where teams and hamlets go when their communes end. Over values alone.
package enum Following {
    /// "Applying places the teams and hamlets of split units at the default successor, flagged NEEDS_PLACEMENT."
    ///
    /// - Parameters:
    ///   - ended: communes that end with the day before `day`.
    ///   - units: the units after the reorganisation.
    /// - Returns: the stays after it; the same ones where nothing changes.
    package static func following(_ stays: [CommuneStay], ended: Set<UnitRank>, on day: LocalDate, units: UnitIndex)
        -> [CommuneStay]
    {
        stays.flatMap { stay -> [CommuneStay] in
            guard ended.contains(stay.commune), stay.basis != .ended, stay.range.lastDay >= day else { return [stay] }
            let from = max(day, stay.range.firstDay)
            var result: [CommuneStay] = []
            if stay.range.firstDay < day {
                result.append(
                    CommuneStay(
                        commune: stay.commune, range: DateRange(from: stay.range.from, to: day.previous),
                        basis: stay.basis))
            }
            let window = DateRange(from: from, to: stay.range.to)
            for next in units.stays(of: stay.commune) where next.commune != stay.commune || next.basis == .ended {
                guard let range = next.range.intersection(window) else { continue }
                // What is presumed stays presumed, whatever its commune becomes.
                let basis = next.basis == .followed && stay.basis.needsPlacement ? .presumed : next.basis
                result.append(CommuneStay(commune: next.commune, range: range, basis: basis))
            }
            return result
        }
    }

    /// The part of the stays from a day on.
    package static func tail(_ stays: [CommuneStay], from day: LocalDate) -> [CommuneStay] {
        stays.compactMap { stay in
            stay.range.intersection(DateRange(from: day, to: nil)).map {
                CommuneStay(commune: stay.commune, range: $0, basis: stay.basis)
            }
        }
    }

    /// Other stays from a day on; what was before stays, neighbours that agree are joined.
    package static func replacing(_ stays: [CommuneStay], from day: LocalDate, by tail: [CommuneStay]) -> [CommuneStay]
    {
        let before = stays.compactMap { stay in
            stay.range.intersection(DateRange(from: nil, to: day.previous)).map {
                CommuneStay(commune: stay.commune, range: $0, basis: stay.basis)
            }
        }
        return (before + tail).reduce(into: []) { result, stay in
            if let last = result.last, last.commune == stay.commune, last.basis == stay.basis,
                last.range.exclusiveEnd == stay.range.from
            {
                result[result.count - 1].range.to = stay.range.to
            } else {
                result.append(stay)
            }
        }
    }

    /// The communes a team is in over time.
    package static func stays(of team: Team) -> [CommuneStay] {
        TeamHistory.places(of: team.stretches).map {
            CommuneStay(commune: $0.commune, range: $0.range, basis: $0.basis)
        }
    }

    /// The team with other communes over time: a COMMUNE team sits on them, a HAMLET team stays on its hamlet.
    package static func team(_ team: Team, at stays: [CommuneStay], units: UnitIndex) -> Team {
        var team = team
        let hamlet = team.level == .hamlet ? team.stretches.lazy.compactMap { $0.place?.unit }.first : nil
        let places = stays.map { stay in
            TeamPlace(
                unit: team.level == .hamlet ? hamlet : stay.basis == .ended ? nil : units[stay.commune].id,
                commune: stay.commune, basis: stay.basis, range: stay.range)
        }
        team.stretches = TeamHistory.stretches(statuses: TeamHistory.statuses(of: team.stretches), places: places)
        return team
    }
}

/// A person's word on where a team or hamlet of a divided or ended commune has been since.
package enum PlacementRules {
    /// The first stay that needs a person's word.
    package static func open(_ stays: [CommuneStay]) -> CommuneStay? { stays.first { $0.basis.needsPlacement } }

    /// "A person may correct it, from the effective date on": the stays with `commune` from the first presumed day on,
    /// and what becomes of that commune; or why not.
    package static func correcting(_ stays: [CommuneStay], to commune: UnitRank, units: UnitIndex)
        -> Result<(stays: [CommuneStay], from: LocalDate), Refusal>
    {
        guard let index = stays.firstIndex(where: { $0.basis.needsPlacement }) else {
            return .failure(Refusal(.placementKnown, "name"))
        }
        let open = stays[index]
        let from = open.range.firstDay
        guard units[commune].level == .commune, units[commune].validity.contains(from) else {
            return .failure(Refusal(.unitNotInForce, "commune", units.validity(of: commune, on: from)))
        }
        // Where the division is recorded, only its parts are possible; where nothing is, any commune of the day.
        if open.basis == .presumed, index > 0 {
            let parts = units.successors(of: stays[index - 1].commune).map(\.target)
            guard parts.contains(commune) else {
                return .failure(
                    Refusal(
                        .notASuccessor, "commune",
                        [
                            "unit": units[commune].name, "source": units[stays[index - 1].commune].name,
                            "successors": parts.map { units[$0].name }.joined(separator: ", "),
                        ]))
            }
        }
        let tail = units.stays(of: commune).compactMap { stay -> CommuneStay? in
            stay.range.intersection(DateRange(from: from, to: nil)).map {
                CommuneStay(
                    commune: stay.commune, range: $0, basis: stay.commune == commune ? .confirmed : stay.basis)
            }
        }
        return .success((Following.replacing(stays, from: from, by: tail), from))
    }
}
