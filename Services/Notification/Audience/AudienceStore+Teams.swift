import ServiceKit
import Storage

/// The teams of an audience.
extension AudienceStore {
    /// Ids of the teams placed in the audience's subtree on the tree date, ascending. 93,524 for the whole country.
    static func teams(_ audience: Audience, treeDate: LocalDate, _ transaction: ReadTransaction) throws -> [String] {
        if let purposes = audience.groups {
            return try GroupStore.ids(under: audience.unit, on: treeDate, purposes: purposes, transaction)
        }
        guard let (sql, bindings) = try selectTeams(audience, treeDate: treeDate, transaction) else { return [] }
        return try transaction.query("\(sql) ORDER BY t.id", bindings) { try $0.text(0) }
    }

    /// Whether there is one at all.
    static func hasTeams(_ audience: Audience, treeDate: LocalDate, _ transaction: ReadTransaction) throws -> Bool {
        guard let (sql, bindings) = try selectTeams(audience, treeDate: treeDate, transaction) else { return false }
        return try transaction.exists("\(sql) LIMIT 1", bindings)
    }

    /// Nil: there are none, whatever the tree.
    private static func selectTeams(_ audience: Audience, treeDate: LocalDate, _ transaction: ReadTransaction) throws
        -> (sql: String, bindings: [SQLValue])?
    {
        let date = SQLValue(treeDate)
        var (sql, bindings) = try subtree(of: audience.unit, on: treeDate, transaction)
        var levels = audience.levels
        var invited: (joins: String, bindings: [SQLValue]) = ("", [])
        if let filter = audience.training {
            guard let training = try TrainingCopy.get(filter.session, transaction),
                let invitation = training.invitation
            else { return nil }
            levels = invitation.levels
            if invitation.isOfPeople {
                invited.joins = """
                    JOIN (SELECT DISTINCT team FROM known_training_invitee WHERE training = ?) i ON i.team = t.id
                    """
                invited.bindings = [.text(training.id)]
            } else if !training.invitedUnit.isEmpty {
                // The teams of a unit that has ended are those that were in it on its last day, wherever they are now.
                let day = try lastDay(of: training.invitedUnit, before: treeDate, transaction) ?? treeDate
                let tree = try tree(of: training.invitedUnit, named: "invited", on: day, transaction)
                sql += ", \(tree.sql)"
                bindings += tree.bindings
                invited.joins = """
                    JOIN known_team_placement q ON q.team = t.id AND q.first_day <= ? AND ? < q.end_day
                    JOIN invited i ON i.id = q.unit
                    """
                invited.bindings = [SQLValue(day), SQLValue(day)]
            }
        }
        sql += """

            SELECT t.id FROM subtree s
            JOIN known_team_placement p ON p.unit = s.id AND p.first_day <= ? AND ? < p.end_day
            JOIN known_team t ON t.id = p.team
            \(invited.joins)
            """
        bindings += [date, date] + invited.bindings
        if !levels.isEmpty {
            sql += " WHERE t.level IN (\(levels.map { _ in "?" }.joined(separator: ", ")))"
            bindings += levels.sorted().map { SQLValue($0) }
        }
        return (sql, bindings)
    }
}
