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

extension Duration {
    var microseconds: Int64 { components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000 }
}
