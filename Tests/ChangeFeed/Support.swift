import Foundation
import Logging
import RPC
import Shared
import Storage
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import ChangeFeed

typealias Number = Google_Protobuf_Int64Value

let quiet: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}()

/// A service that keeps numbers by name and tells of each change.
struct Producer: Sendable {
    static let topic = "numbers.facts"
    static let other = "numbers.secrets"

    let database: Database
    let outbox: Outbox

    /// - Parameter sequencer: For tests in which replicas die, how soon another takes over.
    static func open(
        _ configuration: DatabaseConfiguration? = nil, sequencer: FeedSequencer.Options = FeedSequencer.Options()
    ) async throws -> Producer {
        let items = Migration(
            version: 1, name: "items",
            sql: """
                CREATE TABLE items (
                    id TEXT NOT NULL PRIMARY KEY, value BIGINT, version BIGINT NOT NULL
                )
                """)
        let database = try await Database.open(
            try configuration ?? TestDatabase.fresh(),
            migrations: [Outbox.migrations, MigrationSet("items", [items])])
        return Producer(
            database: database,
            outbox: try await Outbox.open([topic, other], in: database, sequencer: sequencer))
    }

    var reader: FeedReader { FeedReader(database: database, outbox: outbox) }

    static func now() -> Int64 { FeedReader.systemClock() }

    /// Gives the item a new value, nil: removes it. Returns the version.
    @discardableResult
    func set(_ id: String, _ value: Int64?, at now: Int64 = now()) async throws -> Int64 {
        try await database.write { [outbox] tx in
            let version = try tx.queryOne(
                """
                INSERT INTO items (id, value, version) VALUES (?, ?, 1)
                ON CONFLICT (id) DO UPDATE SET value = excluded.value, version = items.version + 1 RETURNING version
                """, [.text(id), SQLValue(value)]
            ) { try $0.int64(0) }
            let next = try #require(version)
            if let value {
                try outbox.append(
                    topic: Self.topic, aggregate: id, version: next, payload: Number(value), at: now, in: tx)
            } else {
                try outbox.appendTombstone(topic: Self.topic, aggregate: id, version: next, at: now, in: tx)
            }
            return next
        }
    }

    func items() throws -> [String: Int64] {
        try database.read { tx in
            let rows = try tx.query("SELECT id, value FROM items WHERE value IS NOT NULL") {
                (try $0.text(0), try $0.int64(1))
            }
            return Dictionary(uniqueKeysWithValues: rows)
        }
    }

    func versions() throws -> [String: Int64] {
        try database.read { tx in
            let rows = try tx.query("SELECT id, version FROM items") { (try $0.text(0), try $0.int64(1)) }
            return Dictionary(uniqueKeysWithValues: rows)
        }
    }

    /// On PostgreSQL, waits until all that is committed has a number.
    func settled() async throws {
        try await eventually("events stay without a number") {
            try database.read { try $0.count("SELECT count(*) FROM feed_pending") } == 0
        }
    }

    /// All events from a cursor on.
    func events(after cursor: String = "", topic: String = topic) async throws -> [FeedEvent] {
        try await settled()
        return try await reader.batch(topic: topic, after: cursor, events: .max, bytes: .max).events
    }

    func cursor(after sequence: Int64) throws -> String {
        let topic = try reader.topic(Self.topic)
        return FeedCursor(epoch: topic.epoch, sequence: sequence).encoded(topic: topic.name)
    }
}

/// Another service that keeps a copy of the numbers.
struct Copy: Sendable {
    let database: Database

    static func open(_ configuration: DatabaseConfiguration? = nil) async throws -> Copy {
        let copies = Migration(
            version: 1, name: "copies",
            sql: "CREATE TABLE copies (id TEXT NOT NULL PRIMARY KEY, value BIGINT, applied BIGINT NOT NULL)")
        return Copy(
            database: try await Database.open(
                try configuration ?? TestDatabase.fresh(),
                migrations: [FeedConsumer.migrations, MigrationSet("copies", [copies])]))
    }

