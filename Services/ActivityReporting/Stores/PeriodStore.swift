import ServiceKit
import Storage

/// An opened period.
struct PeriodRow: Sendable, Hashable {
    var period: Month
    var openedAt: Instant
    /// The obligations of teams up to this id are derived; nil: of all.
    var derivedTo: String?
}

/// The periods whose obligations are kept.
enum PeriodStore {
    private static let columns = "period, opened_at, derived_to"

    static func get(_ period: Month, in tx: ReadTransaction) throws -> PeriodRow? {
        try tx.queryOne(
            "SELECT \(columns) FROM periods WHERE period = ?", [.text(period.description)], PeriodRow.init)
    }

    /// Newest first.
    static func all(in tx: ReadTransaction) throws -> [PeriodRow] {
        try tx.query("SELECT \(columns) FROM periods ORDER BY period DESC", [], PeriodRow.init)
    }

    /// Newest first, those before the given one.
    static func list(before: String?, limit: Int, in tx: ReadTransaction) throws -> [PeriodRow] {
        try tx.query(
            "SELECT \(columns) FROM periods WHERE period < ? ORDER BY period DESC LIMIT ?",
            [.text(before ?? "9999-99"), SQLValue(limit)], PeriodRow.init)
    }

    /// Opens a period unless it is; deriving begins before the first team.
    static func open(_ period: Month, now: Instant, in tx: WriteTransaction) throws {
        try tx.execute(
            "INSERT INTO periods (period, opened_at, derived_to) VALUES (?, ?, '') ON CONFLICT (period) DO NOTHING",
            [.text(period.description), SQLValue(now)])
    }

    static func setDerived(_ period: Month, to team: String?, in tx: WriteTransaction) throws {
        try tx.execute(
            "UPDATE periods SET derived_to = ? WHERE period = ?", [SQLValue(team), .text(period.description)])
    }

    /// Everything is to be derived again, because policies or units have changed.
    static func deriveAgain(in tx: WriteTransaction) throws {
        try tx.execute("UPDATE periods SET derived_to = ''")
    }

    /// Teams whose obligations in a period are not yet derived from the facts at hand.
    static func pendingTeams(_ row: PeriodRow, in tx: ReadTransaction) throws -> Int {
        let changed = try tx.count("SELECT count(*) FROM changed_teams")
        guard let done = row.derivedTo else { return changed }
        return try tx.count("SELECT count(*) FROM teams WHERE id > ?", [.text(done)])
            + tx.count("SELECT count(*) FROM changed_teams WHERE team <= ?", [.text(done)])
    }
}

extension PeriodRow {
    init(_ row: Row) throws {
        self.init(
            period: Month(try row.text(0)) ?? Month(index: 0), openedAt: try row.instant(1),
            derivedTo: try row.textOrNull(2))
    }
}
