import ServiceKit

extension ObligationQuery {
    /// What a caller must be allowed who asks for these.
    var need: AccessNeed {
        team.map { .team([.read], $0, period.lastDay) } ?? .unit(.read, unit, treeDate, of: period.lastDay)
    }

    mutating func turn(to page: PageTokens.Page) {
        limit = page.size
        if let position = page.position, position.count == 3 {
            after = Cursor(place: Int(position[0]) ?? 0, team: position[1], person: position[2])
        }
    }
}

extension ObligationQuery.Cursor {
    /// As a page token keeps it.
    var position: [String] { ["\(place)", team, person] }
}

extension Violations {
    /// Values to list by: each one that a resource can have.
    mutating func known<Value: RawRepresentable<Int> & CaseIterable>(_ values: [Value], _ field: String) {
        require(
            values.allSatisfy { value in
                value.rawValue != 0 && Value.allCases.contains { $0.rawValue == value.rawValue }
            },
            field, "holds a value that is not in the contract", vi: "chứa giá trị không có trong giao diện")
    }

    /// The obligations of a period under a unit or of a team, from the fields that the requests for them share.
    mutating func obligations(_ period: String, unit: String, team: String, treeDate: String) -> ObligationQuery {
        let period = month(period, "period") ?? Month(index: 0)
        return ObligationQuery(
            period: period, unit: name(unit, of: "units", "unit", required: false),
            treeDate: date(treeDate, "tree_date", required: false) ?? period.lastDay,
            team: name(team, of: "teams", "team", required: false), limit: 0)
    }
}
