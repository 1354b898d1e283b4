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

/// How much of each ceiling of one team is used up, in the order in which lines are recorded.
package struct CeilingUse: Sendable {
    private struct Key: Hashable {
        var policy: String
        var cap: Int
        /// Calendar year of TEAM_YEAR, 0 for TEAM_LIFE.
        var year: Int
        var month: Month?
        var person: String?
    }
    private var used: [Key: Int64] = [:]

    package init() {}

    /// Cuts the line to the smallest ceiling left, and uses the ceilings up by what it is paid.
    mutating func apply(to line: inout EntitlementLine, policy: Policy) throws(Money.Overflow) {
        guard line.amount > 0, !policy.caps.isEmpty else { return }
        let component = policy.components[line.component]
        var keys: [Key] = []
        var left = line.amount
        for (index, cap) in policy.caps.enumerated() where cap.cuts(component.id) {
            let key: Key
            switch cap.kind {
            case .teamYear: key = Key(policy: policy.name, cap: index, year: line.month.year)
            case .teamLife: key = Key(policy: policy.name, cap: index, year: 0)
            case .memberMonth:
                guard let person = line.person else { continue }
                key = Key(policy: policy.name, cap: index, year: 0, month: line.month, person: person)
            case .memberDay: continue
            }
            keys.append(key)
            let ceiling = try cap.ceiling(in: line.month.year, validity: policy.validity)
            left = min(left, max(0, ceiling - used[key, default: 0]))
        }
        for key in keys { used[key] = try Money.add(used[key, default: 0], left) }
        if left < line.amount {
            line.amount = left
            line.reasons.insert(.cap)
        }
    }
}
