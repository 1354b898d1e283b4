import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// SQL of the books: reading them.
package enum LedgerReader {
    // MARK: Accounts

    package static func accounts(
        policy: String, year: Int, after: String, limit: Int, _ transaction: ReadTransaction
    ) throws -> [Account] {
        try transaction.query(
            """
            SELECT \(LedgerStore.accountColumns) FROM ledger_accounts
            WHERE (? = '' OR policy = ?) AND (? = 0 OR year = ?) AND name > ? ORDER BY name LIMIT ?
            """,
            [.text(policy), .text(policy), SQLValue(year), SQLValue(year), .text(after), SQLValue(limit)],
            LedgerStore.account)
    }

    /// The last journal recorded until a moment.
    package static func head(at moment: Instant, _ transaction: ReadTransaction) throws -> LedgerStore.Head {
        try transaction.queryOne(
            """
            SELECT number, chain_hash, recorded_at FROM ledger_journals WHERE recorded_at <= ?
            ORDER BY recorded_at DESC, number DESC LIMIT 1
            """, [SQLValue(moment)]
        ) { LedgerStore.Head(number: try $0.int64(0), hash: try $0.blob(1), recordedAt: try $0.instant(2)) }
            ?? LedgerStore.Head()
    }

    /// Every account with a movement, with the sums up to a journal.
    package static func balances(
        until journal: Int64, policy: String, year: Int, _ transaction: ReadTransaction
    ) throws -> [Account] {
        try transaction.query(
            """
            SELECT a.id, a.policy, a.source, a.year, a.kind, a.may_overdraw, CAST(sum(m.debit) AS BIGINT),
                CAST(sum(m.credit) AS BIGINT), a.version
            FROM ledger_accounts a JOIN ledger_movements m ON m.account = a.id
            WHERE m.journal <= ? AND (? = '' OR a.policy = ?) AND (? = 0 OR a.year = ?)
            GROUP BY a.id, a.policy, a.source, a.year, a.kind, a.may_overdraw, a.version, a.name ORDER BY a.name
            """,
            [.integer(journal), .text(policy), .text(policy), SQLValue(year), SQLValue(year)], LedgerStore.account)
    }

    // MARK: Journals

    private static let journalColumns =
        "number, kind, recorded_at, actor, maker, reference, document, note, entry_count, amount, chain_hash"

    private static func journal(_ row: Row) throws -> Journal {
        guard let kind = JournalKind(rawValue: try row.int(1)) else {
            throw StorageError.misuse("journal \(try row.int64(0)) cannot be read")
        }
        return Journal(
            number: try row.int64(0), kind: kind, recordedAt: try row.instant(2), actor: try row.text(3),
            maker: try row.text(4), reference: try row.text(5), document: try row.blob(6), note: try row.text(7),
            entryCount: try row.int64(8), amount: try row.int64(9), chainHash: try row.blob(10))
    }

    package static func journals(
        reference: String, kind: JournalKind?, before: Int64?, limit: Int, _ transaction: ReadTransaction
    ) throws -> [Journal] {
        let kind = SQLValue(kind?.rawValue)
        return try transaction.query(
            """
            SELECT \(journalColumns) FROM ledger_journals
            WHERE (? = '' OR reference = ?) AND (CAST(? AS BIGINT) IS NULL OR kind = ?)
                AND (CAST(? AS BIGINT) IS NULL OR number < ?) ORDER BY number DESC LIMIT ?
            """,
            [.text(reference), .text(reference), kind, kind, SQLValue(before), SQLValue(before), SQLValue(limit)],
            journal)
    }

    package static func journals(after number: Int64, limit: Int, _ transaction: ReadTransaction) throws -> [Journal] {
        try transaction.query(
            "SELECT \(journalColumns) FROM ledger_journals WHERE number > ? ORDER BY number LIMIT ?",
            [.integer(number), SQLValue(limit)], journal)
    }

    package static func movements(of journal: Int64, _ transaction: ReadTransaction) throws -> [LedgerChain.Movement] {
        try transaction.query(
            """
            SELECT m.account, a.name, m.debit, m.credit FROM ledger_movements m
            JOIN ledger_accounts a ON a.id = m.account WHERE m.journal = ? ORDER BY m.account
            """, [.integer(journal)]
        ) {
            LedgerChain.Movement(
                account: try $0.int64(0), name: try $0.text(1), debit: try $0.int64(2), credit: try $0.int64(3))
        }
    }

    // MARK: Entries

    package struct EntryFilter: Sendable {
        package var journal: Int64?
        package var team = ""
        package var person = ""
        package init() {}
    }

    /// By journal and position, with the names of their accounts.
    package static func entries(
        _ filter: EntryFilter, after: (journal: Int64, position: Int)?, limit: Int, _ transaction: ReadTransaction
    ) throws -> [Cdt_Funding_V1_JournalEntry] {
        var conditions = ["(e.journal, e.position) > (?, ?)"]
        var bindings: [SQLValue] = [.integer(after?.journal ?? 0), SQLValue(after?.position ?? -1)]
        if let journal = filter.journal {
            conditions.append("e.journal = ?")
            bindings.append(.integer(journal))
        }
        for (column, value) in [("team_id", filter.team), ("person_id", filter.person)] where !value.isEmpty {
            conditions.append("e.\(column) = ?")
            bindings.append(.text(value))
        }
        return try transaction.query(
            """
            SELECT e.journal, e.position, d.name, c.name, e.amount, e.component, e.month, e.team_id, e.person_id,
                coalesce(e.due, 0), e.cut, e.item
            FROM ledger_entries e JOIN ledger_accounts d ON d.id = e.debit JOIN ledger_accounts c ON c.id = e.credit
            WHERE \(conditions.joined(separator: " AND ")) ORDER BY e.journal, e.position LIMIT ?
            """, bindings + [SQLValue(limit)]
        ) { row in
            try .with {
                $0.journal = "journals/\(try row.int64(0))"
                $0.position = try row.int32(1)
                $0.debitAccount = try row.text(2)
                $0.creditAccount = try row.text(3)
                $0.amountDong = try row.int64(4)
                $0.component = try row.text(5)
                $0.month = try row.text(6)
                $0.team = try row.text(7)
                $0.person = try row.text(8)
                $0.dueDong = try row.int64(9)
                $0.cut = try row.bool(10)
                $0.item = try row.text(11)
            }
        }
    }

    package static func eachEntry(
        of journal: Int64, _ transaction: ReadTransaction, _ body: (EntryRow) throws -> Void
    ) throws {
        try transaction.forEach(
            "SELECT \(EntryRow.columns) FROM ledger_entries WHERE journal = ? ORDER BY position", [.integer(journal)]
        ) { try body(EntryRow($0, at: 0)) }
    }

    /// What one journal accrued, in its order.
    package static func accruals(of journal: String, _ transaction: ReadTransaction) throws
        -> [(budget: Budget, entry: EntryRow, line: AccruedLine)]
    {
        guard let number = ResourceName.id(journal, in: "journals").flatMap({ Int64($0) }) else { return [] }
        return try transaction.query(
            """
            SELECT a.policy, a.source, a.year, \(EntryRow.columns.split(separator: ", ").map { "e.\($0)" }.joined(separator: ", "))
            FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.debit
            WHERE e.journal = ? AND e.due IS NOT NULL ORDER BY e.position
            """, [.integer(number)]
        ) { row in
            let entry = try EntryRow(row, at: 3)
            guard let source = BudgetSource(rawValue: try row.int(1)), let month = Month(entry.month) else {
                throw StorageError.misuse("an entry of \(journal) cannot be read")
            }
            return (
                Budget(policy: try row.text(0), source: source, year: try row.int(2)), entry,
                AccruedLine(component: entry.component, month: month, due: entry.due ?? 0, cut: entry.cut)
            )
        }
    }
}
