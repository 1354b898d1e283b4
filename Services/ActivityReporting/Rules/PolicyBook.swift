import ServiceKit

/// A reporting policy of a unit, in force for a time.
package struct DatedPolicy: Sendable, Hashable {
    package var id: String
    /// `units/{id}`.
    package var jurisdiction: String
    package var validity: DateRange
    package var rules: ReportingRules

    package init(id: String, jurisdiction: String, validity: DateRange, rules: ReportingRules) {
        self.id = id
        self.jurisdiction = jurisdiction
        self.validity = validity
        self.rules = rules
    }
}

/// All reporting policies.
package struct PolicyBook: Sendable {
    private let byJurisdiction: [String: [DatedPolicy]]
    private let startDays: Set<Int>

    package init(_ policies: [DatedPolicy] = []) {
        byJurisdiction = Dictionary(grouping: policies, by: \.jurisdiction)
        startDays = Set(policies.map(\.rules.startDay))
    }

    package var isEmpty: Bool { byJurisdiction.isEmpty }

    /// The policy that governs a period of a team, nil for the default.
    ///
    /// "The policy of the nearest ancestor that has one holds, whole"; "policy and level are those of the period's
    /// first day". The first day depends on the policy's own start day, so each start day in use is tried: a policy
    /// qualifies when it is in force on the first day its period would have, over the unit the team has on that day.
    /// The nearest one wins; of one unit's policies, which both qualify only where the start day changes, the newer.
    ///
    /// - Parameter chain: the units above the team on a date, nearest first.
    package func governing(_ period: Month, chain: (LocalDate) -> [String]) -> DatedPolicy? {
        var best: (depth: Int, policy: DatedPolicy)?
        for startDay in startDays {
            let first = ReportingCalendar.firstDay(of: period, startDay: startDay)
            for (depth, unit) in chain(first).enumerated() {
                if let best, best.depth < depth { break }
                let inForce = byJurisdiction[unit]?.filter {
                    $0.rules.startDay == startDay && $0.validity.contains(first)
                }
                guard let policy = inForce?.max(by: PolicyBook.older) else { continue }
                if let current = best, current.depth == depth, PolicyBook.older(policy, current.policy) { break }
                best = (depth, policy)
                break
            }
        }
        return best?.policy
    }

    private static func older(_ a: DatedPolicy, _ b: DatedPolicy) -> Bool {
        let (x, y) = (a.validity.from ?? .distantPast, b.validity.from ?? .distantPast)
        return x == y ? a.id < b.id : x < y
    }
}
