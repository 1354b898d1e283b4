import ServiceKit

/// Status of a team, as the Registry tells it.
package enum TeamStatus: Int, Sendable, Hashable {
    case planned = 1
    case active = 2
    case suspended = 3
    case merged = 4
    case dissolved = 5

    package var label: String {
        switch self {
        case .planned: "PLANNED"
        case .active: "ACTIVE"
        case .suspended: "SUSPENDED"
        case .merged: "MERGED"
        case .dissolved: "DISSOLVED"
        }
    }
}

package struct StatusPeriod: Sendable, Hashable {
    package var status: TeamStatus
    package var days: DateRange
    package init(_ status: TeamStatus, _ days: DateRange) {
        self.status = status
        self.days = days
    }
}

/// A stretch of time in a unit.
package struct Placement: Sendable, Hashable {
    /// `units/{id}`.
    package var unit: String
    package var days: DateRange
    /// The unit's name, for people to read; empty where nobody reads it.
    package var unitName: String
    package init(unit: String, days: DateRange, unitName: String = "") {
        self.unit = unit
        self.days = days
        self.unitName = unitName
    }
}

/// A team with its whole history, as far as money depends on it.
package struct TeamFacts: Sendable, Hashable {
    /// `teams/{id}`.
    package var id: String
    package var level: TeamLevel
    package var displayName: String
    package var statuses: [StatusPeriod]
    package var placements: [Placement]
    /// The establishing decision; nil: none recorded.
    package var decision: LegalDocument?

    package init(
        id: String, level: TeamLevel, displayName: String = "", statuses: [StatusPeriod], placements: [Placement] = [],
        decision: LegalDocument?
    ) {
        self.id = id
        self.level = level
        self.displayName = displayName
        self.statuses = statuses
        self.placements = placements
        self.decision = decision
    }
}

/// What one policy's territory and lists say of one team.
package struct Coverage: Sendable, Hashable {
    /// Days on which the team's place lay in the territory.
    package var territory: [DateRange]
    /// Days on which the team was on an enrolment list of the policy; not asked where the policy needs none.
    package var enrolment: [DateRange]

    package init(territory: [DateRange] = [.always], enrolment: [DateRange] = []) {
        self.territory = territory
        self.enrolment = enrolment
    }
}

/// A team together with what every policy of a computation says of it.
package struct TeamCase: Sendable {
    package var facts: TeamFacts
    /// One per policy of the computation; nil: the policy does not ask about this team at all.
    package var coverage: [Coverage?]
    /// Days on which another active team of the same level sat on the same unit.
    package var sharedUnit: [DateRange]
    /// What became of its reports; read only where a policy asks for it.
    package var reports: TeamReports

    package init(
        facts: TeamFacts, coverage: [Coverage?], sharedUnit: [DateRange] = [], reports: TeamReports = TeamReports()
    ) {
        self.facts = facts
        self.coverage = coverage
        self.sharedUnit = sharedUnit
        self.reports = reports
    }
}

/// A person's time in one team.
package struct Stay: Sendable, Hashable {
    package var team: String
    package var days: DateRange
    /// `teams/{id}/memberships/{id}`.
    package var membership: String
    package init(team: String, days: DateRange, membership: String = "") {
        self.team = team
        self.days = days
        self.membership = membership
    }
}

/// A person with every stay, in whatever team.
package struct PersonCase: Sendable {
    /// `people/{id}`.
    package var id: String
    package var stays: [Stay]
    package init(id: String, stays: [Stay]) {
        self.id = id
        self.stays = stays
    }
}
