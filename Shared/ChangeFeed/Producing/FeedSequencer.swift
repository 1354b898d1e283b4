import Storage
import Synchronization

/// Numbers the events of a service on PostgreSQL, where several replicas write at once.
///
/// There neither a sequence nor the time of writing is the order of commits. Writers therefore leave their events
/// unnumbered, and one replica numbers what has been committed: within an aggregate by version, else about in the
/// order of arrival. A transaction that made version 6 had seen version 5 committed, so whoever sees 6 sees 5 too.
///
/// Which replica numbers is a `ReplicaLease`: who waits takes over when events wait and the row has not changed for the
/// time of the lease.
final class FeedSequencer: Sendable {
    /// Every bound, with its default.
    struct Options: Sendable {
        /// Events numbered in one transaction, about.
        var batch = 1_000
        /// A replica that has not numbered for so long, although events wait, is taken for dead.
        var lease: Duration = .seconds(3)
        /// How often it looks without having been woken.
        var interval: Duration = .seconds(1)
        /// Between two batches, so that commits in quick succession are numbered together.
        var pause: Duration = .milliseconds(5)
    }

    static let channel = "feed:pending"

    private let database: Database
    private let topics: [Int64: String]
    private let options: Options
    private let lease = ReplicaLease(table: "feed_sequencers", column: "id", key: .integer(1))

    /// - Parameter topics: The channel of each topic, by its number.
    init(database: Database, topics: [Int64: String], options: Options = Options()) {
        self.database = database
        self.topics = topics
        self.options = options
    }

    /// Numbers until the task is cancelled or the database closes, then lets another replica go on at once.
    func run() async {
        var fence: Int64?
        var watch = ReplicaLease.Watch()
        // Errors are those of the database; the next turn finds out whether they last.
        for await _ in database.commits(on: Self.channel, every: options.interval) {
            if let held = fence {
                fence = (try? await numberAll(held)) ?? held
                if fence == Self.lost { fence = nil }
            } else {
                fence = try? await acquire(&watch)
                if let fence { _ = try? await numberAll(fence) }
            }
            // Throws when cancelled, which ends the stream as well.
            try? await Task.sleep(for: fence == nil ? options.lease / 8 : options.pause)
            if Task.isCancelled { break }
        }
        if let fence { try? await release(fence) }
    }

    private static let lost: Int64 = -1

    /// Numbers everything that waits. Returns the fence, or `lost` when another replica has taken over.
    private func numberAll(_ fence: Int64) async throws -> Int64 {
        while true {
            guard let numbered = try await number(fence) else { return Self.lost }
            if numbered < options.batch { return fence }
        }
    }

    /// Numbers one batch; nil: another replica has taken over. The count may exceed the batch, when older versions of
    /// an aggregate have arrived later.
    func number(_ fence: Int64) async throws -> Int? {
        guard try database.read({ try Self.waits(in: $0) }) else { return try await isHeld(fence) ? 0 : nil }
        do {
            return try await numberBatch(fence)
        } catch is ReplicaLease.Lost {
            return nil
        }
    }

    private func numberBatch(_ fence: Int64) async throws -> Int {
        try await database.write(isolation: .snapshot) { [lease, topics, options] tx in
            try lease.keep(fence, in: tx)
            var count = 0
            for (topic, events) in try tx.query(
                Self.numbering, [SQLValue(options.batch)], { (try $0.int64(0), try $0.int(1)) })
            {
                count += events
                // A topic that only a newer release serves is numbered all the same.
                if let channel = topics[topic] { tx.notify(channel) }
            }
            return count
        }
    }

    /// Only PostgreSQL runs this: it has statements that change data inside others, and needs them here.
    ///
    /// `place` is the arrival of the latest of an aggregate's versions so far, so that versions stay in order although
    /// they may have arrived otherwise. The last number is looked up once for each topic: asked for with each event, it
    /// is looked for behind those that this statement has just stored and does not see.
    private static let numbering = """
        WITH last AS MATERIALIZED (
            SELECT t.id AS topic,
                coalesce((SELECT max(e.sequence) FROM feed_events e WHERE e.topic = t.id), 0) AS sequence
            FROM feed_topics t
        ), head AS (
            SELECT topic, aggregate, max(version) AS newest
            FROM (SELECT topic, aggregate, version FROM feed_pending ORDER BY arrived, tie LIMIT ?) AS first
            GROUP BY topic, aggregate
        ), taken AS (
            DELETE FROM feed_pending p USING head h
            WHERE p.topic = h.topic AND p.aggregate = h.aggregate AND p.version <= h.newest RETURNING p.*
        ), placed AS (
            SELECT taken.*, max(arrived) OVER (PARTITION BY topic, aggregate ORDER BY version) AS place FROM taken
        ), stored AS (
            INSERT INTO feed_events
                (topic, sequence, aggregate, version, recorded_at, traceparent, type, payload, tombstone)
            SELECT topic, last.sequence + row_number() OVER (PARTITION BY topic ORDER BY place, version, tie),
                aggregate, version, recorded_at, traceparent, type, payload, tombstone
            FROM placed JOIN last USING (topic) ORDER BY topic, place, version, tie RETURNING topic
        )
        SELECT topic, count(*) FROM stored GROUP BY topic
        """

    private static func waits(in tx: ReadTransaction) throws -> Bool {
        try tx.exists("SELECT 1 FROM feed_pending LIMIT 1")
    }

    private func isHeld(_ fence: Int64) async throws -> Bool {
        let row = try database.read { try lease.find(in: $0) }
        return row?.holder == lease.replica && row?.fence == fence
    }

    /// Becomes the one that numbers, if nobody is or who was seems dead; the fence, or nil.
    private func acquire(_ watch: inout ReplicaLease.Watch) async throws -> Int64? {
        let (found, waits) = try database.read { (try lease.find(in: $0), try Self.waits(in: $0)) }
        if let found, !found.isFree {
            guard waits else {
                watch.forget()
                return nil
            }
            guard watch.mayTake(found, after: options.lease) else { return nil }
        }
        watch.forget()
        return try await database.write(isolation: .snapshot) { [lease] tx in
            if let found { return try lease.take(after: found, in: tx) }
            // The first time there is no row yet.
            try tx.execute(
                """
                INSERT INTO feed_sequencers (id, holder, fence, beat) VALUES (1, '', 0, 0) ON CONFLICT (id) DO NOTHING
                """)
            return try lease.find(in: tx).flatMap { $0.isFree ? try lease.take(after: $0, in: tx) : nil }
        }
    }

    private func release(_ fence: Int64) async throws {
        try await database.write(isolation: .snapshot) { [lease] tx in
            try lease.release(fence, in: tx)
            // Whoever waits need not wait for its next look.
            tx.notify(Self.channel)
        }
    }
}
