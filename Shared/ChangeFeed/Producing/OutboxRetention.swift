import Storage

/// How long history is kept.
package struct FeedRetention: Sendable {
    /// Events older than this go when a newer version of their aggregate exists.
    package var superseded: Duration = .seconds(7 * 86_400)
    /// Tombstones older than this go; a reader that has been away for longer starts again.
    package var tombstones: Duration = .seconds(90 * 86_400)
    /// Events removed in one transaction, so that writers wait little.
    package var step = 500

    package init() {}
}

extension Outbox {
    private struct Candidate: Sendable {
        var sequence: Int64
        var isTombstone: Bool
    }

    /// Compacts all topics, one after the other; for a daily task. Returns the number of events removed.
    @discardableResult
    package func compact(
        in database: Database, retention: FeedRetention = FeedRetention(), at microseconds: Int64
    ) async throws -> Int {
        var removed = 0
        for topic in topics.keys.sorted() {
            removed += try await compact(topic: topic, in: database, retention: retention, at: microseconds)
        }
        return removed
    }

    /// Removes what no reader needs any more; the newest event of each aggregate and of the topic always stays, but
    /// for old tombstones. Reads on a reader thread and removes in small transactions. Returns the number removed.
    ///
    /// `microseconds` is now, since 1970.
    @discardableResult
    package func compact(
        topic name: String, in database: Database, retention: FeedRetention = FeedRetention(), at microseconds: Int64
    ) async throws -> Int {
        guard let topic = topics[name] else { throw FeedError.unknownTopic(name, known: topics.keys.sorted()) }
        let supersededBefore = microseconds - retention.superseded.microseconds
        let tombstonesBefore = microseconds - retention.tombstones.microseconds
        // A later version stays a later version, so what is found here may be removed at any time after.
        let candidates = try await database.readPooled { tx in
            try tx.query(
                """
                SELECT sequence, tombstone FROM (
                    SELECT sequence, tombstone, recorded_at,
                        lead(sequence) OVER (PARTITION BY aggregate ORDER BY sequence) AS later,
                        max(sequence) OVER () AS last
                    FROM feed_events WHERE topic = ?
                ) AS history
                WHERE sequence < last
                    AND ((later IS NOT NULL AND recorded_at < ?) OR (tombstone = 1 AND recorded_at < ?))
                ORDER BY sequence
                """, [.integer(topic.id), .integer(supersededBefore), .integer(tombstonesBefore)]
            ) { Candidate(sequence: try $0.int64(0), isTombstone: try $0.bool(1)) }
        }
        for start in stride(from: 0, to: candidates.count, by: max(1, retention.step)) {
            let part = Array(candidates[start..<min(start + max(1, retention.step), candidates.count)])
            try await database.write { tx in
                for candidate in part {
                    try tx.execute(
                        "DELETE FROM feed_events WHERE topic = ? AND sequence = ?",
                        [.integer(topic.id), .integer(candidate.sequence)])
                }
                if let horizon = part.last(where: \.isTombstone)?.sequence {
                    try tx.execute(
                        "UPDATE feed_topics SET horizon = ? WHERE id = ? AND horizon < ?",
                        [.integer(horizon), .integer(topic.id), .integer(horizon)])
                }
            }
        }
        return candidates.count
    }
}

extension Outbox {
    /// Takes the payloads of aggregates' events, of each up to a version, out of the history, for the erasure of
    /// personal data; what is left of them are tombstones. The tombstone that tells the readers is the caller's to
    /// append, in the transaction that erases the data themselves. Returns the number of events changed.
    ///
    /// Reads the topic's history once for some hundred aggregates: erasures are rare, and an index over the aggregates
    /// would cost each event.
    @discardableResult
    package func erase(topic name: String, _ versions: [String: Int64], in database: Database) async throws -> Int {
        guard let topic = topics[name] else { throw FeedError.unknownTopic(name, known: topics.keys.sorted()) }
        let aggregates = versions.keys.sorted()
        var changed = 0
        for start in stride(from: 0, to: aggregates.count, by: Self.aggregatesAtOnce) {
            let end = min(start + Self.aggregatesAtOnce, aggregates.count)
            changed += try await erase(topic, aggregates[start..<end].map { ($0, versions[$0] ?? 0) }, in: database)
        }
        return changed
    }

    private static let aggregatesAtOnce = 500

    private func erase(_ topic: Topic, _ aggregates: [(name: String, version: Int64)], in database: Database)
        async throws -> Int
    {
        // First what has no number yet: what gets one afterwards is erased already.
        let pending = try await database.write { tx in
            guard tx.dialect == .postgres else { return 0 }
            return try aggregates.reduce(0) { changed, aggregate in
                try changed
                    + tx.execute(
                        """
                        UPDATE feed_pending SET type = '', payload = ?, traceparent = '', tombstone = 1
                        WHERE topic = ? AND aggregate = ? AND version <= ? AND tombstone = 0
                        """, [.blob([]), .integer(topic.id), .text(aggregate.name), .integer(aggregate.version)])
            }
        }
        let versions = Dictionary(uniqueKeysWithValues: aggregates.map { ($0.name, $0.version) })
        let places = repeatElement("?", count: aggregates.count).joined(separator: ", ")
        let sequences = try await database.readPooled { tx in
            try tx.query(
                """
                SELECT sequence, aggregate, version FROM feed_events
                WHERE topic = ? AND aggregate IN (\(places)) AND tombstone = 0 ORDER BY sequence
                """, [.integer(topic.id)] + aggregates.map { .text($0.name) }
            ) { try $0.int64(2) <= versions[try $0.text(1), default: 0] ? try $0.int64(0) : nil }
            .compactMap { $0 }
        }
        guard !sequences.isEmpty else { return pending }
        return try await database.write { tx in
            try sequences.reduce(pending) { changed, sequence in
                try changed
                    + tx.execute(
                        """
                        UPDATE feed_events SET type = '', payload = ?, traceparent = '', tombstone = 1
                        WHERE topic = ? AND sequence = ?
                        """, [.blob([]), .integer(topic.id), .integer(sequence)])
            }
        }
    }

    /// Makes all cursors expire, so that every reader starts again: after a backup was restored, numbers that readers
    /// have seen are given to other events.
    package static func renewEpochs(in database: Database) async throws {
        let step = Int64.random(in: 1 ... .max)
        try await database.write { tx in
            let epochs = try tx.query("SELECT id, epoch FROM feed_topics") { (try $0.int64(0), try $0.int64(1)) }
            for (id, epoch) in epochs {
                try tx.execute(
                    "UPDATE feed_topics SET epoch = ? WHERE id = ?", [.integer(epoch &+ step), .integer(id)])
            }
        }
    }
}

extension Duration {
    var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
