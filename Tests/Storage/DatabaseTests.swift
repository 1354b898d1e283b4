import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite struct DatabaseTests {
    @Test func whatIsWrittenIsRead() async throws {
        try await withDatabase { database in
            try await database.add(1, "một")
            #expect(try database.ids() == [1])
            let pooled = try await database.readPooled { try $0.count("SELECT count(*) FROM notes") }
            #expect(pooled == 1)
        }
    }

    @Test func aWriteReturnsItsValue() async throws {
        try await withDatabase { database in
            let id = try await database.write { tx in
                try tx.queryOne("INSERT INTO notes (id, body) VALUES (7, 'x') RETURNING id") { try $0.int(0) }
            }
            #expect(id == 7)
            let changed = try await database.write { try $0.execute("UPDATE notes SET size = 1") }
            #expect(changed == 1)
        }
    }

    @Test func readersDoNotSeeWhatIsNotCommitted() async throws {
        try await withDatabase { database in
            let seenInside = try await database.write { tx in
                try tx.execute("INSERT INTO notes (id, body) VALUES (1, 'a')")
                return (try tx.count("SELECT count(*) FROM notes"), try database.ids().count)
            }
            #expect(seenInside == (1, 0))
            #expect(try database.ids() == [1])
        }
    }

    @Test func aReadKeepsOneViewWhileOthersCommit() async throws {
        try await withDatabase { database in
            try await database.add(1, "a")
            let entered = Gate()
            let committed = Gate()
            let reading = Task {
                try await database.readPooled { tx in
                    let before = try tx.count("SELECT count(*) FROM notes")
                    entered.open()
                    committed.wait()
                    return (before, try tx.count("SELECT count(*) FROM notes"))
                }
            }
            await Task.detached { entered.wait() }.value
            try await database.add(2, "b")
            committed.open()
            #expect(try await reading.value == (1, 1))
            #expect(try database.ids() == [1, 2])
        }
    }

    @Test func readersCannotWrite() async throws {
        try await withDatabase { database in
            #expect(throws: (any Error).self) {
                try database.read { try $0.query("DELETE FROM notes RETURNING id") { try $0.int(0) } }
            }
        }
    }

    @Test func closingKeepsEverythingAndEndsTheDatabase() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("a/b/store.sqlite").path
            let database = try await Database.open(.sqlite(path: path), migrations: [notes])
            async let first: Void = database.add(1, "a")
            async let second: Void = database.add(2, "b")
            _ = try await (first, second)
            await database.close()
            await database.close()
            #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
            #expect(throws: StorageError.closed) { try database.ids() }
            await #expect(throws: StorageError.closed) { try await database.add(3, "c") }
            await #expect(throws: StorageError.closed) { try await database.readPooled { _ in } }

            let again = try await Database.open(.sqlite(path: path), migrations: [notes])
            #expect(try again.ids() == [1, 2])
            await again.close()
        }
    }

    @Test func aBackupIsTheDatabaseAtOneMoment() async throws {
        try await withDirectory { directory in
            let path = directory.appendingPathComponent("store.sqlite").path
            let target = directory.appendingPathComponent("backups/today.sqlite").path
            let database = try await Database.open(.sqlite(path: path), migrations: [notes])
            for id in 1...50 { try await database.add(id, "\(id)") }
            // Each write adds two rows, so a copy with an odd number would be torn.
            let writing = Task {
                for id in stride(from: 100, to: 100_000, by: 2) where !Task.isCancelled {
                    try await database.write { tx in
                        for id in [id, id + 1] {
                            try tx.execute("INSERT INTO notes (id, body) VALUES (?, ?)", [SQLValue(id), "n\(id)"])
                        }
                    }
                }
            }
            try await database.backup(to: target)
            writing.cancel()
            _ = await writing.result
            let copy = try await Database.open(.sqlite(path: target), migrations: [notes])
            let ids = try copy.ids()
            #expect(ids.count >= 50 && ids.count.isMultiple(of: 2))
            #expect(ids == Array(try database.ids().prefix(ids.count)))
            await copy.close()
            let error = await #expect(throws: StorageError.self) { try await database.backup(to: target) }
            #expect(error?.description.contains("does not overwrite") == true)
            await database.close()
            await #expect(throws: StorageError.closed) { try await database.backup(to: target + "2") }
        }
    }

    @Test func aDatabaseThatIsDroppedFinishesWhatWaits() async throws {
        try await withDirectory { directory in
            let file = DatabaseConfiguration.sqlite(path: directory.appendingPathComponent("store.sqlite").path)
            var database: Database? = try await Database.open(file, migrations: [notes])
            weak let dropped = database
            try await database?.add(1, "a")
            database = nil
            try await eventually { dropped == nil }
            let again = try await Database.open(file, migrations: [notes])
            try await again.add(2, "b")
            #expect(try again.ids() == [1, 2])
            await again.close()
        }
    }

    @Test func aCancelledReadStopsItsStatement() async throws {
        try await withDatabase { database in
            let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
            let task = Task { try await database.readPooled { try $0.count(endless) } }
            try await eventually { database.statistics.pooledReads == 1 }
            try await Task.sleep(for: .milliseconds(20))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            // The connection is as good as before.
            #expect(try database.ids() == [])
        }
    }

    @Test func tooManyWaitingReadsAreRefused() async throws {
        var limits = DatabaseConfiguration.Limits()
        limits.readerThreads = 1
        limits.waitingReads = 2
        try await withDatabase(limits) { database in
            let gate = Gate()
            let entered = Gate()
            let running = Task {
                try await database.readPooled { _ in
                    entered.open()
                    gate.wait()
                }
            }
            await Task.detached { entered.wait() }.value
            let waiting = (0..<2).map { _ in Task { try await database.readPooled { _ in } } }
            try await eventually { database.statistics.waitingReads == 2 }
            await #expect(throws: StorageError.overloaded("2 reads are waiting; the limit is 2")) {
                try await database.readPooled { _ in }
            }
            gate.open()
            try await running.value
            for task in waiting { try await task.value }
            #expect(database.statistics.refusedReads == 1)
        }
    }

    @Test func commitsWakeListenersOfTheirChannelOnly() async throws {
        try await withDatabase { database in
            var mine = database.commits(on: "mine", every: .seconds(3_600)).makeAsyncIterator()
            let other = Counter()
            let listening = Task {
                for await _ in database.commits(on: "other", every: .seconds(3_600)) { other.add() }
            }
            try await database.write { $0.notify("mine") }
            await #expect(mine.next() != nil)
            #expect(other.value == 0)
            await database.close()
            await #expect(mine.next() == nil)
            await listening.value
        }
    }

    @Test func listenersHearOnceInEachInterval() async throws {
        try await withDatabase { database in
            var ticks = 0
            for await _ in database.commits(on: "silent", every: .milliseconds(2)) {
                ticks += 1
                if ticks == 3 { break }
            }
            #expect(ticks == 3)
        }
    }
}
