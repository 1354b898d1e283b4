import ServiceKit

/// Resource names of the contract, and the ids in them.
enum Names {
    /// The id at the end of a resource name.
    static func id(_ name: String) -> String {
        guard let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) else { return name }
        return String(name[name.utf8.index(after: slash)...])
    }

    /// The id of a name of the given collection, nil when it is not one.
    static func id(_ name: String, in collection: String) -> String? {
        guard name.utf8.count > collection.utf8.count + 1, name.hasPrefix(collection + "/") else { return nil }
        let id = name.dropFirst(collection.count + 1)
        return id.utf8.count <= 128 && !id.utf8.contains(UInt8(ascii: "/")) ? String(id) : nil
    }

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
        guard let id = Names.id(name, in: collection) else { return nil }
        self.init(id: id)
    }

    var obligation: String { "obligations/\(id)" }
    var report: String { "reports/\(id)" }
}
