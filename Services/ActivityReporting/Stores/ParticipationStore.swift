import ServiceKit
import Storage

/// Sums over members by group, as they are: they change with every fact, and are asked for seldom.
enum ParticipationStore {
    /// What members have done in a period, at one place; nil: everywhere.
    static func add(
        _ period: Month, place: Int?, level: TeamLevel?, to sums: inout Participation, in tx: ReadTransaction
    ) throws {
        let teams = filter(place: place, level: level)
        let rows = try tx.query(
            """
            SELECT o.occupation, o.organisations, coalesce(sum(o.helped), 0), count(*)
            FROM teams t JOIN obligations o ON o.period = ? AND o.team = t.id
            WHERE o.helped > 0 AND o.void = 0 AND o.person <> ''\(teams.sql)
            GROUP BY o.occupation, o.organisations
            """, [.text(period.description)] + teams.bindings
        ) { row in
            (MemberGroups(occupation: try row.int(0), text: try row.text(1)), try row.int64(2), try row.int64(3))
        }
        for (groups, helped, reports) in rows { sums.add(helped, reports: reports, by: groups) }
    }

    /// Which teams `t` count, as the end of a WHERE.
    private static func filter(place: Int?, level: TeamLevel?) -> (sql: String, bindings: [SQLValue]) {
        let sql = (place == nil ? "" : " AND t.place = ?") + (level == nil ? "" : " AND t.level = ?")
        return (sql, [place, level?.rawValue].compactMap { $0 }.map { SQLValue($0) })
    }

    /// Memberships that hold on a day, at one place; nil: everywhere.
    ///
    /// - Parameter body: role, groups, memberships.
    static func members(
        on date: LocalDate, place: Int?, level: TeamLevel?, in tx: ReadTransaction,
        _ body: (Int, MemberGroups, Int64) -> Void
    ) throws -> (members: Int, teams: Int) {
        let teams = filter(place: place, level: level)
        let bindings: [SQLValue] = [.text(date.description), .text(date.description)] + teams.bindings
        let holding = """
            FROM teams t JOIN memberships m ON m.team = t.id
            WHERE m.void = 0 AND m.from_day <= ? AND (m.end_day IS NULL OR m.end_day > ?)\(teams.sql)
            """
        var members = 0
        try tx.forEach(
            """
            SELECT m.role, m.occupation, m.organisations, count(*) \(holding)
            GROUP BY m.role, m.occupation, m.organisations
            """,
            bindings
        ) { row in
            members += try row.int(3)
            body(
                try row.int(0), MemberGroups(occupation: try row.int(1), text: try row.text(2)), try row.int64(3))
        }
        return (members, try tx.count("SELECT count(DISTINCT m.team) \(holding)", bindings))
    }
}
