import ServiceKit
import Storage

/// An opened period.
struct PeriodRow: Sendable, Hashable {
    var period: Month
    var openedAt: Instant
    /// The obligations of teams up to this id are derived; nil: of all.
    var derivedTo: String?
    /// When it was closed by a call; nil: it was not.
    var closedAt: Instant?
    var closedBy = ""

    /// Whether what is owed under a calendar stays as it is from now on.
    func isClosed(_ calendar: ReportingCalendar, on today: LocalDate) -> Bool {
        closedAt != nil || calendar.isClosed(on: today, openedOn: openedAt.localDate)
    }

    /// Whether it is closed under every policy there can be.
    ///
    /// - Parameter longest: the most closing days of any policy.
    func isClosedForAll(on today: LocalDate, longest: Int) -> Bool {
        // No policy has a later due day than the end of the month after the period.
        closedAt != nil || today > max(period.next.lastDay, openedAt.localDate).adding(days: longest)
    }
}

/// The periods whose obligations are kept.
enum PeriodStore {
    private static let columns = "period, opened_at, derived_to, closed_at, closed_by"

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

    static func close(_ period: Month, by caller: String, now: Instant, in tx: WriteTransaction) throws {
        try tx.execute(
            "UPDATE periods SET closed_at = ?, closed_by = ? WHERE period = ?",
            [SQLValue(now), .text(caller), .text(period.description)])
    }

    /// The periods that registry facts may still change, newest first.
    static func changing(on today: LocalDate, in tx: ReadTransaction) throws -> [PeriodRow] {
        let longest = try tx.queryOne("SELECT closing_days FROM policies ORDER BY closing_days DESC LIMIT 1", []) {
            try $0.int(0)
        }
        return try all(in: tx).filter {
            !$0.isClosedForAll(on: today, longest: max(longest ?? 0, ReportingRules.standardClosingDays))
        }
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
            derivedTo: try row.textOrNull(2), closedAt: try row.instantOrNull(3), closedBy: try row.text(4))
    }
}
