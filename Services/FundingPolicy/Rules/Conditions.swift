import ServiceKit

/// The days of one month on which each condition of a policy holds for one beneficiary.
///
/// "Active days of a month: policy in force, and team ACTIVE (not PLANNED, not SUSPENDED) with an establishing decision
/// in force, and unit, level and enrolment list covered, and (MEMBER) the membership; both ends count."
package struct ConditionDays: Sendable, Hashable {
    package var inForce: MonthDays
    package var levelCovered: MonthDays
    package var established: MonthDays
    package var enrolled: MonthDays
    package var inTerritory: MonthDays
    /// The team is ACTIVE and, for a member, the membership runs.
    package var active: MonthDays

    /// No condition holds on any day.
    package init(none month: Month) {
        inForce = .none(month)
        levelCovered = .none(month)
        established = .none(month)
        enrolled = .none(month)
        inTerritory = .none(month)
        active = .none(month)
    }

    /// Borrows what it is told, of which there is much: to copy it for every team costs more than the conditions.
    package init(policy: borrowing Policy, team: borrowing TeamFacts, coverage: borrowing Coverage, month: Month) {
        inForce = MonthDays(month, in: CollectionOfOne(policy.validity))
        levelCovered = policy.levels.contains(team.level) ? .all(month) : .none(month)
        established = team.decision.map { MonthDays(month, in: CollectionOfOne($0.inForce)) } ?? .none(month)
        enrolled = policy.requiresEnrolment ? MonthDays(month, in: coverage.enrolment) : .all(month)
        inTerritory = MonthDays(month, in: coverage.territory)
        active = MonthDays(month, in: team.statuses.lazy.filter { $0.status == .active }.map(\.days))
    }

    /// The days on which all of them hold.
    package var days: MonthDays {
        inForce.intersection(levelCovered).intersection(established).intersection(enrolled).intersection(inTerritory)
            .intersection(active)
    }

    /// Either side's days, condition by condition.
    package mutating func formUnion(_ other: ConditionDays) {
        inForce = inForce.union(other.inForce)
        levelCovered = levelCovered.union(other.levelCovered)
        established = established.union(other.established)
        enrolled = enrolled.union(other.enrolled)
        inTerritory = inTerritory.union(other.inTerritory)
        active = active.union(other.active)
    }

    /// In the order in which reasons are returned.
    package var byReason: [(reason: RefusalReason, days: MonthDays)] {
        [
            (.outOfPeriod, inForce), (.levelNotCovered, levelCovered), (.notEstablished, established),
            (.notEnrolled, enrolled), (.outOfTerritory, inTerritory), (.notActive, active),
        ]
    }

    /// Why a month weighs nothing: every condition whose own days already weigh nothing under the rule; where only
    /// their overlap is too short, every condition that does not hold on the whole month.
    package func reasonsForNothing(under rule: PartMonthRule) -> RefusalReasons {
        var decisive: RefusalReasons = []
        var partial: RefusalReasons = []
        for (reason, days) in byReason {
            if rule.weight(days).isZero { decisive.insert(reason) }
            if !days.isWhole { partial.insert(reason) }
        }
        return decisive.isEmpty ? partial : decisive
    }
}
