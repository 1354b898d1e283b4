import Foundation
import Shared
import Storage
import SwiftProtobuf

/// Events of a topic from a place on.
package struct FeedBatch: Sendable {
    package var events: [FeedEvent]
    /// The place after the batch.
    package var cursor: String
    /// True when the next batch can be read at once.
    package var hasMore = false
    /// True when nothing newer was committed. Neither this nor `hasMore` is true while something has not been numbered.
    package var isCaughtUp: Bool
    /// Everything committed up to this moment has been read, in microseconds since 1970; nil unless caught up.
    package var asOf: Int64?

    package var message: Cdt_Feed_V1_FollowResponse {
        .with {
            $0.events = events.map(\.message)
            $0.cursor = cursor
            $0.caughtUp = isCaughtUp
            if let asOf { $0.asOf = Google_Protobuf_Timestamp(microseconds: asOf) }
        }
    }
}

/// Why a place in a topic cannot be read from.
package enum FeedError: Error, Sendable, Hashable {
    case unknownTopic(String, known: [String])
    case invalidCursor(topic: String)
    case expiredCursor(topic: String)
}

/// Reads a service's own events, without any RPC.
package struct FeedReader: Sendable {
    let database: Database
    let outbox: Outbox
    private let clock: @Sendable () -> Int64

    /// `clock`: now in microseconds since 1970.
    package init(
        database: Database, outbox: Outbox, clock: @escaping @Sendable () -> Int64 = FeedReader.systemClock
    ) {
        self.database = database
        self.outbox = outbox
        self.clock = clock
    }

    package static let systemClock: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1_000_000) }

    func topic(_ name: String) throws -> Outbox.Topic {
        guard let topic = outbox.topics[name] else {
            throw FeedError.unknownTopic(name, known: outbox.topics.keys.sorted())
        }
        return topic
    }

    /// The events after a cursor, at most so many and about so many bytes, but at least one if there is any. A cursor
    /// given out in one scope has expired in another.
    package func batch(topic name: String, after cursor: String, events limit: Int, bytes: Int, scope: UInt64 = 0)
        async throws -> FeedBatch
    {
        let topic = try topic(name)
        var start: FeedCursor?
        if !cursor.isEmpty {
            guard let place = FeedCursor(cursor, topic: name) else { throw FeedError.invalidCursor(topic: name) }
            start = place
        }
        return try await database.readPooled { [clock, start] tx in
            // Before the snapshot is taken: what was committed until now is in it.
            let now = clock()
            try Self.check(start, of: topic, scope, in: tx)
            var events: [FeedEvent] = []
            var size = 0
            var hasMore = false
            try tx.scan(
                """
                SELECT sequence, aggregate, version, recorded_at, traceparent, type, payload, tombstone
                FROM feed_events WHERE topic = ? AND sequence > ? ORDER BY sequence
                """, [.integer(topic.id), .integer(start?.sequence ?? 0)]
            ) { row in
                guard events.count < limit, size < bytes else {
                    hasMore = true
                    return false
                }
                let event = FeedEvent(
                    sequence: try row.int64(0), aggregate: try row.text(1), version: try row.int64(2),
                    recordedAt: try row.int64(3), traceparent: try row.text(4), type: try row.text(5),
                    payload: try row.blob(6), isTombstone: try row.bool(7))
                events.append(event)
                size += event.payload.count + event.aggregate.utf8.count + 128
                return true
            }
            let isCaughtUp = try !hasMore && !Self.waitsForNumber(topic, in: tx)
            let end = FeedCursor(epoch: topic.epoch ^ scope, sequence: events.last?.sequence ?? start?.sequence ?? 0)
            return FeedBatch(
                events: events, cursor: end.encoded(topic: name), hasMore: hasMore, isCaughtUp: isCaughtUp,
                asOf: isCaughtUp ? now : nil)
        }
    }

    /// Whether events of the topic are committed that have no number yet.
    private static func waitsForNumber(_ topic: Outbox.Topic, in tx: ReadTransaction) throws -> Bool {
        guard tx.dialect == .postgres else { return false }
        return try tx.exists("SELECT 1 FROM feed_pending WHERE topic = ? LIMIT 1", [.integer(topic.id)])
    }

    /// A cursor has expired when the topic's history was replaced (a restored backup, a new epoch), when it was given
    /// out under other rights, or when tombstones after it are gone.
    private static func check(
        _ cursor: FeedCursor?, of topic: Outbox.Topic, _ scope: UInt64, in tx: ReadTransaction
    ) throws {
        guard let cursor else { return }
        let horizon = try tx.queryOne("SELECT horizon FROM feed_topics WHERE id = ?", [.integer(topic.id)]) {
            try $0.int64(0)
        }
        let last = try tx.queryOne(
            "SELECT sequence FROM feed_events WHERE topic = ? ORDER BY sequence DESC LIMIT 1", [.integer(topic.id)]
        ) { try $0.int64(0) }
        guard cursor.epoch == topic.epoch ^ scope, cursor.sequence >= horizon ?? 0, cursor.sequence <= last ?? 0 else {
            throw FeedError.expiredCursor(topic: topic.name)
        }
    }
}
