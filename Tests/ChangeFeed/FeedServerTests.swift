import RPC
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import ChangeFeed

@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct FeedServerTests {
    struct Enough: Error {}

    /// The responses to a request until `isEnough`. Those that say only that nothing is new are left out, unless they
    /// are `wanted`: a commit before the stream began may still wake it.
    private func responses(
        of server: FeedServer, _ request: Cdt_Feed_V1_FollowRequest = .with { $0.topic = Producer.topic },
        filter: FeedFilter = .everything, heartbeats wanted: Bool = false,
        meanwhile: @escaping @Sendable (Int) async throws -> Void = { _ in },
        until isEnough: @escaping ([Cdt_Feed_V1_FollowResponse]) -> Bool
    ) async throws -> [Cdt_Feed_V1_FollowResponse] {
        var seen: [Cdt_Feed_V1_FollowResponse] = []
        await #expect(throws: Enough.self) {
            try await server.follow(request, filter: filter) { response in
                if !wanted, response.events.isEmpty, response.cursor == seen.last?.cursor { return }
                seen.append(response)
                if isEnough(seen) { throw Enough() }
                try await meanwhile(seen.count)
            }
        }
        return seen
    }

    private func server(_ producer: Producer, heartbeat: Duration = .seconds(3_600), followers: Int = 8) -> FeedServer {
        var limits = FeedServer.Limits()
        limits.heartbeat = heartbeat
        limits.pause = .milliseconds(1)
        limits.followers = followers
        return FeedServer(database: producer.database, outbox: producer.outbox, limits: limits)
    }

    @Test func anEmptyTopicIsCaughtUpAtOnce() async throws {
        let producer = try await Producer.open()
        let seen = try await responses(of: server(producer)) { $0.count == 1 }
        #expect(seen[0].events.isEmpty)
        #expect(seen[0].caughtUp)
        #expect(seen[0].hasAsOf)
        #expect(!seen[0].cursor.isEmpty)
        await producer.database.close()
    }

    @Test func historyComesInBatchesAndThenEachCommit() async throws {
        let producer = try await Producer.open()
        for index in 1...5 { try await producer.set("items/\(index)", Int64(index)) }
        try await producer.settled()
        let request = Cdt_Feed_V1_FollowRequest.with {
            $0.topic = Producer.topic
            $0.maxBatch = 2
        }
        let seen = try await responses(
            of: server(producer), request,
            meanwhile: { count in if count >= 3 { try await producer.set("items/new", Int64(count)) } },
            until: { $0.count == 5 })
        #expect(seen.map { $0.events.map(\.sequence) } == [[1, 2], [3, 4], [5], [6], [7]])
        #expect(seen.map(\.caughtUp) == [false, false, true, true, true])
        #expect(seen.map(\.hasAsOf) == [false, false, true, true, true])
        await producer.database.close()
    }

    @Test func heartbeatsMoveAsOf() async throws {
        let producer = try await Producer.open()
        try await producer.set("items/a", 1)
        let seen = try await responses(of: server(producer, heartbeat: .milliseconds(5)), heartbeats: true) {
            $0.count == 4
        }
        #expect(seen.map(\.events.count) == [1, 0, 0, 0])
        let moments = seen.map(\.asOf.microseconds)
        #expect(moments == moments.sorted() && Set(moments).count == 4)
        #expect(Set(seen.map(\.cursor)).count == 1)
        await producer.database.close()
    }

    @Test func theContractPromisesAHeartbeatEveryTenSeconds() {
        #expect(FeedServer.Limits().heartbeat < .seconds(10))
    }

    @Test func aFilterHidesAndTheCursorMovesOn() async throws {
        let producer = try await Producer.open()
        for index in 1...6 { try await producer.set("items/\(index)", Int64(index)) }
        try await producer.settled()
        let filter = FeedFilter(judge: { events in
            events.map { event -> FeedFilter.Visibility in
                switch event.sequence % 3 {
                case 0: .full
                case 1: .tombstone
                default: .hidden
                }
            }
        })
        let seen = try await responses(of: server(producer), filter: filter) { $0.last?.caughtUp == true }
        let events = seen.flatMap(\.events)
        #expect(events.map(\.sequence) == [1, 3, 4, 6])
        #expect(events.map(\.tombstone) == [true, false, true, false])
        #expect(events.allSatisfy { $0.tombstone != $0.hasPayload })
        #expect(try seen.last?.cursor == producer.cursor(after: 6))
        await producer.database.close()
    }

    /// Under other rights other events would have been sent, so a cursor holds for those it was given under.
    @Test func aCursorHoldsWhileTheRightsStay() async throws {
        let producer = try await Producer.open()
        for index in 1...3 { try await producer.set("items/\(index)", Int64(index)) }
        try await producer.settled()
        func batch(after cursor: String, scope: UInt64) async throws -> FeedBatch {
            try await producer.reader.batch(
                topic: Producer.topic, after: cursor, events: 2, bytes: .max, scope: scope)
        }
        let first = try await batch(after: "", scope: 7)
        #expect(try await batch(after: first.cursor, scope: 7).events.map(\.sequence) == [3])
        for other: UInt64 in [0, 8] {
            await #expect(throws: FeedError.expiredCursor(topic: Producer.topic)) {
                _ = try await batch(after: first.cursor, scope: other)
            }
        }
        let whole = try await batch(after: "", scope: 0)
        #expect(try whole.cursor == producer.cursor(after: 2))
        await #expect(throws: FeedError.expiredCursor(topic: Producer.topic)) {
            _ = try await batch(after: whole.cursor, scope: 7)
        }
        await producer.database.close()
    }

    @Test func errorsTellReasonAndField() throws {
        for (error, code, reason) in [
            (FeedError.unknownTopic("x", known: ["a"]), StatusCode.invalidArgument, "UNKNOWN_TOPIC"),
            (.invalidCursor(topic: "a"), .invalidArgument, "INVALID_CURSOR"),
            (.expiredCursor(topic: "a"), .outOfRange, "CURSOR_EXPIRED"),
        ] {
            #expect(error.rpcError.code == code)
            #expect(FeedError.reason(of: error.rpcError) == reason)
            let status = try Google_Rpc_Status(serializedBytes: try #require(error.rpcError.details))
            #expect(status.details.contains { $0.isA(Google_Rpc_LocalizedMessage.self) })
            #expect(status.details.contains { $0.isA(Google_Rpc_BadRequest.self) } == (code == .invalidArgument))
        }
    }

    @Test func aNegativeBatchSizeIsRefused() async throws {
        let producer = try await Producer.open()
        let error = await #expect(throws: RPCError.self) {
            try await server(producer).follow(
                .with {
                    $0.topic = Producer.topic
                    $0.maxBatch = -1
                }
            ) { _ in }
        }
        #expect(error?.code == .invalidArgument)
        #expect(error.flatMap(FeedError.reason) == "INVALID_MAX_BATCH")
        await producer.database.close()
    }

    @Test func tooManyFollowersAreRefusedAndLeaveRoomWhenTheyGo() async throws {
        let producer = try await Producer.open()
        let server = server(producer, followers: 1)
        let request = Cdt_Feed_V1_FollowRequest.with { $0.topic = Producer.topic }
        let first = Task { try await server.follow(request) { _ in } }
        try await eventually { server.statistics.followers == 1 }
        let error = await #expect(throws: RPCError.self) { try await server.follow(request) { _ in } }
        #expect(error?.code == .resourceExhausted)
        first.cancel()
        _ = await first.result
        #expect(server.statistics.followers == 0)
        await producer.database.close()
    }

    @Test func streamsEndWhenTheDatabaseCloses() async throws {
        let producer = try await Producer.open()
        let server = server(producer)
        let following = Task { try await server.follow(.with { $0.topic = Producer.topic }) { _ in } }
        try await eventually { server.statistics.responses == 1 }
        await producer.database.close()
        let error = await #expect(throws: RPCError.self) { try await following.value }
        #expect(error?.code == .unavailable)
    }

    @Test func aSlowReaderHoldsNobodyUp() async throws {
        let producer = try await Producer.open()
        let server = server(producer)
        let following = Task {
            try await server.follow(.with { $0.topic = Producer.topic }) { _ in try await Task.sleep(for: .seconds(60))
            }
        }
        try await eventually { server.statistics.followers == 1 }
        for index in 1...20 { try await producer.set("items/a", Int64(index)) }
        #expect(try await producer.events().count == 20)
        following.cancel()
        _ = await following.result
        await producer.database.close()
    }
}
