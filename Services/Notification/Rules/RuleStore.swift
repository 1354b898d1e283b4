import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Rows of rules: what is configured as the contract's message, beside it how far the rule has looked.
enum RuleStore {
    private static let columns = "id, payload, revision, last_run, created_at, has_run"

    static func insert(_ rule: Rule, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            INSERT INTO rule (id, payload, enabled, revision, last_run, created_at, has_run)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .text(rule.id), .blob(try rule.message.serializedBytes()), SQLValue(rule.isEnabled),
                SQLValue(rule.revision), SQLValue(rule.lookedAt), SQLValue(rule.createdAt), SQLValue(rule.hasRun),
            ])
    }

    /// A rule that is switched on looks at what comes from then on.
    static func update(_ rule: Rule, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "UPDATE rule SET payload = ?, enabled = ?, revision = ?, last_run = ? WHERE id = ?",
            [
                .blob(try rule.message.serializedBytes()), SQLValue(rule.isEnabled), SQLValue(rule.revision),
                SQLValue(rule.lookedAt), .text(rule.id),
            ])
    }

    /// Notes how far it has looked, unless somebody else has looked meanwhile.
    static func advance(_ rule: Rule, to instant: Instant, _ transaction: WriteTransaction) throws -> Bool {
        try transaction.execute(
            "UPDATE rule SET last_run = ?, has_run = 1 WHERE id = ? AND last_run = ? AND revision = ?",
            [SQLValue(instant), .text(rule.id), SQLValue(rule.lookedAt), SQLValue(rule.revision)]) > 0
    }

    static func delete(_ id: String, _ transaction: WriteTransaction) throws -> Bool {
        try transaction.execute("DELETE FROM rule WHERE id = ?", [.text(id)]) > 0
    }

    static func get(_ id: String, _ transaction: ReadTransaction) throws -> Rule? {
        try transaction.queryOne("SELECT \(columns) FROM rule WHERE id = ?", [.text(id)], rule)
    }

    static func enabled(_ transaction: ReadTransaction) throws -> [Rule] {
        try transaction.query("SELECT \(columns) FROM rule WHERE enabled = 1 ORDER BY id", [], rule)
    }

    static func page(after: String, limit: Int, _ transaction: ReadTransaction) throws -> [Rule] {
        try transaction.query(
            "SELECT \(columns) FROM rule WHERE id > ? ORDER BY id LIMIT ?", [.text(after), SQLValue(limit)], rule)
    }

    private static func rule(_ row: Row) throws -> Rule {
        let message = try Cdt_Notification_V1_Rule(serializedBytes: try row.blob(1))
        guard case .success(var rule) = Rule.reading(message, now: try row.instant(4)) else {
            throw StorageError.corrupt("rule \(try row.text(0)) cannot be read; it was written by a newer release")
        }
        rule.revision = try row.int(2)
        rule.lookedAt = try row.instant(3)
        rule.hasRun = try row.bool(5)
        return rule
    }
}
