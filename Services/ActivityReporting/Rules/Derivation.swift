import ServiceKit

/// A stretch of a person's membership in a team.
package struct MembershipStretch: Sendable, Hashable {
    package var person: String
    package var days: DateRange

    package init(person: String, days: DateRange) {
        self.person = person
        self.days = days
    }
}

/// What one subject of a team owes for a period.
package struct OwedReport: Sendable, Hashable {
    /// `people/{id}`, or empty when the team as a whole reports.
    package var person: String
    package var activeDays: Int

    package init(person: String, activeDays: Int) {
        self.person = person
        self.activeDays = activeDays
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
                return count >= least ? OwedReport(person: person, activeDays: count) : nil
            }.sorted { $0.person < $1.person }
        }
    }
}
