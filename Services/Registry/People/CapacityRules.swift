import ServiceKit

/// What happens to a join beyond the limit. Raw values are those of the contract.
package enum CapacityMode: Int, Sendable, Hashable {
    case enforce = 1
    case warn
    case grandfather
}

/// R3: "capacity is a dated policy per jurisdiction and level".
package struct CapacityPolicy: Sendable, Hashable {
    package var id: UniqueID
    package var unit: UniqueID
    package var level: TeamLevel
    package var limit: Int
    /// 0: none. "An optional minimum only warns."
    package var minimum = 0
    package var mode: CapacityMode
    package var range: DateRange
    package var document: Document?
}

/// R3 over values.
package enum CapacityRules {
    /// "The limit holds on every day of the interval joined." Between the days on which something begins or ends
    /// nothing changes, so these are the days looked at.
    ///
    /// - Parameters:
    ///   - policies: all policies for the team's level.
    ///   - others: the team's other memberships that count.
    package static func problems(
        joining range: DateRange, stretches: [TeamStretch], policies: [CapacityPolicy], others: [DateRange],
        units: UnitIndex, field: String
    ) -> [Problem] {
        guard !policies.isEmpty, let first = range.from else { return [] }
        var days = Set([first])
        for other in others + policies.map(\.range) + stretches.map(\.range) {
            if let from = other.from { days.insert(from) }
            if let next = other.exclusiveEnd { days.insert(next) }
        }
        for commune in Set(stretches.compactMap { $0.place?.commune }) { days.formUnion(units.turns(of: commune)) }
        var warning: Problem?
        for day in days.sorted() where range.contains(day) {
            guard let policy = policy(on: day, stretches: stretches, policies: policies, units: units) else { continue }
            let current = others.count { $0.contains(day) }
            guard current >= policy.limit else { continue }
            let values = ["date": day.description, "limit": String(policy.limit), "current": String(current)]
            switch policy.mode {
            case .enforce: return [Problem(.capacityExceeded, field, values)]
            case .grandfather:
                // "Keeps those present when the policy began and refuses joins while over."
                if let begin = policy.range.from, first < begin { continue }
                return [Problem(.capacityExceeded, field, values)]
            case .warn:
                if warning == nil {
                    warning = Problem(
                        .overCapacity, field, values.merging(["current": String(current + 1)]) { _, new in new })
                }
            }
        }
        return warning.map { [$0] } ?? []
    }

    /// "An optional minimum only warns": of a team that runs, and has fewer members on a day.
    package static func shortage(
        on day: LocalDate, stretches: [TeamStretch], policies: [CapacityPolicy], members current: Int,
        units: UnitIndex, field: String
    ) -> [Problem] {
        guard stretches.first(where: { $0.range.contains(day) })?.status.isRunning == true,
            let policy = policy(on: day, stretches: stretches, policies: policies, units: units)
        else { return [] }
        guard current < policy.minimum else { return [] }
        return [
            Problem(
                .belowMinimum, field,
                ["date": day.description, "current": String(current), "minimum": String(policy.minimum)])
        ]
    }

    /// The policy of the nearest ancestor that has one on the day.
    package static func policy(
        on day: LocalDate, stretches: [TeamStretch], policies: [CapacityPolicy], units: UnitIndex
    )
        -> CapacityPolicy?
    {
        guard let place = stretches.first(where: { $0.range.contains(day) })?.place else { return nil }
        let inForce = policies.filter { $0.range.contains(day) }
        return nearest(to: place.commune, on: day, policies: inForce, units: units)
    }

    private static func nearest(
        to commune: UnitRank, on day: LocalDate, policies: [CapacityPolicy], units: UnitIndex
    ) -> CapacityPolicy? {
        for unit in units.jurisdictions(of: commune, on: day) {
            if let found = policies.first(where: { $0.unit == units[unit].id }) { return found }
        }
        return nil
    }

    /// The communes whose teams of a level should have so many members on a day, by that number.
    package static func minimums(
        of level: TeamLevel, on day: LocalDate, policies: [CapacityPolicy], units: UnitIndex
    ) -> [Int: [UnitRank]] {
        let inForce = policies.filter { $0.level == level && $0.range.contains(day) }
        guard inForce.contains(where: { $0.minimum > 0 }) else { return [:] }
        // Teams of communes that have ended without a successor are still there.
        let communes =
            units.descendants(of: UnitIndex.nation, at: .commune, on: day)
            + units.lostCommunes(under: UnitIndex.nation, on: day)
        return Dictionary(grouping: communes) {
            nearest(to: $0, on: day, policies: inForce, units: units)?.minimum ?? 0
        }.filter { $0.key > 0 }
    }
}
