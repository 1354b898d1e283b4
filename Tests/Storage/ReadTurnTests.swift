import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite(.onBothEngines) struct ReadTurnTests {
    /// What a thread of its own reads: twice in one turn, between which a commit is made, and once after it.
    private static func reads(of database: Database) async throws -> [[Int]] {
        let read = Gate()
        let committed = Gate()
        async let found = onThread {
            ReadTurn.begin()
            let first = try database.ids()
            read.open()
            committed.wait()
            let second = try database.readOne { try $0.query("SELECT id FROM notes ORDER BY id") { try $0.int(0) } }
            ReadTurn.end()
            return [first, second, try database.ids()]
        }
        await Task.detached { read.wait() }.value
        try await database.add(2, "b")
        committed.open()
        return try await found
    }

    private static func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }

    @Test func `reads of a turn share one view on SQLite, and the next sees what was committed`() async throws {
        try await withDatabase { database in
            try await database.add(1, "a")
            let shared = database.dialect == .sqlite
            #expect(try await Self.reads(of: database) == [[1], shared ? [1] : [1, 2], [1, 2]])
            // The connection serves others, and no view is left behind that would hold up the log.
            #expect(database.statistics.readConnections == 1)
            #expect(try await Self.onThread { try database.ids() } == [1, 2])
        }
    }

    @Test func `a turn sees what was committed before it, by another process too`() async throws {
        try await withDirectory { directory in
            let place = DatabaseConfiguration(
                location: .sqlite(path: directory.appendingPathComponent("notes.db").path))
            let one = try await Database.open(place, migrations: [notes])
            let other = try await Database.open(place, migrations: [notes])
            for id in 1...20 {
                try await one.add(id, "\(id)")
                let seen = try await Self.onThread {
                    ReadTurn.begin()
                    defer { ReadTurn.end() }
                    return [try other.ids(), try other.ids()]
                }
                #expect(seen == [Array(1...id), Array(1...id)])
            }
            await one.close()
            await other.close()
        }
    }

    @Test func `who waits for a write sees it, also where it goes on in the same turn`() async throws {
        try await withDatabase { database in
            try await database.add(1, "a")
            let seen = try await Self.onThread {
                ReadTurn.begin()
                defer { ReadTurn.end() }
                let before = try database.ids()
                let written = Gate()
                // Begins on this thread, as a handler does.
                Task.immediate {
                    try await database.add(2, "b")
                    written.open()
                }
                written.wait()
                return [before, try database.ids()]
            }
            #expect(seen == [[1], [1, 2]])
        }
    }

    @Test func `each read of a turn is counted, and one of a second database stands alone`() async throws {
        try await withDatabase { one in
            try await withDatabase { other in
                try await one.add(1, "a")
                let before = (one.statistics.reads, other.statistics.reads)
                let seen = try await Self.onThread {
                    ReadTurn.begin()
                    defer { ReadTurn.end() }
                    return try [one.ids(), other.ids(), one.ids(), other.ids(), one.ids()]
                }
                #expect(seen == [[1], [], [1], [], [1]])
                #expect(one.statistics.reads - before.0 == 3 && other.statistics.reads - before.1 == 2)
            }
        }
    }

    @Test func `what fails in a turn does not keep the rest from reading`() async throws {
        try await withDatabase { database in
            try await database.add(1, "a")
            let seen = try await Self.onThread {
                ReadTurn.begin()
                defer { ReadTurn.end() }
                #expect(throws: StorageError.self) { try database.read { try $0.count("SELECT nothing FROM nowhere") } }
                #expect(throws: Refused.self) { try database.read { _ in throw Refused() } }
                #expect(throws: StorageError.self) {
                    try database.readOne { try $0.count("SELECT 1") + $0.count("SELECT 2") }
                }
                return try database.ids()
            }
            #expect(seen == [1])
        }
    }

    @Test func `when the engine itself ends the view, the rest of the turn shares a new one`() async throws {
        try await withDatabase { database in
            try await database.add(1, "a")
            let read = Gate()
            let committed = Gate()
            async let found = Self.onThread {
                ReadTurn.begin()
                defer { ReadTurn.end() }
                // As SQLite does after some errors, of the disk for example. On PostgreSQL a turn has no view.
                if database.dialect == .sqlite {
                    try database.read { try $0.connection.run(script: "ROLLBACK") }
                }
                let first = try database.ids()
                read.open()
                committed.wait()
                return [first, try database.ids()]
            }
            await Task.detached { read.wait() }.value
            try await database.add(2, "b")
            committed.open()
            let shared = database.dialect == .sqlite
            #expect(try await found == [[1], shared ? [1] : [1, 2]])
            #expect(database.statistics.readConnections == 1)
        }
    }

    @Test func `a database that closes during a turn is closed when the turn ends`() async throws {
        let database = try await Database.open(try TestDatabase.fresh(), migrations: [notes])
        let read = Gate()
        let closed = Gate()
        async let refused = Self.onThread {
            ReadTurn.begin()
            _ = try database.ids()
            read.open()
            closed.wait()
            ReadTurn.end()
            return (try? database.ids()) == nil
        }
        await Task.detached { read.wait() }.value
        await database.close()
        #expect(database.statistics.readConnections == (database.dialect == .sqlite ? 1 : 0))
        closed.open()
        #expect(try await refused)
        #expect(database.statistics.readConnections == 0)
    }
}
