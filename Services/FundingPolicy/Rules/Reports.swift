import ServiceKit

/// How far one period's report has come.
package enum ReportStanding: Int, Sendable, Hashable {
    /// Owed, and nothing came.
    case owed = 1
    case received = 2
    case approved = 3
    case accepted = 4
    /// Excused or waived: nothing is owed.
    case setAside = 5

    package func satisfies(_ condition: ReportCondition) -> Bool {
        switch condition {
        case .none: true
        case .received: self != .owed
        case .approved: self == .approved || self == .accepted || self == .setAside
        case .accepted: self == .accepted || self == .setAside
        }
    }

    package var label: String {
        switch self {
        case .owed: "OWED"
        case .received: "RECEIVED"
        case .approved: "APPROVED"
        case .accepted: "ACCEPTED"
        case .setAside: "SET_ASIDE"
        }
    }
}

/// One team's reports, as far as money depends on them.
package struct TeamReports: Sendable, Hashable {
    package struct Report: Sendable, Hashable {
        package var month: Month
        /// nil: the team as a whole reports.
        package var person: String?
        package var standing: ReportStanding

        package init(month: Month, person: String? = nil, standing: ReportStanding) {
            self.month = month
            self.person = person
            self.standing = standing
        }
    }

    package var reports: [Report]

    package init(_ reports: [Report] = []) { self.reports = reports }

    /// The reports on which a month of the team, or of one of its members, depends: the person's own or, where the team
    /// reports as a whole, the team's; of the team its own or, where its members report one by one, all of theirs.
    package func deciding(_ month: Month, person: String?) -> [Report] {
        let all = reports.filter { $0.month == month }
        if let person {
            let own = all.filter { $0.person == person }
            return own.isEmpty ? all.filter { $0.person == nil } : own
        }
        let whole = all.filter { $0.person == nil }
        return whole.isEmpty ? all : whole
    }

    /// "Paid only when its report was approved": a month that owes no report is paid without.
    package func satisfy(_ condition: ReportCondition, month: Month, person: String?) -> Bool {
        condition == .none || deciding(month, person: person).allSatisfy { $0.standing.satisfies(condition) }
    }
}
