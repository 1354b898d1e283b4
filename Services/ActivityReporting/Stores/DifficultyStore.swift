import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// A difficulty of a team as stored.
struct DifficultyRow: Sendable, Hashable {
    var id: String
    /// Version of the aggregate in the change feed.
    var version: Int64 = 0
    var team: String
    /// Unit of the team in the period that told of it first.
    var unit: String
    var kind: Cdt_Activity_V1_DifficultyKind
    /// Tells those of the kind OTHER apart: the folded text; else empty.
    var topic: String
    var severity: Cdt_Activity_V1_Severity
    var text: String
    var state = Cdt_Activity_V1_DifficultyState.open
    var openedBy: ObligationKey
    var openedAt: Instant
    var lastToldIn: Month
    var timesTold = 1
    var owner = ""
    var resolution = ""
    var changedAt: Instant
    var changedBy: String

    func view(teamName: String) -> Cdt_Activity_V1_TeamDifficulty {
        .with {
            $0.name = Names.name("difficulties", id)
            $0.team = Names.name("teams", team)
            $0.teamDisplayName = teamName
            $0.unit = Names.name("units", unit)
            $0.kind = kind
            $0.severity = severity
            $0.text = text
            $0.state = state
            $0.openedBy = openedBy.report
            $0.openTime = openedAt.timestamp
            $0.openedIn = openedBy.period.description
            $0.lastToldIn = lastToldIn.description
            $0.timesTold = Int32(timesTold)
            $0.owner = owner
            $0.resolution = resolution
            $0.changeTime = changedAt.timestamp
            $0.changedBy = changedBy
        }
    }

    /// What the change feed says of it.
    var fact: Cdt_Activity_V1_DifficultyFact {
        .with {
            $0.difficulty = Names.name("difficulties", id)
            $0.team = Names.name("teams", team)
            $0.unit = Names.name("units", unit)
            $0.kind = Int32(kind.rawValue)
            $0.severity = Int32(severity.rawValue)
            $0.state = state
            $0.openedIn = openedBy.period.description
            $0.owner = owner
        }
    }
}

enum DifficultyStore {
    private static let columns = """
        id, version, team, unit, kind, topic, severity, text, state, opened_by, opened_at, last_told_in, times_told, \
        owner, resolution, changed_at, changed_by
        """

    static func get(_ id: String, in tx: ReadTransaction) throws -> DifficultyRow? {
        try tx.queryOne("SELECT \(columns) FROM difficulties WHERE id = ?", [.text(id)], DifficultyRow.init)
    }

    static func all(of team: String, in tx: ReadTransaction) throws -> [DifficultyRow] {
        try tx.query(
            "SELECT \(columns) FROM difficulties WHERE team = ? ORDER BY id", [.text(team)], DifficultyRow.init)
    }

    /// The open one of a team and kind.
    static func open(
        _ team: String, _ kind: Cdt_Activity_V1_DifficultyKind, topic: String, in tx: ReadTransaction
    ) throws -> DifficultyRow? {
        try tx.queryOne(
            "SELECT \(columns) FROM difficulties WHERE team = ? AND kind = ? AND topic = ? AND state = ?",
            [
                .text(team), SQLValue(kind.rawValue), .text(topic),
                SQLValue(Cdt_Activity_V1_DifficultyState.open.rawValue),
            ], DifficultyRow.init)
    }

    static func put(_ row: DifficultyRow, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO difficulties (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, severity = excluded.severity,
                text = excluded.text, state = excluded.state, last_told_in = excluded.last_told_in,
                times_told = excluded.times_told, owner = excluded.owner, resolution = excluded.resolution,
                changed_at = excluded.changed_at, changed_by = excluded.changed_by
            """,
            [
                .text(row.id), .integer(row.version), .text(row.team), .text(row.unit), SQLValue(row.kind.rawValue),
                .text(row.topic), SQLValue(row.severity.rawValue), .text(row.text), SQLValue(row.state.rawValue),
                .text(row.openedBy.id), SQLValue(row.openedAt), .text(row.lastToldIn.description),
                SQLValue(row.timesTold), .text(row.owner), .text(row.resolution), SQLValue(row.changedAt),
                .text(row.changedBy),
            ])
    }

    /// Newest first, those before the given one; of one team or of all.
    static func list(
        team: String?, before: (openedAt: Int64, id: String), limit: Int, in tx: ReadTransaction
    ) throws -> [DifficultyRow] {
        let filter = team == nil ? "" : "AND team = ?"
        return try tx.query(
            """
            SELECT \(columns) FROM difficulties WHERE (opened_at, id) < (?, ?) \(filter)
            ORDER BY opened_at DESC, id DESC LIMIT ?
            """,
            [.integer(before.openedAt), .text(before.id)] + (team.map { [.text($0)] } ?? []) + [SQLValue(limit)],
            DifficultyRow.init)
    }
}

extension DifficultyRow {
    init(_ row: Row) throws {
        self.init(
            id: try row.text(0), version: try row.int64(1), team: try row.text(2), unit: try row.text(3),
            kind: Cdt_Activity_V1_DifficultyKind(rawValue: try row.int(4)) ?? .unspecified, topic: try row.text(5),
            severity: Cdt_Activity_V1_Severity(rawValue: try row.int(6)) ?? .unspecified, text: try row.text(7),
            state: Cdt_Activity_V1_DifficultyState(rawValue: try row.int(8)) ?? .unspecified,
            openedBy: ObligationKey(id: try row.text(9))
                ?? ObligationKey(period: Month(index: 0), team: "", person: ""),
            openedAt: try row.instant(10), lastToldIn: Month(try row.text(11)) ?? Month(index: 0),
            timesTold: try row.int(12), owner: try row.text(13), resolution: try row.text(14),
            changedAt: try row.instant(15), changedBy: try row.text(16))
    }
}
