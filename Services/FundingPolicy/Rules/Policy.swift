import ServiceKit

/// Level of a team.
package enum TeamLevel: Int, Sendable, Hashable, CaseIterable, Comparable {
    case commune = 1
    case hamlet = 2

    package static func < (a: TeamLevel, b: TeamLevel) -> Bool { a.rawValue < b.rawValue }
    package var label: String { self == .commune ? "COMMUNE" : "HAMLET" }
}

package enum Beneficiary: Int, Sendable, Hashable {
    case team = 1
    case member = 2
}
package enum BudgetSource: Int, Sendable, Hashable {
    case state = 1
    case socialised = 2
}
package enum PolicyState: Int, Sendable, Hashable {
    case draft = 1
    case active = 2
}

/// A legal document, as far as the rules need it.
package struct LegalDocument: Sendable, Hashable {
    package var number: String
    package var title: String
    package var issuer: String
    package var issuedOn: LocalDate?
    package var effective: DateRange

    package init(
        number: String, title: String = "", issuer: String = "", issuedOn: LocalDate? = nil,
        effective: DateRange = .always
    ) {
        self.number = number
        self.title = title
        self.issuer = issuer
        self.issuedOn = issuedOn
        self.effective = effective
    }

    /// The days it is in force: from its date of issue on where no first day is given.
    package var inForce: DateRange { DateRange(from: effective.from ?? issuedOn, to: effective.to) }
}

package enum ComponentKind: Int, Sendable, Hashable, CaseIterable {
    case ratePerTeamMonth = 1
    case ratePerMemberMonth = 2
    case ratePerMemberDay = 3
    case actualExpense = 4

    /// Paid month by month without anybody claiming it.
    package var isMonthly: Bool { self == .ratePerTeamMonth || self == .ratePerMemberMonth }
    package var label: String {
        switch self {
        case .ratePerTeamMonth: "RATE_PER_TEAM_MONTH"
        case .ratePerMemberMonth: "RATE_PER_MEMBER_MONTH"
        case .ratePerMemberDay: "RATE_PER_MEMBER_DAY"
        case .actualExpense: "ACTUAL_EXPENSE"
        }
    }
}

/// One amount that a policy grants.
package struct Component: Sendable, Hashable {
    package var id: String
    package var kind: ComponentKind
    package var rate: Int64
    package var clause: String
    package var description: String
    package var descriptionVi: String

    package init(
        id: String, kind: ComponentKind, rate: Int64, clause: String = "", description: String = "",
        descriptionVi: String = ""
    ) {
        self.id = id
        self.kind = kind
        self.rate = rate
        self.clause = clause
        self.description = description
        self.descriptionVi = descriptionVi
    }
}

package enum CapKind: Int, Sendable, Hashable, CaseIterable {
    case teamYear = 1
    case teamLife = 2
    case memberMonth = 3
    case memberDay = 4
    /// Over all that the policy pays in a calendar year: it cuts a run as a whole, not a team.
    case budgetYear = 5
}

/// What must have become of a month's report before the month is paid.
package enum ReportCondition: Int, Sendable, Hashable, Comparable {
    case none = 0
    case received = 1
    case approved = 2
    case accepted = 3

    package static func < (a: ReportCondition, b: ReportCondition) -> Bool { a.rawValue < b.rawValue }
}

package enum CapProration: Int, Sendable, Hashable, CaseIterable {
    case none = 1
    case daily = 2
    case monthlyAny = 3
    case monthlyFull = 4
}

/// One ceiling: "ceilings on approved expenses or components, not grants".
package struct Cap: Sendable, Hashable {
    package var kind: CapKind
    package var amount: Int64
    package var proration: CapProration
    /// Keys of the components it cuts; empty: all.
    package var components: [String]
    package var clause: String

    package init(
        kind: CapKind, amount: Int64, proration: CapProration = .none, components: [String] = [], clause: String = ""
    ) {
        self.kind = kind
        self.amount = amount
        self.proration = proration
        self.components = components
        self.clause = clause
    }

    package func cuts(_ component: String) -> Bool { components.isEmpty || components.contains(component) }
}

/// One version of a policy, as the rules see it.
package struct Policy: Sendable, Hashable {
    /// `policies/{id}`.
    package var name: String
    package var version: Int
    package var state: PolicyState
    package var title: String
    package var titleVi: String
    /// National code of the unit that enacted it, read on `territoryDate`; empty when the unit is given.
    package var jurisdictionCode: String
    /// `units/{id}`; empty until resolved.
    package var jurisdictionUnit: String
    package var document: LegalDocument?
    package var validity: DateRange
    package var beneficiary: Beneficiary
    package var levels: Set<TeamLevel>
    package var components: [Component]
    package var caps: [Cap]
    package var partMonthRule: PartMonthRule
    package var roundingStep: Int64
    package var requiresEnrolment: Bool
    package var budgetSource: BudgetSource
    package var stackable: Bool
    package var sourceNote: String
    package var reportCondition: ReportCondition

    package init(
        name: String, version: Int = 1, state: PolicyState = .active, title: String = "", titleVi: String = "",
        jurisdictionCode: String = "", jurisdictionUnit: String = "", document: LegalDocument? = nil,
        validity: DateRange, beneficiary: Beneficiary, levels: Set<TeamLevel>, components: [Component],
        caps: [Cap] = [], partMonthRule: PartMonthRule = .standard, roundingStep: Int64 = 1,
        requiresEnrolment: Bool = false, budgetSource: BudgetSource = .state, stackable: Bool = false,
        sourceNote: String = "", reportCondition: ReportCondition = .none
    ) {
        self.name = name
        self.version = version
        self.state = state
        self.title = title
        self.titleVi = titleVi
        self.jurisdictionCode = jurisdictionCode
        self.jurisdictionUnit = jurisdictionUnit
        self.document = document
        self.validity = validity
        self.beneficiary = beneficiary
        self.levels = levels
        self.components = components
        self.caps = caps
        self.partMonthRule = partMonthRule
        self.roundingStep = roundingStep
        self.requiresEnrolment = requiresEnrolment
        self.budgetSource = budgetSource
        self.stackable = stackable
        self.sourceNote = sourceNote
        self.reportCondition = reportCondition
    }

    /// "The territory is the jurisdiction's on the date of the legal document; without one, on the first day of
    /// validity."
    package var territoryDate: LocalDate? { document?.issuedOn ?? validity.from }

    package var monthlyComponents: [Component] { components.filter(\.kind.isMonthly) }

    /// All that it pays in a year has a ceiling, so that what one team is due depends on all others.
    package var hasBudgetCeiling: Bool { caps.contains { $0.kind == .budgetYear } }

    package func hasBudgetCeiling(on component: String) -> Bool {
        caps.contains { $0.kind == .budgetYear && $0.cuts(component) }
    }

    package func isInForce(in month: Month) -> Bool { validity.overlaps(month.days) }
}
