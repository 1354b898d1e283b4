import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Targets, as they were set.
enum TargetStore {
    static func put(_ target: Cdt_Activity_V1_Target, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO targets (id, unit, content) VALUES (?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET content = excluded.content
            """,
            [
                .text(ResourceName.lastID(target.name)), .text(ResourceName.lastID(target.unit)),
                .blob(try target.serializedBytes()),
            ])
    }

    static func get(_ id: String, in tx: ReadTransaction) throws -> Cdt_Activity_V1_Target? {
        try tx.queryOne("SELECT content FROM targets WHERE id = ?", [.text(id)]) {
            try Cdt_Activity_V1_Target(serializedBytes: try $0.blob(0))
        }
    }

    /// Newest first (ids rise with time), those before the given id.
    static func list(unit: String?, before id: String?, limit: Int, in tx: ReadTransaction) throws
        -> [Cdt_Activity_V1_Target]
    {
        let filter = unit == nil ? "" : "AND unit = ?"
        return try tx.query(
            "SELECT content FROM targets WHERE id < ? \(filter) ORDER BY id DESC LIMIT ?",
            [.text(id ?? "~")] + (unit.map { [.text($0)] } ?? []) + [SQLValue(limit)]
        ) { try Cdt_Activity_V1_Target(serializedBytes: try $0.blob(0)) }
    }
}
