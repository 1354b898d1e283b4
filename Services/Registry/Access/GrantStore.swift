import ServiceKit
import Storage

/// Grants in the database.
package enum GrantStore {
    private static let columns = "id, subject, unit_id, verbs, role, note, created_at, revoked_at"

    package static func insert(_ grant: Grant, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO access_grant (id, subject, unit_id, verbs, role, note, created_at, revoked_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, NULL)
            """,
            [
                SQLValue(grant.id), .text(grant.subject), SQLValue(grant.unit),
                .text(grant.verbs.map(\.rawValue).sorted().map(String.init).joined(separator: "\n")),
                SQLValue(grant.role?.rawValue ?? 0), .text(grant.note), SQLValue(grant.createdAt),
            ])
    }

    package static func revoke(_ grant: Grant, in tx: WriteTransaction) throws {
        try tx.execute(
            "UPDATE access_grant SET revoked_at = ? WHERE id = ?",
            [grant.revokedAt.map { SQLValue($0) } ?? .null, SQLValue(grant.id)])
    }

    package static func grant(_ id: UniqueID, in tx: ReadTransaction) throws -> Grant? {
        try tx.queryOne("SELECT \(columns) FROM access_grant WHERE id = ?", [SQLValue(id)], read)
    }

    /// Not revoked ones on some units.
    package static func grants(on units: Set<UniqueID>, in tx: ReadTransaction) throws -> [Grant] {
        try tx.query("SELECT \(columns) FROM access_grant WHERE revoked_at IS NULL ORDER BY subject, id", [], read)
            .filter { units.contains($0.unit) }
    }

    /// By subject, then by id.
    package static func list(
        subject: String, unit: UniqueID?, revoked: Bool, after: (subject: String, id: UniqueID)?, limit: Int,
        in tx: ReadTransaction
    ) throws -> [Grant] {
        var conditions = ["1 = 1"]
        var bindings: [SQLValue] = []
        if !subject.isEmpty {
            conditions.append("subject = ?")
            bindings.append(.text(subject))
        }
        if let unit {
            conditions.append("unit_id = ?")
            bindings.append(SQLValue(unit))
        }
        if !revoked { conditions.append("revoked_at IS NULL") }
        if let after {
            conditions.append("(subject > ? OR (subject = ? AND id > ?))")
            bindings += [.text(after.subject), .text(after.subject), SQLValue(after.id)]
        }
        bindings.append(SQLValue(limit))
        return try tx.query(
            """
            SELECT \(columns) FROM access_grant WHERE \(conditions.joined(separator: " AND "))
            ORDER BY subject, id LIMIT ?
            """, bindings, read)
    }

    private static func read(_ row: Row) throws -> Grant {
        Grant(
            id: try row.id(0), subject: try row.text(1), unit: try row.id(2),
            verbs: Set(try row.lines(3).compactMap { Int($0).flatMap(AccessVerb.init(rawValue:)) }),
            role: AccessRole(rawValue: try row.int(4)), note: try row.text(5), createdAt: try row.instant(6),
            revokedAt: try row.int64OrNull(7).map { Instant(microseconds: $0) })
    }
}