    static let apply: @Sendable (FeedEvent, WriteTransaction) throws -> Void = { event, tx in
        let value = try event.payload(as: Number.self)?.value
        try tx.execute(
            """
            INSERT INTO copies (id, value, applied) VALUES (?, ?, 1)
            ON CONFLICT (id) DO UPDATE SET value = excluded.value, applied = copies.applied + 1
            """, [.text(event.aggregate), SQLValue(value)])
    }

    func consumer(
        of source: any FeedSource, options: FeedConsumer.Options? = nil,
        apply: @escaping @Sendable (FeedEvent, WriteTransaction) throws -> Void = apply
    ) throws -> FeedConsumer {
        var quick = FeedConsumer.Options()
        quick.backoff = Backoff(initial: .milliseconds(2), maximum: .milliseconds(20))
        // A dead replica's turn is over soon.
        quick.lease = .milliseconds(50)
        return try FeedConsumer(
            name: "copy", source: source, topic: Producer.topic, database: database, options: options ?? quick,
            logger: quiet, apply: apply)
    }

    func items() throws -> [String: Int64] {
        try database.read { tx in
            let rows = try tx.query("SELECT id, value FROM copies WHERE value IS NOT NULL") {
                (try $0.text(0), try $0.int64(1))
            }
            return Dictionary(uniqueKeysWithValues: rows)
        }
    }

    /// How often an event of each aggregate took effect.
    func applied() throws -> [String: Int64] {
        try database.read { tx in
            let rows = try tx.query("SELECT id, applied FROM copies") { (try $0.text(0), try $0.int64(1)) }
            return Dictionary(uniqueKeysWithValues: rows)
        }
    }
}

/// A feed in the same process that can be taken away, and that breaks when it is told to.
final class LocalFeed: FeedSource {
    private let state = Mutex<(server: FeedServer?, breaksAfter: Int?)>((nil, nil))
    let streams = Mutex(0)

    init(_ producer: Producer? = nil, limits: FeedServer.Limits = quick) { set(producer, limits: limits) }

    static var quick: FeedServer.Limits {
        var limits = FeedServer.Limits()
        limits.heartbeat = .milliseconds(20)
        limits.pause = .milliseconds(1)
        return limits
    }

    func set(_ producer: Producer?, limits: FeedServer.Limits = quick) {
        let server = producer.map { FeedServer(database: $0.database, outbox: $0.outbox, limits: limits) }
        state.withLock { $0.server = server }
    }

    /// The next streams end with an error after so many responses.
    func breakAfter(_ responses: Int?) { state.withLock { $0.breaksAfter = responses } }

    func follow(
        _ request: Cdt_Feed_V1_FollowRequest, deliver: (Cdt_Feed_V1_FollowResponse) async throws -> Void
    ) async throws {
        let (server, breaksAfter) = state.withLock { $0 }
        guard let server else { throw RPCError(code: .unavailable, message: "the producer is down") }
        streams.withLock { $0 += 1 }
        var responses = 0
        do {
            try await server.follow(request) { response in
                if let breaksAfter, responses >= breaksAfter {
                    throw RPCError(code: .unavailable, message: "the connection broke")
                }
                responses += 1
                // As on the wire.
                try await deliver(Cdt_Feed_V1_FollowResponse(serializedBytes: response.serializedBytes() as [UInt8]))
            }
        } catch let error as FeedError {
            throw error.rpcError
        }
    }
}

extension FeedConsumer {
    /// Runs while `body` does.
    @discardableResult
    func running<T>(_ body: () async throws -> T) async throws -> T {
        let task = Task { await run() }
        do {
            let result = try await body()
            task.cancel()
            await task.value
            return result
        } catch {
            task.cancel()
            await task.value
            throw error
        }
    }
}
