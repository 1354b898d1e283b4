import ServiceKit
import Shared
import SwiftProtobuf

/// A line as it is sent and stored: by names, without positions in a computation.
package struct LineRecord: Sendable, Hashable {
    package var month: Month
    package var team: String
    package var level: TeamLevel
    package var person: String?
    package var policy: String
    package var policyVersion: Int
    package var component: String
    package var rule: PartMonthRule
    package var amount: Int64
    package var days: MonthDays
    package var reasons: RefusalReasons
    package var needsConsolidation: Bool
    /// The policy that pays instead.
    package var yieldsTo: String?
    /// The team the person's month is booked to, where it is not the team asked about.
    package var bookedTo: String?
    /// What the books held for it when a run was computed.
    package var postedBefore: Int64 = 0
    /// Whether posting the run books it.
    package var isToPost = false

    package init(_ line: EntitlementLine, policies: [Policy]) {
        month = line.month
        team = line.team
        level = line.level
        person = line.person
        // By position: a policy holds much, and to copy it for every line costs more than the line.
        policy = policies[line.policy].name
        policyVersion = policies[line.policy].version
        component = line.componentID(in: policies)
        rule = line.rule
        amount = line.amount
        days = line.days
        reasons = line.reasons
        needsConsolidation = line.needsConsolidation
        yieldsTo = line.yieldsTo.map { policies[$0].name }
        postedBefore = line.postedBefore
        isToPost = line.isToPost
    }

    package init(
        month: Month, team: String, level: TeamLevel, person: String?, policy: String, policyVersion: Int,
        component: String, rule: PartMonthRule, amount: Int64, days: MonthDays, reasons: RefusalReasons,
        needsConsolidation: Bool, yieldsTo: String?
    ) {
        self.month = month
        self.team = team
        self.level = level
        self.person = person
        self.policy = policy
        self.policyVersion = policyVersion
        self.component = component
        self.rule = rule
        self.amount = amount
        self.days = days
        self.reasons = reasons
        self.needsConsolidation = needsConsolidation
        self.yieldsTo = yieldsTo
    }

    /// The line's message, without explanation.
    package func message(_ policy: Policy, teamName: String) -> Cdt_Funding_V1_EntitlementLine {
        let component = policy.components.first { $0.id == self.component }
        let weight = rule.weight(days)
        return .with {
            $0.month = month.description
            $0.team = team
            $0.person = person ?? ""
            $0.policy = self.policy
            $0.policyVersion = Int32(policyVersion)
            $0.component = self.component
            $0.kind = component.flatMap { .init(rawValue: $0.kind.rawValue) } ?? .unspecified
            $0.amountDong = amount
            $0.rateDong = component?.rate ?? 0
            $0.activeDays = Int32(days.count)
            $0.monthDays = Int32(month.length)
            $0.rule = PolicyMessages.message(rule)
            $0.weightNumerator = Int32(weight.numerator)
            $0.weightDenominator = Int32(weight.denominator)
            $0.reasons = reasons.ordered.map { .init(rawValue: $0.rawValue) ?? .unspecified }
            $0.teamLevel = .init(rawValue: level.rawValue) ?? .unspecified
            $0.teamDisplayName = teamName
            $0.needsConsolidation = needsConsolidation
        }
    }
}
