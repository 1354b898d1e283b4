import RPC
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ChangeFeed

/// The feed as the services use it: over connections, with servers that die.
@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct FeedOverRPCTests {
    private func serve(_ producer: Producer, port: Int = 0, access: FeedAccess = .everyone) async throws -> (
        server: RPCServer, port: Int
    ) {
        let service = FeedServer(
            reader: producer.reader, access: access, limits: LocalFeed.quick)
        // A process that another test has just forked holds the old socket until it execs: then the port is in use.
        for _ in 0..<200 {
            let server = RPCServer(configuration: .init(port: port), services: [service])
            if let bound = try? await server.start() { return (server, bound) }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw RPCError(code: .unavailable, message: "the port \(port) stays in use")
    }

    private func client(_ port: Int) throws -> RPCClient {
        var options = RPCClient.Options()
        options.connectBackoff = Backoff(initial: .milliseconds(5), maximum: .milliseconds(50))
        return try RPCClient(targets: [.init(host: "127.0.0.1", port: port)], options: options)
    }

    @Test func aConsumerCatchesUpWhenTheProducerComesBack() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        let port = try FreePort.find()
        var (server, _) = try await serve(producer, port: port)
        let rpc = try client(port)
        let consumer = try copy.consumer(of: RemoteFeed(.init(rpc)))
        try await consumer.running {
            for round in 1...5 {
                for index in 1...20 { try await producer.set("items/\(index)", Int64(round * 100 + index)) }
                try await eventually("round \(round)") { try copy.items() == producer.items() }
                await server.shutdown(grace: .zero)
                try await eventually { !consumer.freshness.isConnected }
                #expect(consumer.freshness.problem != nil)
                // What happens while nobody listens is there when the server is back.
                try await producer.set("items/away", Int64(round))
                (server, _) = try await serve(producer, port: port)
                try await eventually("back \(round)") { try copy.items() == producer.items() }
            }
        }
        #expect(try copy.applied() == producer.versions())
        await rpc.close(grace: .zero)
        await server.shutdown(grace: .zero)
        await producer.database.close()
        await copy.database.close()
    }

    @Test func aConsumerStartedBeforeItsProducerWaits() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        let port = try FreePort.find()
        let rpc = try client(port)
        let consumer = try copy.consumer(of: RemoteFeed(.init(rpc)))
        try await producer.set("items/a", 1)
        try await consumer.running {
            try await eventually { consumer.statistics.failures >= 2 }
            let (server, _) = try await serve(producer, port: port)
            try await eventually { try copy.items() == ["items/a": 1] }
            await server.shutdown(grace: .zero)
        }
        await rpc.close(grace: .zero)
        await producer.database.close()
        await copy.database.close()
    }

    @Test func stoppingAConsumerEndsItsStream() async throws {
        let producer = try await Producer.open()
        let copy = try await Copy.open()
        let service = FeedServer(reader: producer.reader, access: .everyone)
        let server = RPCServer(configuration: .init(), services: [service])
        let rpc = try client(try await server.start())
        let consumer = try copy.consumer(of: RemoteFeed(.init(rpc)))
        try await consumer.running { try await eventually { service.statistics.followers == 1 } }
        try await eventually { service.statistics.followers == 0 }
        await rpc.close(grace: .zero)
        await server.shutdown(grace: .zero)
        await producer.database.close()
        await copy.database.close()
    }

    @Test func errorsReachTheCaller() async throws {
        let producer = try await Producer.open()
        let access = FeedAccess { topic, _ in
            guard topic != Producer.other else { throw RPCError(code: .permissionDenied, message: "not for you") }
            return .everything
        }
        let (server, port) = try await serve(producer, access: access)
        let rpc = try client(port)
        let feed = Cdt_Feed_V1_FeedService.Client(rpc)
        func failure(_ topic: String, _ cursor: String) async throws -> RPCError? {
            let request = Cdt_Feed_V1_FollowRequest.with {
                $0.topic = topic
                $0.cursor = cursor
            }
            return await #expect(throws: RPCError.self) {
                for try await _ in try await feed.follow(request).responses { return }
            }
        }
        let unknown = try await failure("nothing", "")
        #expect(unknown?.code == .invalidArgument)
        #expect(unknown.flatMap(FeedError.reason) == "UNKNOWN_TOPIC")
        let invalid = try await failure(Producer.topic, "junk")
        #expect(invalid?.code == .invalidArgument)
        #expect(invalid.flatMap(FeedError.reason) == "INVALID_CURSOR")
        let expired = try await failure(Producer.topic, producer.cursor(after: 99))
        #expect(expired?.code == .outOfRange)
        #expect(expired.flatMap(FeedError.reason) == "CURSOR_EXPIRED")
        #expect(try await failure(Producer.other, "")?.code == .permissionDenied)
        await rpc.close(grace: .zero)
        await server.shutdown(grace: .zero)
        await producer.database.close()
    }
}
