import Foundation
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ChangeFeed

@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct OutboxTests {
    struct Refused: Error {}

    @Test func eventsAreNumberedInCommitOrderWithoutGaps() async throws {
        let producer = try await Producer.open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask {
                    do {
                        try await producer.database.write { tx in
                            try producer.outbox.append(
                                topic: Producer.topic, aggregate: "items/\(index)", version: 1,
                                payload: Number(Int64(index)), at: 5, in: tx)
                            if index % 7 == 0 { throw Refused() }
                        }
                    } catch is Refused {}
                }
            }
            try await group.waitForAll()
        }
        let events = try await producer.events()
        #expect(events.map(\.sequence) == Array(1...Int64(events.count)))
        #expect(events.count == (0..<200).count { $0 % 7 != 0 })
        await producer.database.close()
    }

    @Test func anEventCarriesItsFacts() async throws {
        let producer = try await Producer.open()
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        try await producer.database.write { tx in
            try producer.outbox.append(
                topic: Producer.topic, aggregate: "items/a", version: 3, payload: Number(42), traceparent: traceparent,
                at: 1_700_000_000_123_456, in: tx)
            try producer.outbox.appendTombstone(
                topic: Producer.topic, aggregate: "items/a", version: 4, at: -1, in: tx)
        }
        try await producer.settled()
        let batch = try await producer.reader.batch(topic: Producer.topic, after: "", events: 10, bytes: .max)
        #expect(
            batch.events == [
                FeedEvent(
                    sequence: 1, aggregate: "items/a", version: 3, recordedAt: 1_700_000_000_123_456,
                    traceparent: traceparent, type: "google.protobuf.Int64Value",
                    payload: try Number(42).serializedBytes()),
                FeedEvent(
                    sequence: 2, aggregate: "items/a", version: 4, recordedAt: -1, type: "", payload: [],
                    isTombstone: true),
            ])
        #expect(try batch.events[0].payload(as: Number.self)?.value == 42)
        #expect(try batch.events[0].payload(as: Google_Protobuf_StringValue.self) == nil)
        #expect(try batch.events[1].payload(as: Number.self) == nil)
        // Over the wire and back.
        #expect(batch.message.events.map(FeedEvent.init) == batch.events)
        #expect(batch.message.events[0].payload.isA(Number.self))
        #expect(batch.message.events[1].recordedAt.nanos == 999_999_000)
        #expect(!batch.message.events[1].hasPayload)
        await producer.database.close()
    }

    @Test func topicsAreApart() async throws {
        let producer = try await Producer.open()
        try await producer.set("items/a", 1)
        try await producer.database.write { tx in
            try producer.outbox.append(
                topic: Producer.other, aggregate: "items/a", version: 1, payload: Number(9), at: 1, in: tx)
        }
        try await producer.set("items/a", 2)
        #expect(try await producer.events().map(\.sequence) == [1, 2])
        #expect(try await producer.events(topic: Producer.other).map(\.sequence) == [1])
        await producer.database.close()
    }

    @Test func aTopicThatWasNotOpenedIsAnError() async throws {
        let producer = try await Producer.open()
        await #expect(throws: StorageError.self) {
            try await producer.database.write { tx in
                try producer.outbox.append(
                    topic: "nothing", aggregate: "a", version: 1, payload: Number(1), at: 1, in: tx)
            }
        }
        await #expect(throws: FeedError.unknownTopic("nothing", known: [Producer.topic, Producer.other])) {
            try await producer.events(topic: "nothing")
        }
        await producer.database.close()
    }

    @Test func batchesAreBounded() async throws {
        let producer = try await Producer.open()
        for index in 1...10 { try await producer.set("items/\(index)", Int64(index)) }
        try await producer.settled()
        let two = try await producer.reader.batch(topic: Producer.topic, after: "", events: 2, bytes: .max)
        #expect(two.events.map(\.sequence) == [1, 2])
        #expect(!two.isCaughtUp)
        #expect(two.asOf == nil)
        // One is always sent, or a large event would never be.
        let one = try await producer.reader.batch(topic: Producer.topic, after: two.cursor, events: 100, bytes: 1)
        #expect(one.events.map(\.sequence) == [3])
        let rest = try await producer.reader.batch(topic: Producer.topic, after: one.cursor, events: 7, bytes: .max)
        #expect(rest.events.map(\.sequence) == Array(4...10))
        #expect(rest.isCaughtUp)
        let none = try await producer.reader.batch(topic: Producer.topic, after: rest.cursor, events: 7, bytes: .max)
        #expect(none.events.isEmpty)
        #expect(none.isCaughtUp)
        #expect(none.cursor == rest.cursor)
        await producer.database.close()
    }

    @Test func asOfIsBeforeTheViewWasTaken() async throws {
        let producer = try await Producer.open()
        try await producer.set("items/a", 1)
        let before = Producer.now()
        try await producer.settled()
        let batch = try await producer.reader.batch(topic: Producer.topic, after: "", events: 10, bytes: .max)
        let asOf = try #require(batch.asOf)
        #expect(asOf >= before && asOf <= Producer.now())
        await producer.database.close()
    }

    @Test func cursorsAreChecked() async throws {
        let producer = try await Producer.open()
        for index in 1...3 { try await producer.set("items/\(index)", Int64(index)) }
        let cursor = try producer.cursor(after: 2)
        #expect(try await producer.events(after: cursor).map(\.sequence) == [3])
        let invalid = FeedError.invalidCursor(topic: Producer.topic)
        for wrong in ["x", String(cursor.dropLast()), cursor + "A", String(repeating: "!", count: 28)] {
            await #expect(throws: invalid) { try await producer.events(after: wrong) }
        }
        for index in cursor.indices {
            var damaged = cursor
            damaged.replaceSubrange(index...index, with: cursor[index] == "A" ? "B" : "A")
            // The last character holds bits that base64 does not use.
            await #expect(throws: FeedError.self) { try await producer.events(after: damaged) }
        }
        // A cursor of one topic is none of another.
        await #expect(throws: FeedError.invalidCursor(topic: Producer.other)) {
            try await producer.events(after: cursor, topic: Producer.other)
        }
        await producer.database.close()
    }

    @Test func cursorsOfAnotherHistoryHaveExpired() async throws {
        let producer = try await Producer.open()
        try await producer.set("items/a", 1)
        let expired = FeedError.expiredCursor(topic: Producer.topic)
        // Ahead of what is there: the producer was restored from a backup.
        await #expect(throws: expired) { try await producer.events(after: producer.cursor(after: 2)) }
        let topic = try producer.reader.topic(Producer.topic)
        let other = FeedCursor(epoch: topic.epoch &+ 1, sequence: 1).encoded(topic: topic.name)
        await #expect(throws: expired) { try await producer.events(after: other) }
        await producer.database.close()
    }

    @Test func anOutboxGoesOnAfterARestart() async throws {
        let place = try TestDatabase.fresh()
        var producer = try await Producer.open(place)
        try await producer.set("items/a", 1)
        let cursor = try producer.cursor(after: 1)
        await producer.database.close()
        producer = try await Producer.open(place)
        try await producer.set("items/a", 2)
        #expect(try await producer.events(after: cursor).map(\.sequence) == [2])
        await producer.database.close()
    }
}

