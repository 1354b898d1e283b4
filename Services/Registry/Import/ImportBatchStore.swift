import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// An import as a whole: what it is, how far it came, what was wrong.
package struct ImportBatch: Sendable, Hashable {
    package var id: UniqueID
    package var sourceSystem: String
    package var codeDate: LocalDate
    package var label: String
    /// Who began it: a narrow grant goes on with its own imports only, and sees no others.
    package var actor: String
    /// Rows up to this number are stored.
    package var lastRow: Int64 = 0
    package var isComplete = false
    package var counts = ImportCounts()
    package var createdAt: Instant
    package var updatedAt: Instant

    var name: String { "importBatches/\(id)" }

    func belongs(to subject: String) -> Bool { !subject.isEmpty && actor == subject }

    /// Marks the rows stored by this import.
    var key: Int64 { Int64(bitPattern: id.high ^ id.low) }

    var message: Cdt_Registry_V1_ImportBatch {
        .with {
            $0.name = name
            $0.sourceSystem = sourceSystem
            $0.codeDate = codeDate.description
            $0.label = label
            $0.lastRow = lastRow
            $0.complete = isComplete
            $0.summary = counts.message
            $0.createTime = createdAt.timestamp
            $0.updateTime = updatedAt.timestamp
        }
    }
}

/// Imports in the database. Only rows that were rejected or warned are kept one by one.
package enum ImportBatchStore {
    package static func insert(_ batch: ImportBatch, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            INSERT INTO import_batch (
                id, source_system, code_date, label, last_row, is_complete, row_count, accepted, unchanged, rejected,
                warned, created_at, updated_at, actor
            ) VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, ?, ?, ?)
            """,
            [
                SQLValue(batch.id), .text(batch.sourceSystem), SQLValue(batch.codeDate), .text(batch.label),
                .integer(batch.lastRow), SQLValue(batch.createdAt), SQLValue(batch.updatedAt),
                .text(batch.actor),
            ])
    }

    package static func batch(_ id: UniqueID, in tx: ReadTransaction) throws -> ImportBatch? {
        try tx.queryOne(
            """
            SELECT id, source_system, code_date, label, last_row, is_complete, row_count, accepted, unchanged, rejected,
                warned, created_at, updated_at, actor
            FROM import_batch WHERE id = ?
            """, [SQLValue(id)]
        ) { row in
            ImportBatch(
                id: try row.id(0), sourceSystem: try row.text(1), codeDate: try row.date(2), label: try row.text(3),
                actor: try row.text(13), lastRow: try row.int64(4), isComplete: try row.bool(5),
                counts: ImportCounts(
                    rows: try row.int(6), accepted: try row.int(7), unchanged: try row.int(8), rejected: try row.int(9),
                    warned: try row.int(10)), createdAt: try row.instant(11), updatedAt: try row.instant(12))
        }
    }

    /// Adds what a chunk brought.
    package static func advance(
        _ id: UniqueID, to lastRow: Int64, by counts: ImportCounts, now: Instant, in tx: WriteTransaction
    ) throws {
        try tx.executeLater(
            """
            UPDATE import_batch SET last_row = CASE WHEN last_row < ? THEN ? ELSE last_row END, is_complete = 0,
                row_count = row_count + ?, accepted = accepted + ?, unchanged = unchanged + ?,
                rejected = rejected + ?, warned = warned + ?, updated_at = ?
            WHERE id = ?
            """,
            [
                .integer(lastRow), .integer(lastRow), SQLValue(counts.rows), SQLValue(counts.accepted),
                SQLValue(counts.unchanged), SQLValue(counts.rejected), SQLValue(counts.warned), SQLValue(now),
                SQLValue(id),
            ])
    }

    package static func complete(_ id: UniqueID, now: Instant, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "UPDATE import_batch SET is_complete = 1, updated_at = ? WHERE id = ?", [SQLValue(now), SQLValue(id)])
    }

    package static func keep(_ verdict: Cdt_Common_V1_RowVerdict, of id: UniqueID, in tx: WriteTransaction) throws {
        let bytes: [UInt8] = try verdict.serializedBytes()
        try tx.executeLater(
            """
            INSERT INTO import_problem (batch_id, row_number, verdict) VALUES (?, ?, ?)
            ON CONFLICT (batch_id, row_number) DO UPDATE SET verdict = excluded.verdict
            """, [SQLValue(id), .integer(verdict.rowNumber), .blob(bytes)])
    }

    /// A row sent again is good now.
    package static func forget(row number: Int64, of id: UniqueID, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "DELETE FROM import_problem WHERE batch_id = ? AND row_number = ?", [SQLValue(id), .integer(number)])
    }

    /// What was said of the row that a membership came from: it may quote the person's data.
    package static func forgetProblems(of membership: UniqueID, in tx: WriteTransaction) throws {
        let mark = try tx.queryOne(
            "SELECT import_key, import_row FROM membership WHERE id = ?", [SQLValue(membership)]
        ) { (try $0.int64OrNull(0), try $0.int64OrNull(1)) }
        guard let key = mark?.0, let row = mark?.1 else { return }
        let ids = try tx.query(
            "SELECT batch_id FROM import_problem WHERE row_number = ?", [.integer(row)]
        ) { try $0.id(0) }
        for id in ids where Int64(bitPattern: id.high ^ id.low) == key { try forget(row: row, of: id, in: tx) }
    }

    package static func problems(of id: UniqueID, after row: Int64, limit: Int, in tx: ReadTransaction) throws
        -> [Cdt_Common_V1_RowVerdict]
    {
        try tx.query(
            "SELECT verdict FROM import_problem WHERE batch_id = ? AND row_number > ? ORDER BY row_number LIMIT ?",
            [SQLValue(id), .integer(row), SQLValue(limit)]
        ) { try Cdt_Common_V1_RowVerdict(serializedBytes: try $0.blob(0)) }
    }
}
