import Foundation
import RPC
import Storage
import Synchronization
import TestSupport
import Testing

@testable import ChangeFeed

/// Two replicas of a service that follows another one, on one PostgreSQL.
@Suite(.onPostgres, .timeLimit(.minutes(5))) struct ConsumerReplicaTests {
    /// A lease that no machine is too slow for.
    private var patient: FeedConsumer.Options {
        var options = FeedConsumer.Options()
        options.backoff = Backoff(initial: .milliseconds(2), maximum: .milliseconds(20))
        options.lease = .seconds(3_600)
        return options
    }

    @Test func oneFollowsAndTheOtherGoesOnWhenItStops() async throws {
        let producer = try await Producer.open()
        let place = try TestDatabase.fresh()
        let copies = [try await Copy.open(place), try await Copy.open(place)]
        let feeds = [LocalFeed(producer), LocalFeed(producer)]
        let consumers = try zip(copies, feeds).map { try $0.consumer(of: $1, options: patient) }
        func write(_ values: ClosedRange<Int64>) async throws {
            for value in values { try await producer.set("items/\(value % 7)", value) }
            try await eventually("the copy did not catch up") { try copies[0].applied() == producer.versions() }
        }
        let first = Task { await consumers[0].run() }
        try await write(1...20)
        let second = Task { await consumers[1].run() }
        // Who waits answers from what the other has stored, and says so.
        try await eventually("the second does not know of the first") {
            consumers[1].freshness.isConnected && consumers[1].freshness.isComplete
        }
        try await write(21...60)
        #expect(feeds[0].streams.withLock { $0 } == 1)
        #expect(feeds[1].streams.withLock { $0 } == 0)
        #expect(consumers[1].statistics.applied == 0)

        first.cancel()
        await first.value
        try await write(61...100)
        #expect(feeds[1].streams.withLock { $0 } >= 1)
        // Each event took effect once: `applied` counts them.
        #expect(try copies[1].items() == producer.items())
        second.cancel()
        await second.value
        for copy in copies { await copy.database.close() }
        await producer.database.close()
    }

    @Test func whoLostItsTurnAppliesNothingMore() async throws {
        let producer = try await Producer.open()
        let place = try TestDatabase.fresh()
        let copy = try await Copy.open(place)
        let feed = LocalFeed(producer)
        // Only each batch finds out: the beat is an hour away.
        let consumer = try copy.consumer(of: feed, options: patient)
        let running = Task { await consumer.run() }
        try await producer.set("items/1", 1)
        try await eventually("nothing was applied") { try copy.applied()["items/1"] == 1 }
        // Somebody else has taken it for dead.
        try await copy.database.write { tx in
            try tx.execute("UPDATE feed_consumers SET holder = 'another', fence = fence + 1, beat = beat + 1")
        }
        try await producer.set("items/1", 2)
        try await eventually("it does not notice") { consumer.statistics.failures > 0 }
        #expect(try copy.applied()["items/1"] == 1)
        try await copy.database.write { tx in
            try tx.execute("UPDATE feed_consumers SET holder = '', beat = beat + 1")
        }
        try await eventually("it did not take its turn again") { try copy.applied() == producer.versions() }
        running.cancel()
        await running.value
        await copy.database.close()
        await producer.database.close()
    }

    @Test func aDeadReplicaIsFollowedByAnother() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        let consumer = try copy.consumer(of: LocalFeed(producer))
        try await copy.database.write { tx in
            try tx.execute(
                """
                INSERT INTO feed_consumers (id, name, topic, cursor, is_restarting, holder, fence, beat)
                VALUES (1, 'copy', ?, '', 1, 'dead', 7, 70)
                """, [.text(Producer.topic)])
        }
        try await consumer.running {
            for value in Int64(1)...10 { try await producer.set("items/\(value)", value) }
            try await eventually("nobody follows") { try copy.applied() == producer.versions() }
        }
        let row = try copy.database.read {
            try $0.queryOne("SELECT holder, fence FROM feed_consumers") { (try $0.text(0), try $0.int64(1)) }
        }
        #expect(row?.0 == "")
        #expect(row?.1 ?? 0 > 7)
        await copy.database.close()
        await producer.database.close()
    }
}