@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct RetentionTests {
    private let day: Int64 = 86_400_000_000

    @Test func onlySupersededEventsGo() async throws {
        let producer = try await Producer.open()
        for index in 0..<40 { try await producer.set("items/\(index % 4)", Int64(index), at: Int64(index) * day) }
        var retention = FeedRetention()
        retention.step = 3
        let cursor = try producer.cursor(after: 5)
        // Events 0 to 32 are older than seven days.
        try await producer.settled()
        let removed = try await producer.outbox.compact(
            topic: Producer.topic, in: producer.database, retention: retention, at: 40 * day)
        #expect(removed == 33)
        #expect(try await producer.events().map(\.sequence) == Array(34...40))
        // No state was lost, so old cursors go on.
        #expect(try await producer.events(after: cursor).count == 7)
        try await producer.set("items/9", 1, at: 40 * day)
        #expect(try await producer.events().last?.sequence == 41)
        let again = try await producer.outbox.compact(
            topic: Producer.topic, in: producer.database, retention: retention, at: 40 * day)
        #expect(again == 0)
        await producer.database.close()
    }

    @Test func theNewestOfEachAggregateStays() async throws {
        let producer = try await Producer.open()
        for index in 0..<4 { try await producer.set("items/\(index)", 1, at: 0) }
        try await producer.set("items/2", 2, at: 0)
        try await producer.settled()
        let removed = try await producer.outbox.compact(in: producer.database, at: 1_000 * day)
        #expect(removed == 1)
        #expect(try await producer.events().map(\.sequence) == [1, 2, 4, 5])
        await producer.database.close()
    }

    @Test func cursorsBeforeARemovedTombstoneHaveExpired() async throws {
        let producer = try await Producer.open()
        try await producer.set("items/a", 1, at: 0)
        try await producer.set("items/a", nil, at: 0)
        try await producer.set("items/b", 1, at: 0)
        let old = try producer.cursor(after: 1)
        let new = try producer.cursor(after: 2)
        try await producer.settled()
        try await producer.outbox.compact(topic: Producer.topic, in: producer.database, at: 91 * day)
        #expect(try await producer.events().map(\.sequence) == [3])
        await #expect(throws: FeedError.expiredCursor(topic: Producer.topic)) { try await producer.events(after: old) }
        #expect(try await producer.events(after: new).map(\.sequence) == [3])
        await producer.database.close()
    }

    @Test func theLastEventStaysAlsoIfItIsATombstone() async throws {
        let producer = try await Producer.open()
        try await producer.set("items/a", 1, at: 0)
        try await producer.set("items/a", nil, at: 0)
        try await producer.settled()
        try await producer.outbox.compact(topic: Producer.topic, in: producer.database, at: 91 * day)
        #expect(try await producer.events().map(\.sequence) == [2])
        try await producer.set("items/b", 1, at: 0)
        #expect(try await producer.events().map(\.sequence) == [2, 3])
        await producer.database.close()
    }

    @Test func erasedPayloadsAreGone() async throws {
        let producer = try await Producer.open()
        for value in 1...3 { try await producer.set("items/a", Int64(value)) }
        try await producer.set("items/b", 4)
        try await producer.set("items/a", nil)
        let erased = try await producer.outbox.erase(
            topic: Producer.topic, ["items/a": 4, "items/c": 9], in: producer.database)
        #expect(erased == 3)
        let events = try await producer.events()
        #expect(events.map(\.isTombstone) == [true, true, true, false, true])
        #expect(events.map(\.payload.isEmpty) == [true, true, true, false, true])
        #expect(events.map(\.version) == [1, 2, 3, 1, 4])
        await producer.database.close()
    }
}

/// PostgreSQL makes its own backups.
@Suite(.timeLimit(.minutes(10))) struct BackupTests {
    @Test func aRestoredBackupMakesReadersStartAgain() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("restore-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        let producer = try await Producer.open()
        try await producer.set("items/a", 1)
        let backup = directory.appendingPathComponent("backup.sqlite").path
        try await producer.database.backup(to: backup)
        try await producer.set("items/b", 2)
        let copy = try await Copy.open()
        let feed = LocalFeed(producer)
        let before = try copy.consumer(of: feed)
        try await before.running { try await eventually { try copy.items() == producer.items() } }

        // The number of "items/b" is given to another event: without a new epoch the reader would miss it.
        var restored = try await Producer.open(.sqlite(path: backup))
        try await Outbox.renewEpochs(in: restored.database)
        await restored.database.close()
        restored = try await Producer.open(.sqlite(path: backup))
        try await restored.set("items/c", 3)
        feed.set(restored)
        let after = try copy.consumer(of: feed)
        try await after.running { try await eventually { try copy.items() == ["items/a": 1, "items/c": 3] } }
        for database in [producer.database, restored.database, copy.database] { await database.close() }
    }
}
