import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// A team, as the Registry's feed tells of it, and where its obligations are counted.
struct TeamRow: Sendable {
    var id: String
    var name: String
    var level: TeamLevel
    /// The days on which it is ACTIVE.
    var active: [DateRange]
    /// Units it sits in over time, oldest first.
    var placements: [UnitRecord.Stretch]
    var counted: CountedAt?

    /// Place, bucket and level under which the team's obligations stand in the figures.
    struct CountedAt: Sendable, Hashable {
        var place: Int
        var bucket: Int
        var level: TeamLevel
    }

    /// The unit it sits in on a date; before its first placement that one, in a gap the one before.
    func unit(on date: LocalDate) -> String {
        (placements.last { ($0.days.from ?? .distantPast) <= date } ?? placements.first)?.unit ?? ""
    }
}

/// The local copy of units, teams and memberships.
enum RegistryFactsStore {
    // MARK: Units

    static func put(_ fact: Cdt_Registry_V1_UnitFact, id: String, in tx: WriteTransaction) throws {
        try BrokenFact.check(
            [fact.unit.validFrom, fact.unit.validTo] + fact.placements.flatMap { [$0.from, $0.to] },
            of: fact.unit.name)
        try tx.execute(
            """
            INSERT INTO units (id, level, fact) VALUES (?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET level = excluded.level, fact = excluded.fact
            """, [.text(id), SQLValue(fact.unit.level.rawValue), .blob(try fact.serializedBytes())])
    }

    /// Takes a unit out of every tree: the reorganisation that made it was reverted.
    static func bury(unit id: String, in tx: WriteTransaction) throws {
        try tx.execute("DELETE FROM units WHERE id = ?", [.text(id)])
    }

    static func unit(_ id: String, in tx: ReadTransaction) throws -> UnitRecord? {
        try tx.queryOne("SELECT fact FROM units WHERE id = ?", [.text(id)]) {
            try UnitRecord(fact: $0.blob(0))
        }
    }

    /// Every unit from the nation down to the communes.
    static func upperUnits(in tx: ReadTransaction) throws -> [UnitRecord] {
        try tx.query("SELECT fact FROM units WHERE level BETWEEN 1 AND ?", [SQLValue(UnitLevel.commune.rawValue)]) {
            try UnitRecord(fact: $0.blob(0))
        }
    }

    // MARK: Teams

    static func put(_ fact: Cdt_Registry_V1_TeamFact, id: String, in tx: WriteTransaction) throws {
        try BrokenFact.check(
            fact.statusHistory.flatMap { [$0.from, $0.to] } + fact.placements.flatMap { [$0.from, $0.to] },
            of: fact.team)
        try tx.execute(
            "INSERT INTO teams (id, fact) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET fact = excluded.fact",
            [.text(id), .blob(try fact.serializedBytes())])
        for unit in Set(fact.placements.map { ResourceName.lastID($0.unit) }) {
            try tx.execute(
                "INSERT INTO team_units (unit, team) VALUES (?, ?) ON CONFLICT (unit, team) DO NOTHING",
                [.text(unit), .text(id)])
        }
    }

    private static let teamColumns = "id, fact, place, bucket, level"

    static func team(_ id: String, in tx: ReadTransaction) throws -> TeamRow? {
        try tx.queryOne("SELECT \(teamColumns) FROM teams WHERE id = ?", [.text(id)], TeamRow.init)
    }

    /// The next teams after an id, in order of ids.
    static func teams(after id: String, limit: Int, in tx: ReadTransaction) throws -> [TeamRow] {
        try tx.query(
            "SELECT \(teamColumns) FROM teams WHERE id > ? ORDER BY id LIMIT ?", [.text(id), SQLValue(limit)],
            TeamRow.init)
    }

    static func teams(in place: Int, in tx: ReadTransaction) throws -> [TeamRow] {
        try tx.query(
            "SELECT \(teamColumns) FROM teams WHERE place = ? ORDER BY id", [SQLValue(place)], TeamRow.init)
    }

    /// Teams that have ever sat in a unit.
    static func teams(everIn unit: String, in tx: ReadTransaction) throws -> [String] {
        try tx.query("SELECT team FROM team_units WHERE unit = ? ORDER BY team", [.text(unit)]) { try $0.text(0) }
    }

    /// Where a team is over time, by the facts at hand; its figures follow when its obligations are derived.
    static func path(of team: TeamRow, in tx: ReadTransaction) throws -> PlacePath {
        try PlacePath.of(placements: team.placements) { id in
            try unit(id, in: tx).flatMap { $0.level == .hamlet ? $0.parents : nil }
        }
    }

    static func setCounted(_ counted: TeamRow.CountedAt, of team: String, in tx: WriteTransaction) throws {
        try tx.execute(
            "UPDATE teams SET place = ?, bucket = ?, level = ? WHERE id = ?",
            [SQLValue(counted.place), SQLValue(counted.bucket), SQLValue(counted.level.rawValue), .text(team)])
    }

    // MARK: Memberships

    static func put(
        _ fact: Cdt_Registry_V1_MembershipFact, team: String, id: String, in tx: WriteTransaction
    ) throws {
        try BrokenFact.check([fact.from, fact.to], of: fact.membership)
        try tx.execute(
            """
            INSERT INTO memberships (team, id, person, role, occupation, organisations, from_day, end_day, void)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (team, id) DO UPDATE SET person = excluded.person, role = excluded.role,
                occupation = excluded.occupation, organisations = excluded.organisations,
                from_day = excluded.from_day, end_day = excluded.end_day,
                void = excluded.void
            """,
            [
                .text(team), .text(id), .text(ResourceName.lastID(fact.person)), SQLValue(fact.role.rawValue),
                SQLValue(fact.occupation.rawValue),
                .text(MemberGroups(occupation: 0, organisations: fact.organisations).text), .text(fact.from),
                SQLValue(LocalDate(fact.to)?.next.description),
                SQLValue(fact.void),
            ])
    }

