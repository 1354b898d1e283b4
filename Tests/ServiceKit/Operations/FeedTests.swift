import ChangeFeed
import Foundation
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import ServiceKit

/// What ServiceKit does for a service that has a feed, and for one that follows it.
@Suite struct FeedTests {
    private static let topic = "notes.facts"

    /// Tells of notes.
    private enum Source: ServiceDefinition {
        static let identity = ServiceIdentity(name: "registry", title: "Has a feed.", port: 50_098)
        static let migrations: [MigrationSet] = []

        static func make(_ context: ServiceContext) async throws -> ServiceParts {
            let outbox = try await Outbox.open([topic], in: context.database)
            return ServiceParts(services: [], feed: FeedServer(database: context.database, outbox: outbox))
        }
    }

    /// Keeps nothing of what it hears; that it has heard is enough here.
    private enum Follower: ServiceDefinition {
        static let identity = ServiceIdentity(name: "follower", title: "Follows it.", port: 50_097)
        static let peers = ["registry"]
        static let migrations: [MigrationSet] = []

        static func make(_ context: ServiceContext) async throws -> ServiceParts {
            let consumer = try FeedConsumer(
                name: "notes", client: try context.feed(of: "registry"), topic: topic, database: context.database,
                logger: context.logger, apply: { _, _ in })
            return ServiceParts(services: [], consumers: [consumer])
        }
    }

    private static func tell(_ text: String, version: Int64, in database: Database, at now: Int64) async throws {
        let outbox = try await Outbox.open([topic], in: database)
        try await database.write { tx in
            try outbox.append(
                topic: topic, aggregate: "notes/1", version: version, payload: Google_Protobuf_StringValue(text),
                at: now, in: tx)
        }
    }

    /// The samples of a service's /metrics: name and labels → value.
    private static func metrics(of service: RunningService) async throws -> [String: Double] {
        let text = try await HTTPProbe.get("/metrics", port: service.adminEndpoint.port).body
        let samples = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
            line.lastIndex(of: " ").map { (String(line[..<$0]), Double(line[line.index(after: $0)...]) ?? .nan) }
        }
        return Dictionary(samples) { first, _ in first }
    }

    @Test func feedsAreServedFollowedAndCounted() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUIDv7.next())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let quiet = ["--log-level", "critical"]
        let source = try await ServiceHost.start(Source.self, arguments: ["--data", "\(folder)/source"] + quiet)
        let follower = try await ServiceHost.start(
            Follower.self,
            arguments: ["--data", "\(folder)/follower", "--peer", "registry=\(source.endpoint)", "--grace", "0"] + quiet
        )
        func consumer(_ name: String) -> String { "feed_consumer_\(name){consumer=\"notes\",topic=\"\(Self.topic)\"}" }
        do {
            for version in 1...3 {
                try await Self.tell("\(version)", version: Int64(version), in: source.context.database, at: 1)
            }
            var known: [String: Double] = [:]
            try await eventually("the events are applied") {
                known = try await Self.metrics(of: follower)
                return known[consumer("events_applied_total")] == 3 && known[consumer("caught_up")] == 1
            }
            #expect(known[consumer("events_ignored_total")] == 0)
            #expect(known[consumer("connected")] == 1)
            #expect(known[consumer("connections_total")] ?? 0 >= 1)
            #expect(known[consumer("responses_total")] ?? 0 >= 1)
            #expect(known[consumer("lag_seconds")] ?? -1 >= 0)
            let served = try await Self.metrics(of: source)
            #expect(served["feed_server_followers"] == 1)
            #expect(served["feed_server_events_total"] == 3)
            #expect(served["feed_server_responses_total"] ?? 0 >= 1)
        } catch {
            await source.stop()
            await follower.stop()
            throw error
        }
        await source.stop()
        var cut: [String: Double] = [:]
        try await eventually("the follower sees that the source is gone") {
            cut = try await Self.metrics(of: follower)
            return cut[consumer("connected")] == 0 && cut[consumer("failures_total")] ?? 0 >= 1
        }
        #expect(cut[consumer("caught_up")] == 0)
        #expect(cut[consumer("lag_seconds")] ?? -1 >= 0, "what is known is still known, and how old it is")
        await follower.stop()
    }

    @Test func aFollowerThatHasNeverHeardShowsNoAge() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUIDv7.next())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let follower = try await ServiceHost.start(
            Follower.self, arguments: ["--data", folder, "--peer", "registry=127.0.0.1:1", "--log-level", "critical"])
        let metrics = try await Self.metrics(of: follower)
        await follower.stop()
        let labels = "{consumer=\"notes\",topic=\"\(Self.topic)\"}"
        #expect(metrics["feed_consumer_lag_seconds\(labels)"] == nil)
        #expect(metrics["feed_consumer_connected\(labels)"] == 0)
        #expect(metrics["feed_server_followers"] == nil, "it has no feed of its own")
    }

    @Test func theHistoryOfAFeedIsCompactedByATask() async throws {
        let database = try await Database.open(.temporary(), migrations: [Outbox.migrations])
        let outbox = try await Outbox.open([Self.topic], in: database)
        let feed = FeedServer(database: database, outbox: outbox)
        let now = Instant.system()
        for version in 1...3 {
            try await Self.tell(
                "\(version)", version: Int64(version), in: database, at: now.adding(seconds: -8 * 86_400).microseconds)
        }
        let clock = Clock { now }
        #expect(ServiceParts(services: [], feed: feed).allTasks(clock: clock).map(\.name) == ["feed compaction"])
        #expect(ServiceParts(services: []).allTasks(clock: clock).isEmpty)

        let task = Task { try await ServiceParts.compaction(of: feed, clock: clock, after: .zero).run() }
        func versions() throws -> [Int64] {
            try database.read {
                try $0.query("SELECT version FROM feed_events ORDER BY sequence", []) { try $0.int64(0) }
            }
        }
        try await eventually("only the newest is left; the others have been superseded for longer than a week") {
            try versions() == [3]
        }
        task.cancel()
        _ = await task.result
        await database.close()
    }
}
