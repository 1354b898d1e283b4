import Foundation
import Storage
import SwiftProtobuf
import Synchronization

/// Records the events of a service in the transaction that makes the changes, so that neither exists without the other.
///
/// On SQLite the one writer numbers events as it appends them, and commit order is the order of the numbers. On
/// PostgreSQL `append` leaves them unnumbered, and `FeedSequencer` numbers them once they are committed; callers see no
/// difference.
package struct Outbox: Sendable {
    /// A topic as the database knows it.
    struct Topic: Sendable, Hashable {
        var id: Int64
        var name: String
        var epoch: UInt64

        var channel: String { "feed:\(name)" }
    }

    let topics: [String: Topic]

    package static let migrations = MigrationSet(
        "feed-outbox",
        [
            // `horizon`: tombstones up to this sequence are gone, so cursors before it have expired.
            Migration(
                version: 1, name: "topics and events",
                sql: """
                    CREATE TABLE feed_topics (
                        id BIGINT NOT NULL PRIMARY KEY,
                        name TEXT NOT NULL UNIQUE,
                        epoch BIGINT NOT NULL,
                        horizon BIGINT NOT NULL
                    );
                    CREATE TABLE feed_events (
                        topic BIGINT NOT NULL REFERENCES feed_topics (id),
                        sequence BIGINT NOT NULL,
                        aggregate TEXT NOT NULL,
                        version BIGINT NOT NULL,
                        recorded_at BIGINT NOT NULL,
                        traceparent TEXT NOT NULL,
                        type TEXT NOT NULL,
                        payload BLOB NOT NULL,
                        tombstone BIGINT NOT NULL,
                        PRIMARY KEY (topic, sequence)
                    ) WITHOUT ROWID;
                    """),
            // On SQLite both stay empty. `arrived` and `tie` tell events apart and give about the order of arrival;
            // `holder` numbers, until `fence` has risen; `beat` rises with each batch.
            Migration(
                version: 2, name: "events without a number, and who numbers them",
                sql: """
                    CREATE TABLE feed_pending (
                        arrived BIGINT NOT NULL,
                        tie BIGINT NOT NULL,
                        topic BIGINT NOT NULL,
                        aggregate TEXT NOT NULL,
                        version BIGINT NOT NULL,
                        recorded_at BIGINT NOT NULL,
                        traceparent TEXT NOT NULL,
                        type TEXT NOT NULL,
                        payload BLOB NOT NULL,
                        tombstone BIGINT NOT NULL,
                        PRIMARY KEY (arrived, tie)
                    ) WITHOUT ROWID;
                    CREATE INDEX feed_pending_aggregate ON feed_pending (topic, aggregate, version);
                    CREATE TABLE feed_sequencers (
                        id BIGINT NOT NULL PRIMARY KEY,
                        holder TEXT NOT NULL,
                        fence BIGINT NOT NULL,
                        beat BIGINT NOT NULL
                    );
                    """),
        ])

    /// The outbox of a service with the topics it serves; new ones are recorded. On PostgreSQL events are numbered from
    /// then on until the database closes.
    package static func open(_ topics: [String], in database: Database) async throws -> Outbox {
        try await open(topics, in: database, sequencer: FeedSequencer.Options())
    }

    static func open(_ topics: [String], in database: Database, sequencer options: FeedSequencer.Options) async throws
        -> Outbox
    {
        let epochs = topics.map { _ in Int64.random(in: .min ... .max) }
        let known = try await database.write { tx in
            for (name, epoch) in zip(topics, epochs) {
                try tx.execute(
                    """
                    INSERT INTO feed_topics (id, name, epoch, horizon)
                    SELECT coalesce(max(id), 0) + 1, ?, ?, 0 FROM feed_topics WHERE true
                    ON CONFLICT (name) DO NOTHING
                    """, [.text(name), .integer(epoch)])
            }
            return try tx.query("SELECT id, name, epoch FROM feed_topics") {
                Topic(id: try $0.int64(0), name: try $0.text(1), epoch: UInt64(bitPattern: try $0.int64(2)))
            }
        }
        let served = known.filter { topics.contains($0.name) }
        if database.dialect == .postgres {
            let channels = Dictionary(uniqueKeysWithValues: served.map { ($0.id, $0.channel) })
            let sequencer = FeedSequencer(database: database, topics: channels, options: options)
            let task = Task { await sequencer.run() }
            database.beforeClosing {
                task.cancel()
                await task.value
            }
        }
        return Outbox(topics: Dictionary(uniqueKeysWithValues: served.map { ($0.name, $0) }))
    }

    /// Records that an aggregate has changed. `payload` is its whole state after the change, `version` one more than
    /// that of its event before, `microseconds` now since 1970, `traceparent` that of the call.
    package func append(
        topic: String, aggregate: String, version: Int64, payload: some Message, traceparent: String = "",
        at microseconds: Int64, in transaction: WriteTransaction
    ) throws {
        try append(
            topic: topic, aggregate: aggregate, version: version, type: Swift.type(of: payload).protoMessageName,
            payload: payload.serializedBytes(), tombstone: false, traceparent: traceparent, at: microseconds,
            in: transaction)
    }

    /// Records that an aggregate is gone.
    package func appendTombstone(
        topic: String, aggregate: String, version: Int64, traceparent: String = "", at microseconds: Int64,
        in transaction: WriteTransaction
    ) throws {
        try append(
            topic: topic, aggregate: aggregate, version: version, type: "", payload: [], tombstone: true,
            traceparent: traceparent, at: microseconds, in: transaction)
    }

    private func append(
        topic name: String, aggregate: String, version: Int64, type: String, payload: [UInt8], tombstone: Bool,
        traceparent: String, at microseconds: Int64, in transaction: WriteTransaction
    ) throws {
        guard let topic = topics[name] else {
            throw StorageError.misuse("the topic \(name) is not among those the outbox was opened with")
        }
        guard transaction.dialect == .sqlite else {
            let (arrived, tie) = Arrival.next()
            try transaction.executeLater(
                """
                INSERT INTO feed_pending
                    (arrived, tie, topic, aggregate, version, recorded_at, traceparent, type, payload, tombstone)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    .integer(arrived), .integer(tie), .integer(topic.id), .text(aggregate), .integer(version),
                    .integer(microseconds), .text(traceparent), .text(type), .blob(payload), SQLValue(tombstone),
                ])
            return transaction.notify(FeedSequencer.channel)
        }
        // The last event of a topic is never removed, so the numbers are dense and never come twice.
        try transaction.execute(
            """
            INSERT INTO feed_events
                (topic, sequence, aggregate, version, recorded_at, traceparent, type, payload, tombstone)
            VALUES (?, coalesce((SELECT sequence FROM feed_events WHERE topic = ? ORDER BY sequence DESC LIMIT 1), 0) + 1,
                ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .integer(topic.id), .integer(topic.id), .text(aggregate), .integer(version), .integer(microseconds),
                .text(traceparent), .text(type), .blob(payload), SQLValue(tombstone),
            ])
        transaction.notify(topic.channel)
    }
}

/// Where an unnumbered event stands: rising in a process, and nearly in the order of arrival among several.
private enum Arrival {
    private static let last = Mutex<Int64>(0)
    /// Tells processes apart that append in the same microsecond.
    private static let process = Int64.random(in: 0 ... .max)

    static func next() -> (arrived: Int64, tie: Int64) {
        // 256 to the microsecond; it fits until the year 3111.
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000) << 8
        let arrived = last.withLock { last in
            last = max(last + 1, now)
            return last
        }
        return (arrived, process)
    }
}
