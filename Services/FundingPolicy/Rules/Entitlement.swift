import ServiceKit

/// Computes entitlement lines from facts. Pure: same policies and facts, same lines.
package struct EntitlementRules: Sendable {
    /// Changes when a rule changes, so that old and new results never pass for runs over the same inputs.
    package static let version = "funding-rules/2"

    package let policies: [Policy]
    /// Replaces every policy's own part-month rule, to compare.
    package let ruleOverride: PartMonthRule?

    package init(policies: [Policy], ruleOverride: PartMonthRule? = nil) {
        self.policies = policies
        self.ruleOverride = ruleOverride
    }

    /// The lines booked to one team in the given months, by month, person, policy and component.
    ///
    /// `persons` are those with a stay in the team, each with all of their stays; `teams` holds every team they stay
    /// in. With `includingBookedElsewhere`, a person paid through another team appears with 0 and says which.
    package func lines(
        of team: TeamCase, persons: [PersonCase] = [], teams: [String: TeamCase] = [:], months: ClosedRange<Month>,
        includingClaims: Bool = false, includingBookedElsewhere: Bool = false
    ) throws(Money.Overflow) -> [EntitlementLine] {
        var result: [EntitlementLine] = []
        var ceilings = CeilingUse()
        // Ceilings over a year or a life are used up from their beginning, not from the first month asked for.
        var month = min(months.lowerBound, ceilingHorizon(before: months.lowerBound))
        while month <= months.upperBound {
            var lines = try uncutLines(
                of: team, persons: persons, teams: teams, month: month, includingClaims: includingClaims
            ).filter { $0.team == team.facts.id || includingBookedElsewhere }
            for index in lines.indices {
                if lines[index].team == team.facts.id {
                    try ceilings.apply(to: &lines[index], policies: policies)
                } else {
                    lines[index].amount = 0
                }
            }
            if month >= months.lowerBound { result += lines }
            month = month.next
        }
        return result
    }

    /// The lines of a team and its persons in one month before ceilings, by person, policy and component.
    func uncutLines(
        of team: TeamCase, persons: [PersonCase], teams: [String: TeamCase], month: Month,
        includingClaims: Bool = false
    ) throws(Money.Overflow) -> [EntitlementLine] {
        var lines = try teamLines(of: team, month: month, includingClaims: includingClaims)
        for person in persons { lines += try memberLines(of: person, teams: teams, month: month) }
        lines.sort {
            ($0.person ?? "", policies[$0.policy].name, $0.componentID(in: policies)) < (
                $1.person ?? "", policies[$1.policy].name, $1.componentID(in: policies)
            )
        }
        return lines
    }

    /// Lines of the team itself: "floor(rate × weight) per team and month".
    private func teamLines(of team: TeamCase, month: Month, includingClaims: Bool) throws(Money.Overflow)
        -> [EntitlementLine]
    {
        var lines: [EntitlementLine] = []
        // By position: a policy holds much, and to copy it for every team costs more than its rules.
        for index in policies.indices {
            guard let coverage = team.coverage[index] else { continue }
            let wanted = policies[index].components.indices.filter {
                let kind = policies[index].components[$0].kind
                return kind == .ratePerTeamMonth || includingClaims && !kind.isMonthly
            }
            guard !wanted.isEmpty else { continue }
            let conditions = ConditionDays(
                policy: policies[index], team: team.facts, coverage: coverage, month: month)
            for component in wanted {
                lines.append(
                    try line(
                        policy: index, component: component, month: month, team: team, person: nil,
                        conditions: conditions, days: conditions.days, contributions: []))
            }
        }
        stack(&lines)
        return lines
    }

    /// Lines of one person, over all their teams: "the person is paid once per month, booked to the team with most
    /// days, tie: the lower team id".
    package func memberLines(of person: PersonCase, teams: [String: TeamCase], month: Month) throws(Money.Overflow)
        -> [EntitlementLine]
    {
        var lines: [EntitlementLine] = []
        for index in policies.indices {
            let wanted = policies[index].components.indices.filter {
                policies[index].components[$0].kind == .ratePerMemberMonth
            }
            guard !wanted.isEmpty, let standing = standing(of: person, teams: teams, policy: index, month: month) else {
                continue
            }
            for component in wanted {
                lines.append(
                    try line(
                        policy: index, component: component, month: month, team: standing.team, person: person.id,
                        conditions: standing.conditions, days: standing.days, contributions: standing.contributions))
            }
        }
        stack(&lines)
        return lines
    }

    private struct Standing {
        var team: TeamCase
        var conditions: ConditionDays
        var days: MonthDays
        var contributions: [TeamDays]
    }

    /// A person's days under one policy; nil without a day of membership in any team the policy asks about.
    private func standing(of person: PersonCase, teams: [String: TeamCase], policy index: Int, month: Month)
        -> Standing?
    {
        var memberDays: [String: MonthDays] = [:]
        for stay in person.stays {
            memberDays[stay.team, default: .none(month)].insert(stay.days)
        }
        var conditions = ConditionDays(none: month)
        var union = MonthDays.none(month)
        var best: (case: TeamCase, days: MonthDays, stay: MonthDays)?
        var contributions: [TeamDays] = []
        for (id, stay) in memberDays.sorted(by: { $0.key < $1.key }) where !stay.isEmpty {
            guard let team = teams[id], let coverage = team.coverage[index] else { continue }
            var own = ConditionDays(policy: policies[index], team: team.facts, coverage: coverage, month: month)
            own.active = own.active.intersection(stay)
            let days = own.days
            conditions.formUnion(own)
            union = union.union(days)
            contributions.append(TeamDays(team: id, days: days))
            // Ascending ids, so that only more days replace the team found first. Without any active day, the longest
            // stay.
            if let current = best, (days.count, stay.count) <= (current.days.count, current.stay.count) { continue }
            best = (team, days, stay)
        }
        guard let best else { return nil }
        return Standing(
            team: best.case, conditions: conditions, days: union,
            contributions: contributions.count > 1 ? contributions : [])
    }

    private func line(
        policy index: Int, component: Int, month: Month, team: TeamCase, person: String?, conditions: ConditionDays,
        days: MonthDays, contributions: [TeamDays]
    ) throws(Money.Overflow) -> EntitlementLine {
        let rule = ruleOverride ?? policies[index].partMonthRule
        let monthly = policies[index].components[component].kind.isMonthly
        let gross =
            monthly
            ? try rule.amount(
                rate: policies[index].components[component].rate, days: days, step: policies[index].roundingStep) : 0
        // A day is enough to claim an expense of that day; a month is paid by its weight.
        let nothing = monthly ? rule.weight(days).isZero : days.isEmpty
        var reasons: RefusalReasons = nothing ? conditions.reasonsForNothing(under: monthly ? rule : .anyDay) : []
        var amount = gross
        if gross > 0, !team.reports.satisfy(policies[index].reportCondition, month: month, person: person) {
            amount = 0
            reasons.insert(.reportNotApproved)
        }
        return EntitlementLine(
            month: month, team: team.facts.id, level: team.facts.level, person: person, policy: index,
            component: component, rule: rule, conditions: conditions, days: days, gross: gross, amount: amount,
            reasons: reasons, yieldsTo: nil,
            contributions: contributions,
            needsConsolidation: !MonthDays(month, in: team.sharedUnit).intersection(days).isEmpty)
    }

    /// "When several policies give the same beneficiary something for one month and any of them is not stackable, only
    /// the one valid from the later date pays (then the lower id); the others give 0, NOT_STACKABLE." The lines are of
    /// one beneficiary and month. What a policy gives is counted before ceilings: those only cut afterwards.
    private func stack(_ lines: inout [EntitlementLine]) {
        guard lines.count > 1 else { return }
        let giving = Set(lines.filter { $0.amount > 0 }.map(\.policy))
        guard giving.count > 1, giving.contains(where: { !policies[$0].stackable }) else { return }
        let winner = giving.max { a, b in
            let (first, second) = (policies[a], policies[b])
            let (firstDay, secondDay) = (first.validity.from ?? .distantPast, second.validity.from ?? .distantPast)
            return firstDay != secondDay ? firstDay < secondDay : first.name > second.name
        }
        for index in lines.indices where lines[index].amount > 0 && lines[index].policy != winner {
            lines[index].amount = 0
            lines[index].yieldsTo = winner
            lines[index].reasons.insert(.notStackable)
        }
    }

    private func ceilingHorizon(before month: Month) -> Month {
        var horizon = month
        for policy in policies where !policy.monthlyComponents.isEmpty {
            for cap in policy.caps {
                switch cap.kind {
                case .teamYear: horizon = min(horizon, Month(index: Int32(month.year * 12)))
                case .teamLife: horizon = min(horizon, policy.validity.from?.calendarMonth ?? month)
                case .memberMonth, .memberDay, .budgetYear: break
                }
            }
        }
        return horizon
    }
}

extension EntitlementLine {
    func componentID(in policies: [Policy]) -> String { policies[policy].components[component].id }
}
