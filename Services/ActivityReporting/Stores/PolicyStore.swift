import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// A reporting policy as stored.
struct PolicyRow: Sendable {
    var policy: DatedPolicy
    var document: Cdt_Common_V1_LegalDocument?
    var createdAt: Instant
}

/// A waiver: the reports of a period are not expected from the teams under a unit.
struct Waiver: Sendable, Hashable {
    var id: String
    var period: Month
    var unit: String
    var reason: String
}

/// Reporting policies and waivers.
enum PolicyStore {
    private static let columns = """
        id, jurisdiction, from_day, end_day, commune_subject, hamlet_subject, start_day, due_day, grace_days, \
        minimum_days, document, created_at, closing_days
        """

    static func get(_ id: String, in tx: ReadTransaction) throws -> PolicyRow? {
        try tx.queryOne("SELECT \(columns) FROM policies WHERE id = ?", [.text(id)], PolicyRow.init)
    }

    static func of(_ jurisdiction: String, in tx: ReadTransaction) throws -> [PolicyRow] {
        try tx.query(
            "SELECT \(columns) FROM policies WHERE jurisdiction = ? ORDER BY from_day", [.text(jurisdiction)],
            PolicyRow.init)
    }

    /// Ordered by jurisdiction and first day, after the given ones.
    static func list(
        jurisdiction: String?, after: (jurisdiction: String, from: String), limit: Int, in tx: ReadTransaction
    ) throws -> [PolicyRow] {
        let filter = jurisdiction == nil ? "" : "AND jurisdiction = ?"
        let bindings: [SQLValue] = [.text(after.jurisdiction), .text(after.jurisdiction), .text(after.from)]
        return try tx.query(
            """
            SELECT \(columns) FROM policies WHERE (jurisdiction > ? OR jurisdiction = ? AND from_day > ?) \(filter)
            ORDER BY jurisdiction, from_day LIMIT ?
            """, bindings + (jurisdiction.map { [.text($0)] } ?? []) + [SQLValue(limit)], PolicyRow.init)
    }

    static func insert(_ row: PolicyRow, in tx: WriteTransaction) throws {
        let (policy, rules) = (row.policy, row.policy.rules)
        try tx.execute(
            "INSERT INTO policies (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .text(policy.id), .text(policy.jurisdiction), SQLValue(policy.validity.from?.description ?? ""),
                SQLValue(policy.validity.exclusiveEnd?.description), SQLValue(rules.communeTeams.rawValue),
                SQLValue(rules.hamletTeams.rawValue), SQLValue(rules.startDay), SQLValue(rules.dueDay),
                SQLValue(rules.graceDays), SQLValue(rules.minimumDays),
                SQLValue(try row.document.map { try $0.serializedBytes() as [UInt8] }),
                SQLValue(row.createdAt), SQLValue(rules.closingDays),
            ])
    }

    static func end(_ id: String, on lastDay: LocalDate, in tx: WriteTransaction) throws {
        try tx.execute(
            "UPDATE policies SET end_day = ? WHERE id = ?", [.text(lastDay.next.description), .text(id)])
    }

    /// All of them; there are few.
    static func book(in tx: ReadTransaction) throws -> PolicyBook {
        PolicyBook(try tx.query("SELECT \(columns) FROM policies", [], PolicyRow.init).map(\.policy))
    }

    // MARK: Waivers

    static func insert(
        _ waiver: Waiver, decision: Cdt_Common_V1_LegalDocument?, by: String, now: Instant, in tx: WriteTransaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO waivers (id, period, unit, reason, decision, created_at, created_by)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .text(waiver.id), .text(waiver.period.description), .text(waiver.unit), .text(waiver.reason),
                SQLValue(try decision.map { try $0.serializedBytes() as [UInt8] }), SQLValue(now),
                .text(by),
            ])
        // Should this process end before the teams under it are through, the reconciler goes over all of them.
        try PeriodStore.setDerived(waiver.period, to: "", in: tx)
        tx.notify(RegistryFeed.channel)
    }

    static func waivers(in tx: ReadTransaction) throws -> [Waiver] {
        try tx.query("SELECT id, period, unit, reason FROM waivers ORDER BY created_at, id") { row in
            Waiver(
                id: try row.text(0), period: Month(try row.text(1)) ?? Month(index: 0), unit: try row.text(2),
                reason: try row.text(3))
        }
    }
}

extension PolicyRow {
    init(_ row: Row) throws {
        policy = DatedPolicy(
            id: try row.text(0), jurisdiction: try row.text(1),
            validity: DateRange(
                from: LocalDate(try row.text(2)), exclusiveEnd: try row.dateOrNull(3)),
            rules: ReportingRules(
                communeTeams: ReportingSubject(rawValue: try row.int(4)) ?? .member,
                hamletTeams: ReportingSubject(rawValue: try row.int(5)) ?? .team, startDay: try row.int(6),
                dueDay: try row.int(7), graceDays: try row.int(8), minimumDays: try row.int(9),
                closingDays: try row.int(12)))
        document = try row.blobOrNull(10).map { try Cdt_Common_V1_LegalDocument(serializedBytes: $0) }
        createdAt = try row.instant(11)
    }
}
