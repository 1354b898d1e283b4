import ServiceKit
import Storage

/// A system that receives the messages of a unit's subtree.
struct WebhookEndpoint: Sendable, Hashable {
    var id: String
    var unit: String
    var url: String
    var displayName: String
    var createdAt: Instant
}

enum EndpointStore {
    private static let columns = "id, unit, url, display_name, created_at"

    static func insert(_ endpoint: WebhookEndpoint, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "INSERT INTO webhook_endpoint (\(columns)) VALUES (?, ?, ?, ?, ?)",
            [
                .text(endpoint.id), .text(endpoint.unit), .text(endpoint.url), .text(endpoint.displayName),
                SQLValue(endpoint.createdAt),
            ])
    }

    static func delete(_ id: String, _ transaction: WriteTransaction) throws -> Bool {
        try transaction.execute("DELETE FROM webhook_endpoint WHERE id = ?", [.text(id)]) > 0
    }

    static func get(_ id: String, _ transaction: ReadTransaction) throws -> WebhookEndpoint? {
        try transaction.queryOne("SELECT \(columns) FROM webhook_endpoint WHERE id = ?", [.text(id)], endpoint)
    }

    static func ofUnit(_ unit: String, _ transaction: ReadTransaction) throws -> WebhookEndpoint? {
        try transaction.queryOne(
            "SELECT \(columns) FROM webhook_endpoint WHERE unit = ?", [.text(unit)], endpoint)
    }

    /// "The nearest endpoint above a team holds."
    static func nearest(_ path: [String], _ transaction: ReadTransaction) throws -> WebhookEndpoint? {
        for unit in path {
            if let endpoint = try ofUnit(unit, transaction) { return endpoint }
        }
        return nil
    }

    static func page(after: String, limit: Int, _ transaction: ReadTransaction) throws -> [WebhookEndpoint] {
        try transaction.query(
            "SELECT \(columns) FROM webhook_endpoint WHERE id > ? ORDER BY id LIMIT ?",
            [.text(after), SQLValue(limit)],
            endpoint)
    }

    private static func endpoint(_ row: Row) throws -> WebhookEndpoint {
        WebhookEndpoint(
            id: try row.text(0), unit: try row.text(1), url: try row.text(2), displayName: try row.text(3),
            createdAt: try row.instant(4))
    }
}
