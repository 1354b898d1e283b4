import Foundation
import RPC
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import ChangeFeed

@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct FeedConsumerTests {
    struct Refused: Error {}

    @Test func whatTheProducerHasTheConsumerGets() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        for index in 1...50 { try await producer.set("items/\(index % 7)", Int64(index)) }
        let consumer = try copy.consumer(of: LocalFeed(producer))
        #expect(consumer.freshness == FeedFreshness(isConnected: false, isCaughtUp: false))
        try await consumer.running {
            try await eventually { try copy.items() == producer.items() }
            try await producer.set("items/3", nil)
            try await producer.set("items/new", 1)
            try await eventually { try copy.items() == producer.items() }
            try await eventually { consumer.freshness.isCaughtUp }
            let freshness = consumer.freshness
            #expect(freshness.isConnected)
            #expect(freshness.problem == nil)
            #expect(freshness.isComplete)
            let asOf = try #require(freshness.asOf)
            #expect(asOf <= Producer.now())
            #expect(try #require(freshness.lag(at: asOf + 2_500_000)) == 2.5)
            // Heartbeats move it on.
            try await eventually { try #require(consumer.freshness.asOf) > asOf }
        }
        #expect(!consumer.freshness.isConnected)
        #expect(try copy.applied() == producer.versions())
        #expect(consumer.statistics.applied == 52)
        await producer.database.close()
        await copy.database.close()
    }

    @Test func aConsumerGoesOnWhereItWas() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        let feed = LocalFeed(producer)
        try await producer.set("items/a", 1)
        let first = try copy.consumer(of: feed)
        try await first.running { try await eventually { try copy.items() == ["items/a": 1] } }
        let asOf = try #require(first.freshness.asOf)
        try await producer.set("items/a", 2)

        // A restart: freshness is known before anything is connected.
        let second = try copy.consumer(of: feed)
        #expect(try #require(second.freshness.asOf) <= asOf)
        #expect(!second.freshness.isConnected)
        try await second.running { try await eventually { try copy.items() == ["items/a": 2] } }
        #expect(try copy.applied() == ["items/a": 2])
        #expect(second.statistics.applied == 1)
        await producer.database.close()
        await copy.database.close()
    }

    @Test func versionsThatWerePassedAreIgnored() async throws {
        struct Repeating: FeedSource {
            let responses: [Cdt_Feed_V1_FollowResponse]
            func follow(
                _ request: Cdt_Feed_V1_FollowRequest, deliver: (Cdt_Feed_V1_FollowResponse) async throws -> Void
            ) async throws {
                for response in responses { try await deliver(response) }
                try await Task.sleep(for: .seconds(3_600))
            }
        }
        func event(_ sequence: Int64, _ version: Int64) throws -> FeedEvent {
            FeedEvent(
                sequence: sequence, aggregate: "items/a", version: version, recordedAt: sequence,
                type: Number.protoMessageName, payload: try Number(version).serializedBytes())
        }
        let order: [(Int64, Int64)] = [(1, 1), (2, 2), (1, 1), (2, 2), (3, 4), (4, 3), (5, 5), (5, 5)]
        let responses = try order.enumerated().map { index, item in
            FeedBatch(events: [try event(item.0, item.1)], cursor: "c\(index)", isCaughtUp: false, asOf: nil).message
        }
        let copy = try await Copy.open()
        let consumer = try copy.consumer(of: Repeating(responses: responses))
        try await consumer.running { try await eventually { consumer.statistics.batches == order.count } }
        #expect(try copy.applied() == ["items/a": 4])
        #expect(try copy.items() == ["items/a": 5])
        #expect(consumer.statistics.ignored == 4)
        await copy.database.close()
    }

    @Test func anEventThatCannotBeAppliedIsNotSkipped() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        for index in 1...5 { try await producer.set("items/\(index)", Int64(index)) }
        // All in one batch.
        try await producer.settled()
        let isBroken = Mutex(true)
        let consumer = try copy.consumer(of: LocalFeed(producer)) { event, tx in
            try Copy.apply(event, tx)
            if event.aggregate == "items/4", isBroken.withLock({ $0 }) { throw Refused() }
        }
        try await consumer.running {
            try await eventually { consumer.statistics.failures >= 3 }
            let problem = try #require(consumer.freshness.problem)
            #expect(problem.contains("Refused"))
            #expect(problem.contains("of items/4, cannot be applied"), "\(problem)")
            // The whole batch is undone.
            #expect(try copy.items() == [:])
            isBroken.withLock { $0 = false }
            try await eventually { try copy.items() == producer.items() }
        }
        #expect(try copy.applied() == producer.versions())
        await producer.database.close()
        await copy.database.close()
    }

    @Test func aHistoryThatIsGoneIsReadAgainFromTheStart() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        try await producer.set("items/a", 1)
        try await producer.set("items/b", 1)
        let feed = LocalFeed(producer)
        let consumer = try copy.consumer(of: feed)
        try await consumer.running { try await eventually { try copy.items().count == 2 } }

        // Restored from a backup that knows less, and goes on differently.
        let restored = try await Producer.open()
        try await restored.set("items/a", 7)
        feed.set(restored)
        let again = try copy.consumer(of: feed)
        #expect(again.freshness.isComplete)
        try await again.running { try await eventually { try copy.items() == ["items/a": 7] } }
        #expect(again.freshness.isComplete)
        // Once of each history; what the second does not know got a tombstone.
        #expect(try copy.applied() == ["items/a": 2, "items/b": 2])
        for database in [producer.database, restored.database, copy.database] { await database.close() }
    }

    @Test func aSilentStreamIsGivenUp() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        var silent = FeedServer.Limits()
        silent.heartbeat = .seconds(3_600)
        let feed = LocalFeed(producer, limits: silent)
        var options = FeedConsumer.Options()
        options.silence = .milliseconds(40)
        options.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(5))
        let consumer = try copy.consumer(of: feed, options: options)
        try await consumer.running {
            try await eventually { feed.streams.withLock { $0 } >= 3 }
        }
        await producer.database.close()
        await copy.database.close()
    }

    @Test func freshnessSurvivesARestart() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        var options = FeedConsumer.Options()
        options.storeInterval = .zero
        let feed = LocalFeed(producer)
        let consumer = try copy.consumer(of: feed, options: options)
        try await consumer.running { try await eventually { consumer.statistics.batches >= 3 } }
        let stored = try copy.consumer(of: LocalFeed(nil)).freshness
        #expect(stored.asOf == consumer.freshness.asOf)
        #expect(stored.asOf != nil)
        #expect(stored.isComplete)
        await producer.database.close()
        await copy.database.close()
    }

    @Test func aConsumerMayNotChangeItsTopic() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        let first = try copy.consumer(of: LocalFeed(producer))
        try await first.running { try await eventually { first.freshness.isCaughtUp } }
        await #expect(throws: StorageError.self) {
            try await copy.database.write { tx in
                _ = try ConsumerPosition(name: "copy", topic: Producer.other).id(in: tx)
            }
        }
        await producer.database.close()
        await copy.database.close()
    }

    /// Producer and consumer are stopped and broken at random, again and again: in the end both hold the same, and each
    /// event has taken effect once.
    @Test(arguments: [1, 2, 3]) func randomFailuresLoseAndRepeatNothing(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let producerPlace = try TestDatabase.fresh()
        let copyPlace = try TestDatabase.fresh()
        var producer = try await Producer.open(producerPlace)
        var copy = try await Copy.open(copyPlace)
        let feed = LocalFeed(producer)
        var consumer = try copy.consumer(of: feed)
        var running = Task { [consumer] in await consumer.run() }
        for _ in 0..<(TestEngine.current == .sqlite ? 100 : 40) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<Int.random(in: 0...6, using: &random) {
                    let id = "items/\(Int.random(in: 0..<10, using: &random))"
                    let value = Int64.random(in: 0..<1_000, using: &random)
                    group.addTask { [producer] in try await producer.set(id, value % 5 == 0 ? nil : value) }
                }
                try await group.waitForAll()
            }
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                feed.breakAfter(Int.random(in: 0...3, using: &random))
            case 1:
                feed.breakAfter(nil)
            case 2:
                // The producer restarts.
                feed.set(nil)
                await producer.database.close()
                producer = try await Producer.open(producerPlace)
                feed.set(producer)
            case 3:
                // The consumer stops somewhere and a new one takes over, on the same connections or new ones.
                running.cancel()
                await running.value
                if Bool.random(using: &random) {
                    await copy.database.close()
                    copy = try await Copy.open(copyPlace)
                }
                consumer = try copy.consumer(of: feed)
                running = Task { [consumer] in await consumer.run() }
            default:
                try await Task.sleep(for: .microseconds(Int.random(in: 0...4_000, using: &random)))
            }
        }
        feed.breakAfter(nil)
        try await eventually("the consumer did not catch up") {
            try copy.applied() == producer.versions() && copy.items() == producer.items()
        }
        running.cancel()
        await running.value
        await producer.database.close()
        await copy.database.close()
    }
}
