import ServiceKit
import Storage

/// Reads the copies of the registry's facts, for one team or for many at once, within one transaction.
package struct FactsReader {
    let transaction: ReadTransaction
    /// Units of the teams at hand; communes and above stay remembered by the tracers.
    private var units: [String: UnitFacts] = [:]
    /// All units that more than one placement names, once they were read.
    private var crowdedUnits: Set<String>?

    package init(_ transaction: ReadTransaction) { self.transaction = transaction }

    /// Statements with a list of ids have this many places, so that they are prepared once.
    package static let listSize = 128
    private static let places = Array(repeating: "?", count: listSize).joined(separator: ",")

    /// Calls `body` for each row that `sql` gives for any of the ids; `sql` holds `IN (@ids)` once, and after it places
    /// for the other values.
    func forEach(_ sql: String, _ ids: [String], _ others: [SQLValue] = [], _ body: (Row) throws -> Void) throws {
        let statement = sql.replacing("@ids", with: FactsReader.places)
        for start in stride(from: 0, to: ids.count, by: FactsReader.listSize) {
            let part = ids[start..<min(start + FactsReader.listSize, ids.count)]
            var bindings = part.map { SQLValue.text($0) }
            // A repeated id finds nothing new.
            while bindings.count < FactsReader.listSize { bindings.append(bindings[0]) }
            try transaction.forEach(statement, bindings + others, body)
        }
    }

    // MARK: Teams

    package func team(_ id: String) throws -> TeamFacts? {
        var reader = self
        return try reader.teams([id]).first
    }

    /// Teams in the order of their ids, which are ascending, with the names of their places. The units of these places
    /// stay at hand until the next teams are read.
    package mutating func teams(_ ids: [String]) throws -> [TeamFacts] {
        var found: [TeamFacts] = []
        found.reserveCapacity(ids.count)
        try forEach(
            """
            SELECT t.id, t.level, t.display_name, t.decision_number, t.decision_issuer, t.decision_issued_on,
                t.decision_from, t.decision_end, s.status, s.from_day, s.end_day
            FROM teams t LEFT JOIN team_statuses s ON s.team_id = t.id WHERE t.id IN (@ids) ORDER BY t.id, s.position
            """, ids
        ) { row in
            let id = try row.text(0)
            if found.last?.id != id {
                guard let level = TeamLevel(rawValue: try row.int(1)) else { return }
                found.append(
                    TeamFacts(
                        id: id, level: level, displayName: try row.text(2), statuses: [],
                        decision: try FactsReader.decision(row)))
            }
            guard let status = try row.intOrNull(8).flatMap({ TeamStatus(rawValue: $0) }) else { return }
            found[found.count - 1].statuses.append(StatusPeriod(status, try row.days(9)))
        }
        try addPlaces(to: &found)
        return found
    }

    private static func decision(_ row: Row) throws -> LegalDocument? {
        try row.textOrNull(3).map { number in
            LegalDocument(
                number: number, issuer: try row.textOrNull(4) ?? "", issuedOn: try row.dateOrNull(5),
                effective: try row.days(6))
        }
    }

    /// Reads the places of teams with their units: nearly every place is a unit of its own.
    private mutating func addPlaces(to teams: inout [TeamFacts]) throws {
        var units: [String: UnitFacts] = [:]
        // The unit that is read for the first time.
        var unit: UnitFacts?
        var (team, position) = (0, -1)
        try forEach(
            """
            SELECT p.team_id, p.position, p.unit_id, p.from_day, p.end_day, u.level, u.code, u.display_name, u.from_day,
                u.end_day, q.parent_id, q.from_day, q.end_day
            FROM team_placements p LEFT JOIN units u ON u.id = p.unit_id LEFT JOIN unit_parents q ON q.unit_id = p.unit_id
            WHERE p.team_id IN (@ids) ORDER BY p.team_id, p.position, q.position
            """, teams.map(\.id)
        ) { row in
            let (id, place) = (try row.text(0), try row.int(1))
            if teams[team].id != id || place != position {
                // Every row is of one of the teams, which come in the same order.
                while team < teams.count, teams[team].id != id { team += 1 }
                guard team < teams.count else { throw StorageError.misuse("a place of \(id) came out of order") }
                position = place
                if let unit { units[unit.id] = unit }
                let name = try row.textOrNull(7)
                let placement = Placement(unit: try row.text(2), days: try row.days(3), unitName: name ?? "")
                teams[team].placements.append(placement)
                unit = nil
                if let name, units[placement.unit] == nil {
                    unit = UnitFacts(
                        id: placement.unit, level: try row.int(5), code: try row.text(6), displayName: name,
                        validity: try row.days(8))
                }
            }
            if unit != nil, let parent = try row.textOrNull(10) {
                unit?.parents.append(Placement(unit: parent, days: try row.days(11)))
            }
        }
        if let unit { units[unit.id] = unit }
        // Only units that have ended became others.
        try forEach(
            "SELECT unit_id, successor_id FROM unit_successors WHERE unit_id IN (@ids) ORDER BY unit_id, position",
            units.values.filter { $0.validity.to != nil }.map(\.id).sorted()
        ) { row in
            units[try row.text(0)]?.successors.append(try row.text(1))
        }
        self.units = units
    }

    /// Those of the teams that are known here.
    package func knownTeams(_ ids: [String]) throws -> Set<String> {
        var known: Set<String> = []
        try forEach("SELECT id FROM teams WHERE id IN (@ids)", ids) { known.insert(try $0.text(0)) }
        return known
    }

    /// Reads once which units have several teams, for who asks about many teams in one transaction.
    package mutating func prefetchCrowdedUnits() throws {
        crowdedUnits = Set(
            try transaction.query("SELECT unit_id FROM team_placements GROUP BY unit_id HAVING count(*) > 1") {
                try $0.text(0)
            })
    }

    /// Nearly every unit has one team: the index alone tells which have more.
    private func crowdedUnits(of teams: [TeamFacts]) throws -> [String] {
        let units = teams.lazy.flatMap { $0.placements.lazy.map(\.unit) }
        if let crowdedUnits { return Set(units.filter(crowdedUnits.contains)).sorted() }
        var crowded: [String] = []
        try forEach(
            "SELECT unit_id FROM team_placements WHERE unit_id IN (@ids) GROUP BY unit_id HAVING count(*) > 1",
            Set(units).sorted()
        ) { crowded.append(try $0.text(0)) }
        return crowded
    }

    /// Days on which other ACTIVE teams of the same level sat on the same unit, by team.
    package func sharedUnits(_ teams: [TeamFacts]) throws -> [String: [DateRange]] {
        let crowded = try crowdedUnits(of: teams)
        var places = SharedPlaces()
        try forEach(
            """
            SELECT p.unit_id, t.level, p.team_id, p.from_day, p.end_day, s.from_day, s.end_day
            FROM team_placements p JOIN teams t ON t.id = p.team_id
            JOIN team_statuses s ON s.team_id = p.team_id AND s.status = 2
            WHERE p.unit_id IN (@ids)
            """, crowded
        ) { row in
            guard let level = TeamLevel(rawValue: try row.int(1)),
                let present = try row.days(3).intersection(try row.days(5))
            else { return }
            places.add(team: try row.text(2), unit: try row.text(0), level: level, days: present)
        }
        return places.shared
    }

    // MARK: People

    /// Everybody with a stay in one of the teams, each with all stays in whatever team; and those other teams' ids.
    package func persons(in teams: [String]) throws -> [PersonCase] {
        var people: [PersonCase] = []
        var known: Set<String> = []
        try forEach(
            """
            SELECT o.person_id, o.team_id, o.from_day, o.end_day, o.id FROM memberships o
            WHERE o.person_id IN (SELECT m.person_id FROM memberships m WHERE m.team_id IN (@ids))
            ORDER BY o.person_id, o.team_id, o.id
            """, teams
        ) { row in
            let person = try row.text(0)
            let stay = Stay(team: try row.text(1), days: try row.days(2), membership: try row.text(4))
            if let last = people.last, last.id == person {
                // Two lists of teams may both find a person who stays in both.
                if !last.stays.contains(stay) { people[people.count - 1].stays.append(stay) }
            } else if known.insert(person).inserted {
                people.append(PersonCase(id: person, stays: [stay]))
            }
        }
        return people
    }

    // MARK: Enrolment

    /// Days on which each team is on an enrolment list of a policy: `[team: [policy: days]]`.
    package func enrolments(of teams: [String]) throws -> [String: [String: [DateRange]]] {
        var found: [String: [String: [DateRange]]] = [:]
        try forEach(
            """
            SELECT e.team_id, l.policy, l.from_day, l.end_day FROM enrolments e
            JOIN enrolment_lists l ON l.id = e.list_id WHERE e.team_id IN (@ids)
            ORDER BY e.team_id, l.from_day, l.id
            """, teams
        ) { row in
            found[try row.text(0), default: [:]][try row.text(1), default: []].append(try row.days(2))
        }
        return found
    }

    // MARK: Units

    private static func unit(_ row: Row) throws -> UnitFacts {
        UnitFacts(
            id: try row.text(0), level: try row.int(1), code: try row.text(2), displayName: try row.text(3),
            validity: try row.days(4))
    }

    /// The unit with this national code on a date.
    package func unit(code: String, on date: LocalDate) throws -> UnitFacts? {
        try transaction.queryOne(
            """
            SELECT id, level, code, display_name, from_day, end_day FROM units
            WHERE code = ? AND (from_day IS NULL OR from_day <= ?) AND (end_day IS NULL OR end_day > ?)
            ORDER BY level LIMIT 1
            """, [.text(code), SQLValue(date), SQLValue(date)]
        ) { try FactsReader.unit($0) }
    }

    /// Ids of all teams that may have a place in the territories of these units, now or ever: a superset, ascending.
    package func candidateTeams(under units: [String]) throws -> [String] {
        if units.isEmpty { return try transaction.query("SELECT id FROM teams ORDER BY id") { try $0.text(0) } }
        let roots = units.map { _ in "SELECT CAST(? AS TEXT)" }.joined(separator: " UNION ALL ")
        return try transaction.query(
            """
            WITH RECURSIVE reach(id) AS (
                SELECT * FROM (\(roots)) AS roots
                UNION
                SELECT l.to_id FROM reach r JOIN unit_links l ON l.from_id = r.id
            )
            SELECT DISTINCT p.team_id FROM reach r JOIN team_placements p ON p.unit_id = r.id ORDER BY 1
            """, units.map { .text($0) }
        ) { try $0.text(0) }
    }
}

extension FactsReader: UnitSource {
    package func unit(_ id: String) throws -> UnitFacts? {
        if let known = units[id] { return known }
        guard
            var unit = try transaction.queryOne(
                "SELECT id, level, code, display_name, from_day, end_day FROM units WHERE id = ?", [.text(id)],
                { try FactsReader.unit($0) })
        else { return nil }
        unit.parents = try transaction.query(
            "SELECT parent_id, from_day, end_day FROM unit_parents WHERE unit_id = ? ORDER BY position", [.text(id)]
        ) { Placement(unit: try $0.text(0), days: try $0.days(1)) }
        unit.successors = try transaction.query(
            "SELECT successor_id FROM unit_successors WHERE unit_id = ? ORDER BY position", [.text(id)]
        ) { try $0.text(0) }
        return unit
    }

    package func predecessors(of id: String) throws -> [String] {
        try transaction.query(
            "SELECT unit_id FROM unit_successors WHERE successor_id = ? ORDER BY unit_id", [.text(id)]
        ) { try $0.text(0) }
    }
}
