import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Rows of templates: one per version, the whole template as the contract's message.
enum TemplateStore {
    struct Stored: Sendable, Hashable {
        var template: Template
        var createdAt: Instant
    }

    static func insert(_ template: Template, now: Instant, _ transaction: WriteTransaction) throws {
        let payload: [UInt8] = try template.message.serializedBytes()
        try transaction.execute(
            "INSERT INTO template_version (template, version, payload, built_in, created_at) VALUES (?, ?, ?, ?, ?)",
            [
                .text(template.id), SQLValue(template.version), .blob(payload), SQLValue(template.isBuiltIn),
                SQLValue(now),
            ])
    }

    static func newestVersion(_ id: String, _ transaction: ReadTransaction) throws -> Int? {
        try transaction.queryOne(
            "SELECT max(version) FROM template_version WHERE template = ?", [.text(id)]
        ) { try $0.intOrNull(0) } ?? nil
    }

    /// Version 0: the newest.
    static func get(_ id: String, version: Int, _ transaction: ReadTransaction) throws -> Stored? {
        try transaction.queryOne(
            """
            SELECT payload, version, built_in, created_at FROM template_version
            WHERE template = ? AND (? = 0 OR version = ?) ORDER BY version DESC LIMIT 1
            """, [.text(id), SQLValue(version), SQLValue(version)], stored)
    }

    /// The newest versions, by name.
    static func page(after: String, limit: Int, _ transaction: ReadTransaction) throws -> [Stored] {
        try transaction.query(
            """
            SELECT t.payload, t.version, t.built_in, t.created_at FROM template_version t
            WHERE t.template > ?
                AND t.version = (SELECT max(n.version) FROM template_version n WHERE n.template = t.template)
            ORDER BY t.template LIMIT ?
            """, [.text(after), SQLValue(limit)], stored)
    }

    private static func stored(_ row: Row) throws -> Stored {
        let message = try Cdt_Notification_V1_Template(serializedBytes: try row.blob(0))
        guard case .success(var template) = Template.reading(message) else {
            throw StorageError.corrupt("template \(message.name) cannot be read; it was written by a newer release")
        }
        template.version = try row.int(1)
        template.isBuiltIn = try row.bool(2)
        return Stored(template: template, createdAt: try row.instant(3))
    }
}
