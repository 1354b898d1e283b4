import Foundation
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import ChangeFeed

/// Numbering on PostgreSQL, where several replicas write and one of them numbers.
@Suite(.onPostgres, .timeLimit(.minutes(10))) struct SequencerTests {
    private var impatient: FeedSequencer.Options {
        var options = FeedSequencer.Options()
        options.lease = .milliseconds(50)
        options.interval = .milliseconds(20)
        options.batch = 7
        return options
    }

    private func checkOrder(_ events: [FeedEvent]) {
        #expect(events.map(\.sequence) == Array(1...Int64(max(1, events.count))))
        var versions: [String: Int64] = [:]
        for event in events {
            #expect(event.version == versions[event.aggregate, default: 0] + 1, "\(event.aggregate) \(event.version)")
            versions[event.aggregate] = event.version
        }
    }

    @Test func twoReplicasWriteOneHistory() async throws {
        let place = try TestDatabase.fresh()
        let replicas = [
            try await Producer.open(place, sequencer: impatient), try await Producer.open(place, sequencer: impatient),
        ]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask { try await replicas[index % 2].set("items/\(index % 9)", Int64(index)) }
            }
            try await group.waitForAll()
        }
        for replica in replicas {
            let events = try await replica.events()
            #expect(events.count == 200)
            checkOrder(events)
        }
        // The one that numbers stops; the other goes on.
        await replicas[0].database.close()
        try await replicas[1].set("items/0", 1)
        checkOrder(try await replicas[1].events())
        await replicas[1].database.close()
    }

    /// A transaction that began before others and is committed after them comes after them: nobody who has read those
    /// misses it.
    @Test func aLateCommitIsNotMissed() async throws {
        let producer = try await Producer.open()
        let entered = AsyncStream.makeStream(of: Void.self)
        let gate = DispatchSemaphore(value: 0)
        let hasEntered = Atomic<Bool>(false)
        let late = Task {
            try await producer.database.write { tx in
                try producer.outbox.append(
                    topic: Producer.topic, aggregate: "items/late", version: 1, payload: Number(1), at: 1, in: tx)
                _ = try tx.count("SELECT count(*) FROM feed_pending")
                if !hasEntered.exchange(true, ordering: .relaxed) {
                    entered.continuation.yield()
                    gate.wait()
                }
            }
        }
        for await _ in entered.stream { break }
        for index in 1...5 { try await producer.set("items/\(index)", 1) }
        let first = try await producer.events()
        #expect(first.count == 5)
        gate.signal()
        try await late.value
        let rest = try await producer.events(after: producer.cursor(after: 5))
        #expect(rest.map(\.aggregate) == ["items/late"])
        await producer.database.close()
    }

    /// The row says that another replica numbers, and it does not.
    @Test func aDeadReplicasTurnEndsAndItCannotNumberAnyMore() async throws {
        let producer = try await Producer.open(nil, sequencer: impatient)
        try await producer.set("items/a", 1)
        try await producer.settled()
        try await producer.database.write {
            try $0.execute("UPDATE feed_sequencers SET holder = 'somebody', fence = 70, beat = beat + 1")
        }
        for value in 2...20 { try await producer.set("items/a", Int64(value)) }
        checkOrder(try await producer.events())
        let (holder, fence) = try #require(
            try producer.database.read { tx in
                try tx.queryOne("SELECT holder, fence FROM feed_sequencers") { (try $0.text(0), try $0.int64(1)) }
            })
        #expect(holder != "somebody" && fence == 71)
        // One that believes that it is still its turn.
        let stale = FeedSequencer(database: producer.database, topics: [:])
        #expect(try await stale.number(70) == nil)
        #expect(try await stale.number(71) == nil)
        await producer.database.close()
    }

    @Test func versionsStayInOrderWhereverTheyCameFrom() async throws {
        let producer = try await Producer.open()
        // Clocks of two replicas disagree: later versions seem to have arrived earlier.
        let topic = try producer.reader.topic(Producer.topic).id
        try await producer.database.write { tx in
            for (version, arrived) in [(1, 900), (2, 500), (3, 700), (4, 100)] {
                try tx.executeLater(
                    """
                    INSERT INTO feed_pending
                        (arrived, tie, topic, aggregate, version, recorded_at, traceparent, type, payload, tombstone)
                    VALUES (?, 1, ?, 'items/a', ?, 1, '', '', ?, 1)
                    """, [SQLValue(arrived), .integer(topic), SQLValue(version), .blob([])])
            }
            tx.notify(FeedSequencer.channel)
        }
        checkOrder(try await producer.events())
        await producer.database.close()
    }

    @Test func erasingReachesWhatHasNoNumberYet() async throws {
        let producer = try await Producer.open()
        for value in 1...3 { try await producer.set("items/a", Int64(value)) }
        let erased = try await producer.outbox.erase(
            topic: Producer.topic, ["items/a": 3], in: producer.database)
        #expect(erased == 3)
        #expect(try await producer.events().map(\.payload.isEmpty) == [true, true, true])
        await producer.database.close()
    }
}
