import ServiceKit
import Storage

/// Reads the copies of facts.
enum AudienceStore {
    /// A unit of the copy.
    struct Unit: Sendable, Hashable {
        var displayName: String
        var level: Int
        var firstDay: String
        var endDay: String

        func isInForce(on date: LocalDate) -> Bool { firstDay <= date.description && date.description < endDay }
    }

    static func unit(_ id: String, _ transaction: ReadTransaction) throws -> Unit? {
        try transaction.queryOne(
            "SELECT display_name, level, first_day, end_day FROM known_unit WHERE id = ?", [.text(id)]
        ) {
            Unit(displayName: try $0.text(0), level: try $0.int(1), firstDay: try $0.text(2), endDay: try $0.text(3))
        }
    }

    /// The last day of a unit that has ended before a day; nil: it has not, or is not known.
    static func lastDay(of unit: String, before date: LocalDate, _ transaction: ReadTransaction) throws -> LocalDate? {
        try self.unit(unit, transaction).flatMap { LocalDate($0.endDay) }.flatMap { $0 <= date ? $0.previous : nil }
    }

    /// The units that have the territory of one on a day: itself, or all that it became; where "no successor is
    /// guessed", the parent it lay in. Empty for a unit that is not known.
    static func heirs(of unit: String, on date: LocalDate, _ transaction: ReadTransaction) throws -> Set<String> {
        var (open, heirs, seen): ([String], Set<String>, Set<String>) = ([unit], [], [])
        while let id = open.popLast() {
            guard seen.insert(id).inserted, let known = try self.unit(id, transaction) else { continue }
            guard let end = LocalDate(known.endDay), end <= date else {
                if let parent = try lastParent(of: id, on: date, transaction) {
                    open.append(parent)
                } else {
                    heirs.insert(id)
                }
                continue
            }
            let successors = try transaction.query(
                "SELECT successor FROM known_unit_successor WHERE unit = ? ORDER BY successor", [.text(id)]
            ) { try $0.text(0) }
            if successors.isEmpty {
                open += try path(ofUnit: id, on: end.previous, transaction).dropFirst().prefix(1)
            } else {
                open += successors
            }
        }
        return heirs
    }

    /// Where a unit lay last that lies nowhere on a day: a hamlet whose commune has ended, and which nobody has placed
    /// anew.
    private static func lastParent(of unit: String, on date: LocalDate, _ transaction: ReadTransaction) throws
        -> String?
    {
        let day = SQLValue(date)
        return try transaction.queryOne(
            """
            SELECT p.parent FROM known_unit_placement p WHERE p.unit = ? AND p.end_day <= ? AND NOT EXISTS (
                SELECT 1 FROM known_unit_placement n WHERE n.unit = p.unit AND n.first_day <= ? AND ? < n.end_day)
            ORDER BY p.first_day DESC LIMIT 1
            """, [.text(unit), day, day, day]
        ) { try $0.text(0) }
    }

    /// Id of the nation; nil before the Registry has told of it.
    static func nation(_ transaction: ReadTransaction) throws -> String? {
        try transaction.queryOne("SELECT id FROM known_unit WHERE level = 1 ORDER BY id LIMIT 1") { try $0.text(0) }
    }

    /// The table `subtree` of a unit and those under it on a day, and what it binds. What had ended by then belongs
    /// where it lay last, and to what it became: `heirs` the other way round. So teams of a unit that ended without a
    /// successor, which stay with it until somebody places them, are told with those around them. A unit that has ended
    /// has what lay in it last.
    static func subtree(of unit: String, on date: LocalDate, _ transaction: ReadTransaction) throws -> (
        sql: String, bindings: [SQLValue]
    ) {
        let (table, bindings) = try tree(of: unit, named: "subtree", on: date, transaction)
        return ("WITH RECURSIVE \(table)", bindings)
    }

