import ServiceKit

/// What one component of one policy gives one beneficiary for one month.
package struct EntitlementLine: Sendable, Hashable {
    package var month: Month
    /// Team it is booked to, `teams/{id}`.
    package var team: String
    package var level: TeamLevel
    /// `people/{id}`; nil when the team is the beneficiary.
    package var person: String?
    /// Position of the policy in the computation.
    package var policy: Int
    /// Position of the component in the policy.
    package var component: Int
    package var rule: PartMonthRule
    package var conditions: ConditionDays
    /// Active days; of a person, the union over all covered teams.
    package var days: MonthDays
    /// rate × weight, before other policies and ceilings.
    package var gross: Int64
    /// Due.
    package var amount: Int64
    package var reasons: RefusalReasons
    /// The policy that pays instead, for NOT_STACKABLE.
    package var yieldsTo: Int?
    /// A person's active days in each covered team, where there are several; the line is booked to the longest.
    package var contributions: [TeamDays]
    package var needsConsolidation: Bool
    /// What the books hold for it, of a line that is to be recorded.
    package var postedBefore: Int64 = 0
    /// Nothing is due, and only the books know the line.
    package var isOnlyRecorded = false
    /// The books say that a ceiling has cut it.
    package var wasCut = false

    /// Whether the books are to learn of it: another amount, or a cut that they do not know yet.
    package var isToPost: Bool { amount != postedBefore || reasons.contains(.cap) && !wasCut }
}

/// How many active days a person has in one team.
package struct TeamDays: Sendable, Hashable {
    package var team: String
    package var days: MonthDays
}
