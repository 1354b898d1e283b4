import ServiceKit
import Storage

/// A Zalo group of a unit.
struct ZaloGroup: Sendable, Hashable {
    var id: String
    var unit: String
    var displayName: String
    var account: String
    var zaloID: String
    var purpose: String
    var size: Int
    var revision = 1
    var createdAt: Instant
}

/// Rows of groups. As a recipient of a message a group stands under its whole name, people under their bare id.
enum GroupStore {
    private static let columns = "id, unit, display_name, account, zalo_id, purpose, size, revision, created_at"

    static func recipient(_ id: String) -> String { "groups/\(id)" }
    static func id(of recipient: String) -> String? { ResourceName.id(recipient, in: "groups") }

    static func insert(_ group: ZaloGroup, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "INSERT INTO zalo_group (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .text(group.id), .text(group.unit), .text(group.displayName), .text(group.account),
                .text(group.zaloID), .text(group.purpose), SQLValue(group.size), SQLValue(group.revision),
                SQLValue(group.createdAt),
            ])
    }

    static func update(_ group: ZaloGroup, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "UPDATE zalo_group SET display_name = ?, purpose = ?, size = ?, revision = ? WHERE id = ?",
            [
                .text(group.displayName), .text(group.purpose), SQLValue(group.size), SQLValue(group.revision),
                .text(group.id),
            ])
    }

    static func delete(_ id: String, _ transaction: WriteTransaction) throws -> Bool {
        try transaction.execute("DELETE FROM zalo_group WHERE id = ?", [.text(id)]) > 0
    }

    static func get(_ id: String, _ transaction: ReadTransaction) throws -> ZaloGroup? {
        try transaction.queryOne("SELECT \(columns) FROM zalo_group WHERE id = ?", [.text(id)], group)
    }

    static func atZalo(account: String, id: String, _ transaction: ReadTransaction) throws -> ZaloGroup? {
        try transaction.queryOne(
            "SELECT \(columns) FROM zalo_group WHERE account = ? AND zalo_id = ?", [.text(account), .text(id)], group)
    }

    static func page(unit: String, after: String, limit: Int, _ transaction: ReadTransaction) throws -> [ZaloGroup] {
        try transaction.query(
            "SELECT \(columns) FROM zalo_group WHERE id > ? AND (? = '' OR unit = ?) ORDER BY id LIMIT ?",
            [.text(after), .text(unit), .text(unit), SQLValue(limit)], group)
    }

    /// Ids of the groups of a unit and of those under it on a day, ascending.
    static func ids(under unit: String, on date: LocalDate, purposes: Set<String>, _ transaction: ReadTransaction)
        throws -> [String]
    {
        var (sql, bindings) = try AudienceStore.subtree(of: unit, on: date, transaction)
        sql += "\nSELECT g.id FROM subtree s JOIN zalo_group g ON g.unit = s.id"
        if !purposes.isEmpty {
            sql += " WHERE g.purpose IN (\(purposes.map { _ in "?" }.joined(separator: ", ")))"
            bindings += purposes.sorted().map { .text($0) }
        }
        return try transaction.query(sql + " ORDER BY g.id", bindings) { try $0.text(0) }
    }

    private static func group(_ row: Row) throws -> ZaloGroup {
        ZaloGroup(
            id: try row.text(0), unit: try row.text(1), displayName: try row.text(2), account: try row.text(3),
            zaloID: try row.text(4), purpose: try row.text(5), size: try row.int(6), revision: try row.int(7),
            createdAt: try row.instant(8))
    }
}