    /// The same under another name, for a statement that has begun with `subtree`.
    static func tree(of unit: String, named name: String, on date: LocalDate, _ transaction: ReadTransaction)
        throws -> (sql: String, bindings: [SQLValue])
    {
        let day = SQLValue(date)
        let isInForce = try self.unit(unit, transaction)?.isInForce(on: date) ?? true
        var roots = [unit]
        var looked = 0
        while isInForce, looked < roots.count {
            let former = try transaction.query(
                """
                SELECT n.unit FROM known_unit_successor n JOIN known_unit u ON u.id = n.unit
                WHERE n.successor = ? AND u.end_day <= ? ORDER BY n.unit
                """, [.text(roots[looked]), day]
            ) { try $0.text(0) }
            roots += former.filter { !roots.contains($0) }
            looked += 1
        }
        let isLast =
            "NOT EXISTS (SELECT 1 FROM known_unit_placement n WHERE n.unit = p.unit AND n.first_day > p.first_day)"
        let sql = """
            \(name) (id) AS (
                \(roots.map { _ in "SELECT CAST(? AS TEXT)" }.joined(separator: " UNION "))
                UNION
                SELECT p.unit FROM \(name) s JOIN known_unit_placement p ON p.parent = s.id
                WHERE p.first_day <= ? AND (? < p.end_day OR \(isLast)))
            """
        return (sql, roots.map { .text($0) } + [day, day])
    }

    /// What the rules of the audience need to know of one team on the day of sending.
    static func team(_ id: String, _ audience: Audience, on date: LocalDate, _ transaction: ReadTransaction) throws
        -> KnownTeam
    {
        let day = SQLValue.text(date.description)
        let isActive = try transaction.exists(
            "SELECT 1 FROM known_team_status WHERE team = ? AND first_day <= ? AND ? < end_day AND status = 2",
            [.text(id), day, day])
        let members = try transaction.query(
            """
            SELECT person, role, occupation FROM known_membership
            WHERE team = ? AND first_day <= ? AND ? < end_day ORDER BY person, role
            """, [.text(id), day, day]
        ) { KnownTeam.Member(person: try $0.text(0), role: try $0.int(1), occupation: try $0.int(2)) }
        let level = try transaction.queryOne("SELECT level FROM known_team WHERE id = ?", [.text(id)]) { try $0.int(0) }
        var team = KnownTeam(id: id, level: level ?? 0, isActive: isActive, members: members)
        let levels = Set(
            ([audience.told.unitLevel] + (audience.relay?.levels.map(\.unitLevel) ?? [])).compactMap { $0 })
        if !levels.isEmpty {
            // Those of the unit it is in today: nobody works for an abolished one.
            let path = try placement(ofTeam: id, on: date, transaction)
            for level in levels {
                let unit = try path.first { try self.unit($0, transaction)?.level == level }
                team.focalPoints[level] = try unit.map { try FocalPointStore.people(of: $0, transaction) } ?? []
            }
        }
        if let report = audience.report {
            team.obligations = try transaction.query(
                "\(selectObligation) WHERE team = ? AND period = ? ORDER BY id",
                [.text(id), .text(report.period.description)], obligation)
        }
        if let payment = audience.payment {
            team.payments = try PaymentCopy.of(team: id, payment.condition, transaction)
        }
        if let training = audience.training {
            team.training = try TrainingCopy.get(training.session, transaction)
            if team.training?.invitation?.isOfPeople == true {
                let invitees = try TrainingCopy.invitees(of: training.session, team: id, transaction)
                team.invitees = Set(invitees.map(\.person))
            }
        }
        return team
    }

    /// Whether a team is at work and has no leader on a day.
    static func isWithoutLeader(_ team: String, on date: LocalDate, _ transaction: ReadTransaction) throws -> Bool {
        let known = try self.team(team, Audience(unit: ""), on: date, transaction)
        return known.isActive && !known.hasLeader
    }

    static func obligation(_ id: String, _ transaction: ReadTransaction) throws -> KnownObligation? {
        try transaction.queryOne("\(selectObligation) WHERE id = ?", [.text(id)], obligation)
    }

