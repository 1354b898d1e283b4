import ServiceKit
import Storage

/// The audit in the database.
package enum AuditStore {
    private static let columns = """
        id, recorded_at, actor, action, resource, request_id, before_hash, after_hash, sequence, chain_hash
        """

    package static func insert(_ entry: AuditEntry, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            INSERT INTO audit (id, recorded_at, actor, action, resource, request_id, before_hash, after_hash)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                SQLValue(entry.id), SQLValue(entry.recordedAt), .text(entry.actor), .text(entry.action),
                .text(entry.resource), .text(entry.requestID), SQLValue(entry.before), SQLValue(entry.after),
            ])
    }

    /// The end of the chain.
    package struct Head: Sendable, Hashable {
        package var sequence: Int64 = 0
        package var hash = AuditChain.origin
    }

    package static func head(in tx: ReadTransaction) throws -> Head {
        try tx.queryOne("SELECT sequence, chain_hash FROM audit_head WHERE id = 1") {
            Head(sequence: try $0.int64(0), hash: try $0.blob(1))
        } ?? Head()
    }

    /// Seals entries in the order in which they were recorded, some at a time; how many. Two processes that seal at
    /// once meet at the entries and at the head's row. Each entry is written by its id alone: told that it has no
    /// number yet, PostgreSQL looked for it among all that have none.
    package static func seal(limit: Int, in tx: WriteTransaction) throws -> Int {
        let entries = try tx.query(
            "SELECT \(columns) FROM audit WHERE sequence IS NULL ORDER BY recorded_at, id LIMIT ?", [SQLValue(limit)],
            read)
        guard !entries.isEmpty else { return 0 }
        var head = try head(in: tx)
        for entry in entries {
            head.hash = AuditChain.hash(after: head.hash, head.sequence + 1, entry)
            head.sequence += 1
            try tx.executeLater(
                "UPDATE audit SET sequence = ?, chain_hash = ? WHERE id = ?",
                [.integer(head.sequence), .blob(head.hash), SQLValue(entry.id)])
        }
        try tx.executeLater(
            """
            INSERT INTO audit_head (id, sequence, chain_hash) VALUES (1, ?, ?)
            ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, chain_hash = excluded.chain_hash
            """, [.integer(head.sequence), .blob(head.hash)])
        return entries.count
    }

    package static func hasUnsealed(in tx: ReadTransaction) throws -> Bool {
        try tx.exists("SELECT 1 FROM audit WHERE sequence IS NULL LIMIT 1")
    }

    package static func unsealed(in tx: ReadTransaction) throws -> Int {
        try tx.count("SELECT count(*) FROM audit WHERE sequence IS NULL")
    }

    /// The sealed entries in the order of the chain, until `follow` returns false.
    package static func scan(in tx: ReadTransaction, while follow: (AuditEntry) throws -> Bool) throws {
        try tx.scan("SELECT \(columns) FROM audit WHERE sequence IS NOT NULL ORDER BY sequence") {
            try follow(try read($0))
        }
    }

    /// Which entries a list asks for.
    package struct Filter: Sendable {
        package var resource = ""
        package var actor = ""
        package var action = ""
    }

    /// The newest first; ids rise with time.
    package static func list(_ filter: Filter, before last: UniqueID?, limit: Int, in tx: ReadTransaction) throws
        -> [AuditEntry]
    {
        var conditions = ["1 = 1"]
        var bindings: [SQLValue] = []
        for (column, value) in [("resource", filter.resource), ("actor", filter.actor), ("action", filter.action)]
        where !value.isEmpty {
            conditions.append("\(column) = ?")
            bindings.append(.text(value))
        }
        if let last {
            conditions.append("id < ?")
            bindings.append(SQLValue(last))
        }
        bindings.append(SQLValue(limit))
        return try tx.query(
            "SELECT \(columns) FROM audit WHERE \(conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT ?",
            bindings, read)
    }

    /// Reads of a resource by call: entries without a state before or after.
    package static func reads(of resource: String, in tx: ReadTransaction) throws -> [(action: String, count: Int)] {
        try tx.query(
            """
            SELECT action, count(*) FROM audit
            WHERE resource = ? AND before_hash IS NULL AND after_hash IS NULL GROUP BY action ORDER BY action
            """, [.text(resource)]
        ) { (try $0.text(0), try $0.int(1)) }
    }

    private static func read(_ row: Row) throws -> AuditEntry {
        AuditEntry(
            id: try row.id(0), recordedAt: try row.instant(1), actor: try row.text(2), action: try row.text(3),
            resource: try row.text(4), requestID: try row.text(5), before: try row.blobOrNull(6),
            after: try row.blobOrNull(7), sequence: try row.int64OrNull(8), chainHash: try row.blobOrNull(9))
    }
}
