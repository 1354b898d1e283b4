import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ChangeFeed
@testable import Storage

/// Databases that hold the outbox and the consumers as earlier releases left them.
@Suite(.onBothEngines) struct FeedSchemaTests {
    @Test func releasedMigrationsDoNotChange() {
        func checksums(_ set: MigrationSet) -> [String] { set.migrations.map(\.checksum) }
        #expect(checksums(Outbox.migrations) == ["441ef68e755fa21a", "2ad32c6473ce132d"])
        #expect(checksums(FeedConsumer.migrations) == ["95d2e249bfc33d67", "9f3e5428aca57d44", "b6909378bb2338aa"])
    }

    @Test(arguments: Outbox.migrations.migrations.map(\.version)) func anOutboxOfAnyReleaseGoesOn(version: Int)
        async throws
    {
        let place = try TestDatabase.fresh()
        let old = try await Database.open(
            place, migrations: [MigrationSet("feed-outbox", Array(Outbox.migrations.migrations.prefix(version)))])
        try await old.write { tx in
            try tx.execute(
                "INSERT INTO feed_topics (id, name, epoch, horizon) VALUES (1, ?, 77, 0)", [.text(Producer.topic)])
            try tx.execute(
                """
                INSERT INTO feed_events
                    (topic, sequence, aggregate, version, recorded_at, traceparent, type, payload, tombstone)
                VALUES (1, 1, 'items/old', 1, 1000, '', 'google.protobuf.Int64Value', ?, 0)
                """, [.blob([8, 5])])
        }
        await old.close()

        let producer = try await Producer.open(place)
        try await producer.set("items/new", 6)
        let events = try await producer.events()
        #expect(events.map(\.aggregate) == ["items/old", "items/new"])
        #expect(events.map(\.sequence) == [1, 2])
        #expect(try events[0].payload(as: Number.self)?.value == 5)
        // Readers go on from where they were.
        let cursor = FeedCursor(epoch: 77, sequence: 1).encoded(topic: Producer.topic)
        #expect(try await producer.events(after: cursor).map(\.aggregate) == ["items/new"])
        await producer.database.close()
    }

    @Test(arguments: FeedConsumer.migrations.migrations.map(\.version)) func aConsumerOfAnyReleaseGoesOn(version: Int)
        async throws
    {
        let producer = try await Producer.open()
        for value in Int64(1)...3 { try await producer.set("items/\(value)", value) }
        try await producer.settled()
        let place = try TestDatabase.fresh()
        let migrations = FeedConsumer.migrations
        let old = try await Database.open(
            place, migrations: [MigrationSet(migrations.component, Array(migrations.migrations.prefix(version)))])
        let cursor = try producer.cursor(after: 2)
        try await old.write { tx in
            try tx.execute(
                "INSERT INTO feed_consumers (id, name, topic, cursor, as_of) VALUES (1, 'copy', ?, ?, 1000)",
                [.text(Producer.topic), .text(cursor)])
            try tx.execute("INSERT INTO feed_versions (consumer, aggregate, version) VALUES (1, 'items/3', 0)")
        }
        await old.close()

        let copy = try await Copy.open(place)
        let consumer = try copy.consumer(of: LocalFeed(producer))
        #expect(consumer.freshness.asOf == 1000)
        try await consumer.running {
            try await eventually("it did not go on") { try copy.applied() == ["items/3": 1] }
        }
        await copy.database.close()
        await producer.database.close()
    }
}
