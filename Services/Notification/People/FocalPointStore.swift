import ServiceKit
import Storage

/// A person whom a unit's authorities want told about its teams.
struct FocalPoint: Sendable, Hashable {
    var id: String
    var unit: String
    var person: String
    var createdAt: Instant
}

enum FocalPointStore {
    private static let columns = "id, unit, person, created_at"

    static func insert(_ point: FocalPoint, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "INSERT INTO focal_point (\(columns)) VALUES (?, ?, ?, ?)",
            [.text(point.id), .text(point.unit), .text(point.person), SQLValue(point.createdAt)])
    }

    static func delete(_ id: String, _ transaction: WriteTransaction) throws -> Bool {
        try transaction.execute("DELETE FROM focal_point WHERE id = ?", [.text(id)]) > 0
    }

    static func get(_ id: String, _ transaction: ReadTransaction) throws -> FocalPoint? {
        try transaction.queryOne("SELECT \(columns) FROM focal_point WHERE id = ?", [.text(id)], point)
    }

    static func find(unit: String, person: String, _ transaction: ReadTransaction) throws -> FocalPoint? {
        try transaction.queryOne(
            "SELECT \(columns) FROM focal_point WHERE unit = ? AND person = ?", [.text(unit), .text(person)], point)
    }

    /// Ids of a unit's focal points, ascending.
    static func people(of unit: String, _ transaction: ReadTransaction) throws -> [String] {
        try transaction.query("SELECT person FROM focal_point WHERE unit = ? ORDER BY person", [.text(unit)]) {
            try $0.text(0)
        }
    }

    static func page(unit: String, after: String, limit: Int, _ transaction: ReadTransaction) throws -> [FocalPoint] {
        try transaction.query(
            "SELECT \(columns) FROM focal_point WHERE id > ? AND (? = '' OR unit = ?) ORDER BY id LIMIT ?",
            [.text(after), .text(unit), .text(unit), SQLValue(limit)], point)
    }

    private static func point(_ row: Row) throws -> FocalPoint {
        FocalPoint(
            id: try row.text(0), unit: try row.text(1), person: try row.text(2), createdAt: try row.instant(3))
    }
}

/// People's wishes not to be told about a topic.
enum OptOutStore {
    static func exists(person: String, topic: String, _ transaction: ReadTransaction) throws -> Bool {
        try transaction.exists("SELECT 1 FROM opt_out WHERE person = ? AND topic = ?", [.text(person), .text(topic)])
    }

    /// Since when the person has opted out; nil: told again.
    static func set(
        person: String, topic: String, isOut: Bool, now: Instant, _ transaction: WriteTransaction
    ) throws -> Instant? {
        guard isOut else {
            try transaction.execute(
                "DELETE FROM opt_out WHERE person = ? AND topic = ?", [.text(person), .text(topic)])
            return nil
        }
        try transaction.execute(
            "INSERT INTO opt_out (person, topic, created_at) VALUES (?, ?, ?) ON CONFLICT (person, topic) DO NOTHING",
            [.text(person), .text(topic), SQLValue(now)])
        return try transaction.queryOne(
            "SELECT created_at FROM opt_out WHERE person = ? AND topic = ?", [.text(person), .text(topic)]
        ) { try $0.instant(0) }
    }

    static func page(person: String, after: String, limit: Int, _ transaction: ReadTransaction) throws -> [(
        topic: String, createdAt: Instant
    )] {
        try transaction.query(
            "SELECT topic, created_at FROM opt_out WHERE person = ? AND topic > ? ORDER BY topic LIMIT ?",
            [.text(person), .text(after), SQLValue(limit)]
        ) { (try $0.text(0), try $0.instant(1)) }
    }
}
