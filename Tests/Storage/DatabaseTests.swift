import Foundation
import TestSupport
import Testing

@testable import Storage

@Suite(.onBothEngines) struct DatabaseTests {
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
        let place = try TestDatabase.fresh()
        let database = try await Database.open(place, migrations: [notes])
        async let first: Void = database.add(1, "a")
        async let second: Void = database.add(2, "b")
        _ = try await (first, second)
        await database.close()
        await database.close()
        #expect(throws: StorageError.closed) { try database.ids() }
        await #expect(throws: StorageError.closed) { try await database.add(3, "c") }
        await #expect(throws: StorageError.closed) { try await database.readPooled { _ in } }

        let again = try await Database.open(place, migrations: [notes])
        #expect(try again.ids() == [1, 2])
        await again.close()
    }

    /// Text is ordered by its bytes, whatever the server's locale.
    @Test func bothEnginesOrderAndCompareAlike() async throws {
        try await withDatabase { database in
            let texts = [
                "á", "a", "Z", "z", "a b", "ab", "-", "Đ", "đ", "_", "", "ß", "ss", "10", "9", "e\u{301}", "é",
            ]
            for (id, text) in texts.enumerated() { try await database.add(id, text) }
            let expected = texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            let sorted = try database.read { try $0.query("SELECT body FROM notes ORDER BY body") { try $0.text(0) } }
            #expect(sorted == expected)
            let greater = try database.read { tx in
                try tx.query("SELECT body FROM notes WHERE body > ? ORDER BY body", ["ab"]) { try $0.text(0) }
            }
            #expect(greater == expected.filter { "ab".utf8.lexicographicallyPrecedes($0.utf8) })
            let largest = try database.read { try $0.queryOne("SELECT max(body) FROM notes") { try $0.text(0) } }
            #expect(largest == expected.last)
            let reached = try database.read { tx in
                try tx.query(
                    """
                    WITH RECURSIVE r (body) AS (SELECT ? UNION SELECT n.body FROM notes n JOIN r ON n.body > r.body)
                    SELECT body FROM r ORDER BY body
                    """, ["Z"]
                ) { try $0.text(0) }
            }
            #expect(reached == expected.filter { !$0.utf8.lexicographicallyPrecedes("Z".utf8) })
        }
    }

    @Test func upsertsTellWhatTheyChanged() async throws {
        try await withDatabase { database in
            let upsert = """
                INSERT INTO notes (id, body, size) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET size = excluded.size
                WHERE excluded.size > notes.size RETURNING size
                """
            let changes = try await database.write { tx in
                try [(1, 5), (1, 3), (1, 9), (2, 1)].map { (id: Int, size: Int) in
                    try tx.queryOne(upsert, [SQLValue(id), SQLValue("\(id)"), SQLValue(size)]) { try $0.int(0) }
                }
            }
            #expect(changes == [5, nil, 9, 1])
            let count = try await database.write { tx in
                try tx.execute("UPDATE notes SET size = size + ? WHERE size > ?", [1, 0])
            }
            #expect(count == 2)
        }
    }

    @Test func aReadOfOneStatementRunsOne() async throws {
        try await withDatabase { database in
            try await database.add(1, "a")
            #expect(try database.readOne { try $0.count("SELECT count(*) FROM notes") } == 1)
            #expect(throws: StorageError.self) {
                try database.readOne { tx in
                    _ = try tx.count("SELECT count(*) FROM notes")
                    return try tx.count("SELECT count(*) FROM notes")
                }
            }
            // It leaves no view behind that a later read would have.
            try await database.add(2, "b")
            #expect(try database.readOne { try $0.count("SELECT count(*) FROM notes") } == 2)
            #expect(try database.ids() == [1, 2])
        }
    }

    @Test func longResultsAreReadPieceByPiece() async throws {
        try await withDatabase { database in
            try await database.write { tx in
                for id in 0..<1_500 {
                    try tx.executeLater(
                        "INSERT INTO notes (id, body) VALUES (?, ?)", [SQLValue(id), SQLValue("\(id)")])
                }
            }
            let sql = "SELECT id FROM notes WHERE id >= ? ORDER BY id"
            var all: [Int] = []
            var firstOfEach: [Int] = []
            try database.read { tx in
                try tx.forEach(sql, [0]) { row in
                    let id = try row.int(0)
                    all.append(id)
                    // Another, and the same statement, while this one runs.
                    if id % 500 == 0 {
                        try tx.scan(sql, [SQLValue(id)]) { row in
                            firstOfEach.append(try row.int(0))
                            return false
                        }
                    }
                }
                #expect(try tx.count("SELECT count(*) FROM notes") == 1_500)
            }
            #expect(all == Array(0..<1_500))
            #expect(firstOfEach == [0, 500, 1_000])
            // A closure that throws in the middle leaves a connection that works.
            #expect(throws: Refused.self) {
                try database.read { tx in try tx.forEach(sql, [0]) { if try $0.int(0) == 700 { throw Refused() } } }
            }
            #expect(try database.ids().count == 1_500)
        }
    }

    @Test func aDatabaseThatIsDroppedFinishesWhatWaits() async throws {
        let place = try TestDatabase.fresh()
        var database: Database? = try await Database.open(place, migrations: [notes])
        weak let dropped = database
        try await database?.add(1, "a")
        database = nil
        try await eventually { dropped == nil }
        let again = try await Database.open(place, migrations: [notes])
        try await again.add(2, "b")
        #expect(try again.ids() == [1, 2])
        await again.close()
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

    /// A read that has begun and lasts until the gate opens.
    private func longRead(of database: Database) async -> (running: Task<Void, any Error>, gate: Gate) {
        let gate = Gate()
        let entered = Gate()
        let running = Task {
            try await database.readPooled { _ in
                entered.open()
                gate.wait()
            }
        }
        await Task.detached { entered.wait() }.value
        return (running, gate)
    }

    @Test func tooManyWaitingReadsAreRefused() async throws {
        var limits = DatabaseConfiguration.Limits()
        limits.readerThreads = 1
        limits.waitingReads = 2
        try await withDatabase(limits) { database in
            let (running, gate) = await longRead(of: database)
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

    @Test func briefReadsDoNotWaitForLongOnes() async throws {
        var limits = DatabaseConfiguration.Limits()
        limits.readerThreads = 1
        try await withDatabase(limits) { database in
            let (running, gate) = await longRead(of: database)
            let waiting = Task { try await database.readPooled { try $0.count("SELECT count(*) FROM notes") } }
            try await eventually { database.statistics.waitingReads == 1 }
            // Also one after the other: the thread they have is theirs again.
            for _ in 0..<2 { try await database.readPooled(length: .brief) { _ in } }
            #expect(database.statistics.waitingReads == 1)
            gate.open()
            try await running.value
            #expect(try await waiting.value == 0)
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