    private static let selectObligation = """
        SELECT id, person, due_on, grace_until, received_at, report_state, expected, changed_at FROM known_obligation
        """

    private static func obligation(_ row: Row) throws -> KnownObligation {
        KnownObligation(
            id: try row.text(0), person: try row.textOrNull(1), dueOn: try row.text(2), graceUntil: try row.text(3),
            isReceived: try !row.isNull(4), isReturned: try row.int(5) == 5, isExpected: try row.bool(6),
            isApproved: [3, 4].contains(try row.int(5)), changedAt: try row.instant(7))
    }

    struct Contact: Sendable, Hashable {
        var fullName: String
        var email: String
        var phones: [String] = []
        var zaloUserIDs: [String] = []
    }

    static func contact(_ person: String, _ transaction: ReadTransaction) throws -> Contact? {
        try transaction.queryOne(
            "SELECT full_name, email, phones, zalo_user_ids FROM known_contact WHERE person = ?", [.text(person)]
        ) { row in
            Contact(
                fullName: try row.text(0), email: try row.text(1),
                phones: try row.text(2).split(separator: "\n").map(String.init),
                zaloUserIDs: try row.text(3).split(separator: "\n").map(String.init))
        }
    }

    static func teamName(_ id: String, _ transaction: ReadTransaction) throws -> String {
        try transaction.queryOne("SELECT display_name FROM known_team WHERE id = ?", [.text(id)]) { try $0.text(0) }
            ?? ""
    }

    /// The unit a team sits in, and the units above it, nearest first. Above what has ended come those that its
    /// territory is now in.
    static func placement(ofTeam team: String, on date: LocalDate, _ transaction: ReadTransaction) throws -> [String] {
        let day = SQLValue.text(date.description)
        let unit = try transaction.queryOne(
            "SELECT unit FROM known_team_placement WHERE team = ? AND first_day <= ? AND ? < end_day",
            [.text(team), day, day]
        ) { try $0.text(0) }
        var known = try unit.map { try path(ofUnit: $0, on: date, transaction) } ?? []
        if let unit, known.count == 1, let commune = try lastParent(of: unit, on: date, transaction) {
            known.append(commune)
        }
        guard let top = known.last, let heir = try heirs(of: top, on: date, transaction).min(), heir != top else {
            return known
        }
        return try known + path(ofUnit: heir, on: date, transaction)
    }

    /// The units of a person's teams on a day, also of those they have left, and those whose focal point they are.
    static func units(of person: String, on date: LocalDate, _ transaction: ReadTransaction) throws -> [String] {
        try transaction.query(
            """
            SELECT p.unit FROM known_membership m
            JOIN known_team_placement p ON p.team = m.team AND p.first_day <= ? AND ? < p.end_day
            WHERE m.person = ?
            UNION SELECT unit FROM focal_point WHERE person = ?
            """, [SQLValue(date), SQLValue(date), .text(person), .text(person)]
        ) { try $0.text(0) }
    }

    /// A unit and those above it, nearest first.
    static func path(ofUnit unit: String, on date: LocalDate, _ transaction: ReadTransaction) throws -> [String] {
        let day = SQLValue.text(date.description)
        var path = [unit]
        // The tree has five levels; the bound keeps wrong facts from turning in a circle.
        while let last = path.last, path.count < 10 {
            let parent = try transaction.queryOne(
                "SELECT parent FROM known_unit_placement WHERE unit = ? AND first_day <= ? AND ? < end_day",
                [.text(last), day, day]
            ) { try $0.text(0) }
            guard let parent else { break }
            path.append(parent)
        }
        return path
    }

    /// How a place is told to a person: a hamlet together with its commune, since hamlet names repeat everywhere.
    static func placeName(_ path: [String], _ transaction: ReadTransaction) throws -> String {
        guard let first = path.first, let unit = try unit(first, transaction) else { return "" }
        guard unit.level == 5, path.count > 1, let commune = try self.unit(path[1], transaction) else {
            return unit.displayName
        }
        return "\(unit.displayName), \(commune.displayName)"
    }
}
