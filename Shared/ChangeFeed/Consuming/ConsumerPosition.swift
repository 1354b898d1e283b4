import Storage

/// How far a consumer has come, in the consumer's own database.
struct ConsumerPosition: Sendable {
    let name: String
    let topic: String

    struct Stored: Sendable {
        var cursor: String
        var asOf: Int64?
        var newestEvent: Int64?
        /// The topic is being read from the start, for the first time or again.
        var isRestarting: Bool
    }

    static let migrations = MigrationSet(
        "feed-consumer",
        [
            Migration(
                version: 1, name: "positions and versions",
                sql: """
                    CREATE TABLE feed_consumers (
                        id BIGINT NOT NULL PRIMARY KEY,
                        name TEXT NOT NULL UNIQUE,
                        topic TEXT NOT NULL,
                        cursor TEXT NOT NULL,
                        as_of BIGINT,
                        newest_event BIGINT
                    );
                    CREATE TABLE feed_versions (
                        consumer BIGINT NOT NULL REFERENCES feed_consumers (id),
                        aggregate TEXT NOT NULL,
                        version BIGINT NOT NULL,
                        PRIMARY KEY (consumer, aggregate)
                    ) WITHOUT ROWID;
                    """),
            Migration(
                version: 2, name: "reading again",
                sql: "ALTER TABLE feed_consumers ADD COLUMN is_restarting BIGINT NOT NULL DEFAULT 0"),
            // On SQLite, which one process has for itself, they stay as they are.
            Migration(
                version: 3, name: "which replica follows",
                sql: """
                    ALTER TABLE feed_consumers ADD COLUMN holder TEXT NOT NULL DEFAULT '';
                    ALTER TABLE feed_consumers ADD COLUMN fence BIGINT NOT NULL DEFAULT 0;
                    ALTER TABLE feed_consumers ADD COLUMN beat BIGINT NOT NULL DEFAULT 0;
                    """),
        ])

    func load(in tx: ReadTransaction) throws -> Stored? {
        try tx.queryOne(
            "SELECT cursor, as_of, newest_event, is_restarting FROM feed_consumers WHERE name = ? AND topic = ?",
            [.text(name), .text(topic)]
        ) { row in
            Stored(
                cursor: try row.text(0), asOf: try row.int64OrNull(1), newestEvent: try row.int64OrNull(2),
                isRestarting: try row.bool(3))
        }
    }

    /// The consumer's number; it is recorded when it is new.
    func id(in tx: WriteTransaction) throws -> Int64 {
        let found = try tx.queryOne("SELECT id, topic FROM feed_consumers WHERE name = ?", [.text(name)]) {
            (try $0.int64(0), try $0.text(1))
        }
        if let (id, followed) = found {
            guard followed == topic else {
                throw StorageError.misuse("the consumer \(name) follows \(followed) and cannot follow \(topic)")
            }
            return id
        }
        let id = Int64(try tx.count("SELECT coalesce(max(id), 0) + 1 FROM feed_consumers"))
        try tx.execute(
            "INSERT INTO feed_consumers (id, name, topic, cursor, is_restarting) VALUES (?, ?, ?, '', 1)",
            [.integer(id), .text(name), .text(topic)])
        return id
    }

    /// Records the event's version; false if it or a later one has been applied.
    func isNew(_ event: FeedEvent, for consumer: Int64, in tx: WriteTransaction) throws -> Bool {
        try tx.execute(
            """
            INSERT INTO feed_versions (consumer, aggregate, version) VALUES (?, ?, ?)
            ON CONFLICT (consumer, aggregate) DO UPDATE SET version = excluded.version
            WHERE excluded.version > feed_versions.version
            """, [.integer(consumer), .text(event.aggregate), .integer(event.version)]) > 0
    }

    func store(cursor: String, asOf: Int64?, newestEvent: Int64?, for consumer: Int64, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            UPDATE feed_consumers
            SET cursor = ?, as_of = coalesce(?, as_of), newest_event = coalesce(?, newest_event) WHERE id = ?
            """, [.text(cursor), SQLValue(asOf), SQLValue(newestEvent), .integer(consumer)])
    }

    /// Before every version.
    private static let old: Int64 = -1

    /// Begins at the start of the topic again: every version is new, and what does not come again is gone.
    func restart(for consumer: Int64, in tx: WriteTransaction) throws {
        try tx.execute(
            "UPDATE feed_versions SET version = ? WHERE consumer = ?", [.integer(Self.old), .integer(consumer)])
        try tx.execute(
            """
            UPDATE feed_consumers SET cursor = '', as_of = NULL, newest_event = NULL, is_restarting = 1 WHERE id = ?
            """, [.integer(consumer)])
    }

    /// Notes that everything has been read, and returns the aggregates that were there before and have not come again.
    func endRestart(for consumer: Int64, in tx: WriteTransaction) throws -> [String] {
        try tx.execute("UPDATE feed_consumers SET is_restarting = 0 WHERE id = ?", [.integer(consumer)])
        let old: [SQLValue] = [.integer(consumer), .integer(Self.old)]
        let gone = try tx.query(
            "SELECT aggregate FROM feed_versions WHERE consumer = ? AND version = ? ORDER BY aggregate", old
        ) { try $0.text(0) }
        if !gone.isEmpty { try tx.execute("DELETE FROM feed_versions WHERE consumer = ? AND version = ?", old) }
        return gone
    }
}