    /// A membership that has left this service's sight never counts here.
    static func bury(membership id: String, of team: String, in tx: WriteTransaction) throws -> Bool {
        try tx.execute("DELETE FROM memberships WHERE team = ? AND id = ?", [.text(team), .text(id)]) > 0
    }

    /// The memberships that count, of the teams from one id to another.
    static func memberships(from first: String, through last: String, in tx: ReadTransaction) throws
        -> [String: [MembershipStretch]]
    {
        var result: [String: [MembershipStretch]] = [:]
        try tx.forEach(
            """
            SELECT team, person, from_day, end_day, occupation, organisations FROM memberships
            WHERE team >= ? AND team <= ? AND void = 0
            """,
            [.text(first), .text(last)]
        ) { row in
            let days = DateRange(
                from: LocalDate(try row.text(2)), exclusiveEnd: try row.dateOrNull(3))
            let groups = MemberGroups(occupation: try row.int(4), text: try row.text(5))
            result[try row.text(0), default: []].append(
                MembershipStretch(person: try row.text(1), days: days, groups: groups))
        }
        return result
    }

    // MARK: Teams to derive again

    /// `traceparent`: of the call that changed it; of several changes the first's is kept.
    static func markChanged(_ team: String, by traceparent: String, in tx: WriteTransaction) throws {
        try tx.execute(
            "INSERT INTO changed_teams (team, traceparent) VALUES (?, ?) ON CONFLICT (team) DO NOTHING",
            [.text(team), .text(traceparent)])
    }

    static func changedTeams(limit: Int, in tx: ReadTransaction) throws -> [String] {
        try tx.query("SELECT team FROM changed_teams ORDER BY team LIMIT ?", [SQLValue(limit)]) { try $0.text(0) }
    }

    static func isChanged(_ team: String, in tx: ReadTransaction) throws -> Bool {
        try tx.exists("SELECT 1 FROM changed_teams WHERE team = ?", [.text(team)])
    }

    /// The `traceparent` of what changed it, empty where that is not recorded; nil: it has not changed.
    static func change(of team: String, in tx: ReadTransaction) throws -> String? {
        try tx.queryOne("SELECT traceparent FROM changed_teams WHERE team = ?", [.text(team)]) { try $0.text(0) }
    }

    static func unmarkChanged(_ team: String, in tx: WriteTransaction) throws {
        try tx.execute("DELETE FROM changed_teams WHERE team = ?", [.text(team)])
    }

    // MARK: Revisions

    /// A number that rises with each change of what it names.
    static func revision(_ name: String, in tx: ReadTransaction) throws -> Int64 {
        try tx.queryOne("SELECT value FROM revisions WHERE name = ?", [.text(name)]) { try $0.int64(0) } ?? 0
    }

    static func raiseRevision(_ name: String, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO revisions (name, value) VALUES (?, 1)
            ON CONFLICT (name) DO UPDATE SET value = revisions.value + 1
            """, [.text(name)])
    }
}

extension TeamRow {
    init(_ row: Row) throws {
        let fact = try Cdt_Registry_V1_TeamFact(serializedBytes: try row.blob(1))
        id = try row.text(0)
        name = fact.displayName
        level = TeamLevel(rawValue: fact.level.rawValue) ?? .hamlet
        active = fact.statusHistory.filter { $0.status == .active }.map { DateRange(from: $0.from, to: $0.to) }
        placements = fact.placements.map {
            UnitRecord.Stretch(unit: ResourceName.lastID($0.unit), days: DateRange(from: $0.from, to: $0.to))
        }
        if let place = try row.intOrNull(2), let bucket = try row.intOrNull(3), let level = try row.intOrNull(4) {
            counted = CountedAt(place: place, bucket: bucket, level: TeamLevel(rawValue: level) ?? .hamlet)
        }
    }
}

extension UnitRecord {
    init(fact bytes: [UInt8]) throws {
        let fact = try Cdt_Registry_V1_UnitFact(serializedBytes: bytes)
        self.init(
            id: ResourceName.lastID(fact.unit.name), level: UnitLevel(rawValue: fact.unit.level.rawValue) ?? .hamlet,
            code: fact.unit.code, name: fact.unit.displayName,
            validity: DateRange(from: fact.unit.validFrom, to: fact.unit.validTo),
            parents: fact.placements.map {
                Stretch(unit: ResourceName.lastID($0.parent), days: DateRange(from: $0.from, to: $0.to))
            },
            successors: fact.unit.successors.map(ResourceName.lastID))
    }
}

/// A fact of the feed that cannot be read. It stops the feed rather than being read as "open": who owes a report hangs
/// on it.
package struct BrokenFact: Error, CustomStringConvertible {
    package let resource: String
    package let text: String
    package var description: String { "\(resource) holds \"\(text)\" where a date YYYY-MM-DD belongs" }

    /// Sees that texts are days, or empty where that means open.
    static func check(_ days: [String], of resource: String) throws {
        for text in days where !text.isEmpty && LocalDate(text) == nil {
            throw BrokenFact(resource: resource, text: text)
        }
    }
}

extension DateRange {
    /// From the contract's texts, inclusive, empty for open.
    init(from: String, to: String) { self.init(from: LocalDate(from), to: LocalDate(to)) }
}
