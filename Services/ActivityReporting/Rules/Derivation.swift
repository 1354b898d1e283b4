import ServiceKit

/// The groups a member belongs to, as the Registry tells of them.
package struct MemberGroups: Sendable, Hashable {
    /// Raw value of the contract's `Occupation`; 0: not known.
    package var occupation: Int
    /// Ordered, each once.
    package var organisations: [String]

    package static let none = MemberGroups(occupation: 0, organisations: [])

    package init(occupation: Int, organisations: [String]) {
        self.occupation = occupation
        self.organisations = Set(organisations.map { $0.replacing("\n", with: " ") }).subtracting([""]).sorted()
    }

    /// The organisations as stored.
    package var text: String { organisations.joined(separator: "\n") }

    package init(occupation: Int, text: String) {
        self.occupation = occupation
        organisations = text.split(separator: "\n").map(String.init)
    }
}

/// A stretch of a person's membership in a team.
package struct MembershipStretch: Sendable, Hashable {
    package var person: String
    package var days: DateRange
    package var groups: MemberGroups

    package init(person: String, days: DateRange, groups: MemberGroups = .none) {
        self.person = person
        self.days = days
        self.groups = groups
    }
}

/// What one subject of a team owes for a period.
package struct OwedReport: Sendable, Hashable {
    /// `people/{id}`, or empty when the team as a whole reports.
    package var person: String
    package var activeDays: Int
    /// Those of the member; of a team as a whole none.
    package var groups: MemberGroups

    package init(person: String, activeDays: Int, groups: MemberGroups = .none) {
        self.person = person
        self.activeDays = activeDays
        self.groups = groups
    }
}

extension ReportingRules {
    /// Who of a team owes a report for a period: "a member active any day of the month owes a report; minimum days
    /// configurable"; "days count while team and membership are both active". Ordered by person.
    ///
    /// - Parameter teamActive: the days on which the team is ACTIVE.
    package func owed(
        by level: TeamLevel, in days: DateRange, teamActive: [DateRange], memberships: [MembershipStretch]
    ) -> [OwedReport] {
        let active = DateRange.union(teamActive.compactMap { $0.intersection(days) })
        guard !active.isEmpty else { return [] }
        let least = max(1, minimumDays)
        switch subject(of: level) {
        case .team:
            let count = active.reduce(0) { $0 + ($1.dayCount ?? 0) }
            return count >= least ? [OwedReport(person: "", activeDays: count)] : []
        case .member:
            return Dictionary(grouping: memberships, by: \.person).compactMap { person, stretches in
                let present = active.flatMap { range in stretches.compactMap { $0.days.intersection(range) } }
                let count = DateRange.unionDayCount(present) ?? 0
                guard count >= least else { return nil }
                // Of several stretches the last in the period says what the person is.
                let last = stretches.filter { $0.days.overlaps(days) }
                    .max { $0.days.from ?? .distantPast < $1.days.from ?? .distantPast }
                return OwedReport(person: person, activeDays: count, groups: last?.groups ?? .none)
            }.sorted { $0.person < $1.person }
        }
    }
}
