import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Storage

let notes = Migration(
    version: 1, name: "notes",
    sql: """
        CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL, size BIGINT CHECK (size >= 0), UNIQUE (body));
        CREATE TABLE tags (
            note BIGINT NOT NULL REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED,
            tag TEXT NOT NULL,
            PRIMARY KEY (note, tag)
        );
        """)

struct Refused: Error, Hashable {}

@discardableResult
func withDatabase<T>(
    _ limits: DatabaseConfiguration.Limits = .init(), migrations: [Migration] = [notes],
    _ body: (Database) async throws -> T
) async throws -> T {
    let database = try await Database.open(try TestDatabase.fresh(limits: limits), migrations: migrations)
    do {
        let result = try await body(database)
        await database.close()
        return result
    } catch {
        await database.close()
        throw error
    }
}

/// A directory that is gone afterwards, for tests that open the same file twice.
func withDirectory<T>(_ body: (URL) async throws -> T) async throws -> T {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("storage-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try await body(directory)
}

extension Database {
    func add(_ id: Int, _ body: String) async throws {
        try await write {
            try $0.execute("INSERT INTO notes (id, body) VALUES (?, ?)", [SQLValue(id), SQLValue(body)])
        }
    }

    func ids() throws -> [Int] { try read { try $0.query("SELECT id FROM notes ORDER BY id") { try $0.int(0) } } }
}

/// 200 concurrent joins, through all of some databases that are one, for a single seat.
func expectLastSeatGivenOnce(_ databases: [Database]) async throws {
    let granted = try await withThrowingTaskGroup(of: Bool.self) { group in
        for id in 1...200 {
            group.addTask {
                try await databases[id % databases.count].write { tx in
                    guard try tx.count("SELECT count(*) FROM notes") < 1 else { return false }
                    try tx.execute(
                        "INSERT INTO notes (id, body) VALUES (?, ?)", [SQLValue(id), SQLValue("\(id)")])
                    return true
                }
            }
        }
        return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(granted == 1)
    #expect(try databases[0].ids().count == 1)
}

/// Opened once, by anyone; some wait for it on a thread.
final class Gate: Sendable {
    private let monitor = Monitor(false)
    func open() { monitor.broadcast { $0 = true } }
    func wait() { monitor.wait { $0 ? () : nil } }
}

/// Holds the writer's thread until the gate opens, so that what is submitted meanwhile is one group.
func holdWriter(_ database: Database, _ gate: Gate) async throws -> Task<Void, any Error> {
    let (started, continuation) = AsyncStream.makeStream(of: Void.self)
    let task = Task {
        try await database.write { _ in
            continuation.yield()
            gate.wait()
        }
    }
    for await _ in started { break }
    return task
}

final class Counter: Sendable {
    private let state = Mutex(0)
    func add() { state.withLock { $0 += 1 } }
    var value: Int { state.withLock { $0 } }
}
