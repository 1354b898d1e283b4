import ServiceKit

extension Cap {
    /// The ceiling of one calendar year: "proration of a cap in a part year", floored to 1 đồng.
    package func ceiling(in year: Int, validity: DateRange) throws(Money.Overflow) -> Int64 {
        guard kind == .teamYear, proration != .none, let january = Month(year: year, month: 1) else { return amount }
        let months = january...january.adding(months: 11)
        switch proration {
        case .none:
            return amount
        case .daily:
            let whole = DateRange(from: january.firstDay, to: months.upperBound.lastDay)
            let inForce = validity.dayCount(in: whole) ?? 0
            return try Money.share(amount, Int64(inForce), of: Int64(whole.dayCount ?? 365))
        case .monthlyAny:
            return try Money.share(amount, Int64(months.count { validity.overlaps($0.days) }), of: 12)
        case .monthlyFull:
            return try Money.share(amount, Int64(months.count { validity.contains($0.days) }), of: 12)
        }
    }
}

/// How much of each ceiling is used up, of one team or of a whole budget, in the order in which lines are recorded.
package struct CeilingUse: Sendable {
    package enum Scope: Sendable {
        /// Ceilings of one team and its members.
        case team
        /// Ceilings over all that a policy pays.
        case budgets
        /// Both, for one team's claims.
        case all
    }

    /// A ceiling stays the same one through the versions of a policy that cut the same components by it.
    private struct Key: Hashable {
        var policy: String
        var kind: CapKind
        var components: [String]
        /// Calendar year of TEAM_YEAR, 0 for TEAM_LIFE.
        var year: Int
        var month: Month?
        var person: String?
    }
    private var used: [Key: Int64] = [:]
    private let scope: Scope

    package init(of scope: Scope = .team) { self.scope = scope }

    /// What one team has used of its own ceilings, and all teams of those over the budget.
    init(team: CeilingUse, budgets: CeilingUse) {
        scope = .all
        used = team.used.merging(budgets.used) { max($0, $1) }
    }

    private func key(_ cap: Cap, _ policy: Policy, _ month: Month, person: String?) -> Key? {
        guard scope == .all || (cap.kind == .budgetYear) == (scope == .budgets) else { return nil }
        let components = cap.components.sorted()
        switch cap.kind {
        case .teamYear, .budgetYear:
            return Key(policy: policy.name, kind: cap.kind, components: components, year: month.year)
        case .teamLife:
            return Key(policy: policy.name, kind: cap.kind, components: components, year: 0)
        case .memberMonth:
            guard let person else { return nil }
            return Key(
                policy: policy.name, kind: cap.kind, components: components, year: 0, month: month, person: person)
        // A worked day's ceiling is the claims' business.
        case .memberDay: return nil
        }
    }

    /// Takes what the ceilings leave of an amount, and uses them up by it.
    package mutating func take(
        _ amount: Int64, component: String, month: Month, person: String?, policy: Policy
    ) throws(Money.Overflow) -> Int64 {
        var keys: [Key] = []
        var left = amount
        for cap in policy.caps where cap.cuts(component) {
            guard let own = key(cap, policy, month, person: person) else { continue }
            keys.append(own)
            let ceiling = try cap.ceiling(in: month.year, validity: policy.validity)
            left = min(left, max(0, ceiling - used[own, default: 0]))
        }
        for key in keys { used[key] = try Money.add(used[key, default: 0], left) }
        return left
    }

    /// Uses the ceilings up by something that was recorded and is not decided again.
    package mutating func use(_ line: RecordedLine, policies: [Policy]) throws(Money.Overflow) {
        var keys: Set<Key> = []
        for policy in policies where policy.name == line.policy {
            for cap in policy.caps where cap.cuts(line.component) {
                if let own = key(cap, policy, line.month, person: line.person) { keys.insert(own) }
            }
        }
        for key in keys { used[key] = try Money.add(used[key, default: 0], line.due) }
    }

    /// What one ceiling of a policy has been used up by.
    package func used(_ cap: Cap, policy: Policy, year: Int) -> Int64 {
        guard let month = Month(year: year, month: 1), let own = key(cap, policy, month, person: nil) else {
            return 0
        }
        return used[own, default: 0]
    }

    /// Cuts the line to the smallest ceiling left, and uses the ceilings up by what it is paid.
    mutating func apply(to line: inout EntitlementLine, policies: [Policy], limit: Int64? = nil)
        throws(Money.Overflow)
    {
        guard line.amount > 0, !policies[line.policy].caps.isEmpty else { return }
        let policy = policies[line.policy]
        let left = try take(
            min(line.amount, limit ?? line.amount), component: policy.components[line.component].id, month: line.month,
            person: line.person, policy: policy)
        if left < line.amount {
            line.amount = left
            line.reasons.insert(.cap)
        }
    }
}
