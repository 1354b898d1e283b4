import ServiceKit

/// Resource names of the contract.
enum Names {
    static func name(_ collection: String, _ id: String) -> String { id.isEmpty ? "" : "\(collection)/\(id)" }
}

/// Names one subject and period: the key of an obligation and of its report.
package struct ObligationKey: Sendable, Hashable {
    package var period: Month
    package var team: String
    /// Empty when the team as a whole reports.
    package var person: String

    package init(period: Month, team: String, person: String) {
        self.period = period
        self.team = team
        self.person = person
    }

    /// `{period}.{team id}` or `{period}.{team id}.{person id}`.
    package var id: String { person.isEmpty ? "\(period).\(team)" : "\(period).\(team).\(person)" }

    package init?(id: String) {
        let parts = id.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 || parts.count == 3, let period = Month(parts[0]), parts.allSatisfy({ !$0.isEmpty })
        else {
            return nil
        }
        self.init(period: period, team: parts[1], person: parts.count == 3 ? parts[2] : "")
    }

    init?(name: String, in collection: String) {
        guard let id = ResourceName.id(name, in: collection) else { return nil }
        self.init(id: id)
    }

    var obligation: String { "obligations/\(id)" }
    var report: String { "reports/\(id)" }
}
