import Foundation
import TestSupport
import Testing

@testable import Storage

/// Writes as their callers see them, whatever the engine.
@Suite(.onBothEngines) struct WriteTests {
    /// One write at a time, so that a held one holds up all.
    private var oneAtATime: DatabaseConfiguration.Limits {
        var limits = DatabaseConfiguration.Limits()
        limits.writerThreads = 1
        return limits
    }

    @Test func aSwallowedFailureIsStillAFailure() async throws {
        try await withDatabase { database in
            try await database.add(1, "a")
            await #expect(throws: StorageError.self) {
                try await database.write { tx in
                    try tx.execute("INSERT INTO notes (id, body) VALUES (2, 'b')")
                    _ = try? tx.execute("INSERT INTO notes (id, body) VALUES (1, 'c')")
                }
            }
            #expect(try database.ids() == [1])
        }
    }

    @Test func aWriteCancelledWhileItWaitsWritesNothing() async throws {
        try await withDatabase(oneAtATime) { database in
            let gate = Gate()
            let holding = try await holdWriter(database, gate)
            let cancelled = Task { try await database.add(1, "a") }
            let other = Task { try await database.add(2, "b") }
            try await eventually { database.statistics.waitingWrites == 2 }
            cancelled.cancel()
            gate.open()
            try await holding.value
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            try await other.value
            #expect(try database.ids() == [2])
        }
    }

    @Test func tooManyWaitingWritesAreRefused() async throws {
        var limits = oneAtATime
        limits.waitingWrites = 2
        try await withDatabase(limits) { database in
            let gate = Gate()
            let holding = try await holdWriter(database, gate)
            let waiting = (1...2).map { id in Task { try await database.add(id, "\(id)") } }
            try await eventually { database.statistics.waitingWrites == 2 }
            await #expect(throws: StorageError.overloaded("2 writes are waiting; the limit is 2")) {
                try await database.add(3, "c")
            }
            gate.open()
            try await holding.value
            for write in waiting { try await write.value }
            #expect(database.statistics.refusedWrites == 1)
            #expect(try database.ids() == [1, 2])
        }
    }

    /// Of many concurrent joins for the last seat exactly one succeeds; a refusal is a value and undoes nobody.
    @Test func theLastSeatIsGivenOnce() async throws {
        try await withDatabase { database in
            try await expectLastSeatGivenOnce([database])
        }
    }

    @Test func whatThrowsIsUndoneAndToldAsItIs() async throws {
        try await withDatabase { database in
            await #expect(throws: Refused.self) {
                try await database.write { tx in
                    try tx.execute("INSERT INTO notes (id, body) VALUES (1, 'a')")
                    try tx.executeLater("INSERT INTO notes (id, body) VALUES (2, 'b')")
                    throw Refused()
                }
            }
            #expect(try database.ids() == [])
            try await database.add(1, "a")
            #expect(try database.ids() == [1])
        }
    }

    @Test func effectsComeOnceAndBeforeTheAnswer() async throws {
        try await withDatabase { database in
            let effects = Counter()
            let seen = try await database.write { tx in
                try tx.execute("INSERT INTO notes (id, body) VALUES (1, 'a')")
                tx.afterCommit { if (try? database.ids()) == [1] { effects.add() } }
                return effects.value
            }
            #expect(seen == 0)
            #expect(effects.value == 1)
            await #expect(throws: Refused.self) {
                try await database.write { tx in
                    tx.afterCommit { effects.add() }
                    throw Refused()
                }
            }
            #expect(effects.value == 1)
        }
    }

    @Test func whatIsPutOffIsDoneInOrder() async throws {
        try await withDatabase { database in
            try await database.write { tx in
                for id in 1...600 {
                    try tx.executeLater(
                        "INSERT INTO notes (id, body, size) VALUES (?, ?, ?)",
                        [SQLValue(id), SQLValue("\(id)"), id % 2 == 0 ? nil : SQLValue(id)])
                }
                #expect(try tx.count("SELECT count(*) FROM notes") == 600)
                try tx.executeLater("UPDATE notes SET size = 1")
                try tx.executeLater("DELETE FROM notes WHERE id > 10 AND size = 1")
            }
            #expect(try database.ids() == Array(1...10))
        }
    }

    /// Rows that go to the server together are those that were written, whatever is asked or changed in between.
    @Test func rowsPutOffAreSeenAndChangedAsIfTheyHadBeenWrittenAtOnce() async throws {
        let others = Migration(
            version: 2, name: "others", sql: "CREATE TABLE others (id BIGINT NOT NULL PRIMARY KEY, body TEXT)")
        try await withDatabase(migrations: [notes, others]) { database in
            let seen = try await database.write { tx in
                var seen: [Int] = []
                for id in 1...203 {
                    try tx.executeLater(
                        "INSERT INTO others (id, body) VALUES (?, ?)", [SQLValue(id), id % 3 == 0 ? .null : "o\(id)"])
                    try tx.executeLater(
                        "INSERT INTO notes (id, body, size) VALUES (?, ?, ?)",
                        [SQLValue(id), SQLValue("\(id)"), id % 2 == 0 ? .null : SQLValue(id)])
                    // The same table with other columns.
                    if id == 90 {
                        try tx.executeLater("INSERT INTO notes (id, body) VALUES (?, ?)", [1_000, "thousand"])
                        try tx.executeLater("UPDATE others SET body = 'changed' WHERE id <= 90")
                    }
                    if id % 70 == 0 { seen.append(try tx.count("SELECT count(*) FROM notes")) }
                }
                return seen
            }
            #expect(seen == [70, 141])
            try database.read { tx throws in
                #expect(try tx.count("SELECT count(*) FROM notes WHERE size IS NULL") == 102)
                #expect(try tx.count("SELECT sum(size) FROM notes") == 102 * 102)
                #expect(try tx.count("SELECT count(*) FROM others WHERE body = 'changed'") == 90)
                #expect(try tx.count("SELECT count(*) FROM others WHERE body IS NULL") == 37)
                #expect(try tx.exists("SELECT 1 FROM others WHERE id = 203 AND body = 'o203'"))
            }
            // What is undone is not sent later.
            await #expect(throws: Refused.self) {
                try await database.write { tx in
                    try tx.executeLater("INSERT INTO others (id, body) VALUES (?, ?)", [999, "never"])
                    throw Refused()
                }
            }
            try await database.write {
                try $0.executeLater("INSERT INTO others (id, body) VALUES (?, ?)", [1_001, "x"])
            }
            #expect(try database.read { try $0.count("SELECT count(*) FROM others") } == 204)
        }
    }

    @Test func anErrorOfWhatIsPutOffUndoesAll() async throws {
        try await withDatabase { database in
            try await database.add(1, "a")
            for looks in [true, false] {
                let error = await #expect(throws: StorageError.self) {
                    try await database.write { tx in
                        try tx.execute("INSERT INTO notes (id, body) VALUES (2, 'b')")
                        try tx.executeLater("INSERT INTO notes (id, body) VALUES (3, 'a')")
                        try tx.executeLater("INSERT INTO notes (id, body) VALUES (4, 'd')")
                        if looks { _ = try tx.count("SELECT count(*) FROM notes") }
                    }
                }
                guard case .constraint(let violation) = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(violation.kind == .unique)
                #expect(violation.columns == ["body"])
                #expect(try database.ids() == [1])
            }
            try await database.add(2, "b")
            #expect(try database.ids() == [1, 2])
        }
    }

    /// No write is lost or done twice when all change the same row.
    @Test func concurrentChangesOfOneRowAddUp() async throws {
        try await withDatabase { database in
            try await database.write { try $0.execute("INSERT INTO notes (id, body, size) VALUES (1, 'sum', 0)") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 1...100 {
                    group.addTask {
                        try await database.write { tx in
                            let size = try tx.count("SELECT size FROM notes WHERE id = 1")
                            try tx.execute("UPDATE notes SET size = ? WHERE id = 1", [SQLValue(size + index)])
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try database.read { try $0.count("SELECT size FROM notes WHERE id = 1") } == 5_050)
        }
    }

    /// Each looks at what the other changes; run one after the other, one of them finds the other on duty and leaves.
    @Test func whatWasDecidedFromAStateHoldsInThatState() async throws {
        try await withDatabase { database in
            for round in 0..<20 {
                try await database.write { tx in
                    try tx.execute("DELETE FROM notes")
                    try tx.execute("INSERT INTO notes (id, body, size) VALUES (1, 'a', 1), (2, 'b', 1)")
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for id in [1, 2] {
                        group.addTask {
                            try await database.write { tx in
                                guard try tx.count("SELECT count(*) FROM notes WHERE size = 1") > 1 else { return }
                                try tx.execute("UPDATE notes SET size = 0 WHERE id = ?", [SQLValue(id)])
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(
                    try database.read { try $0.count("SELECT count(*) FROM notes WHERE size = 1") } == 1, "\(round)")
            }
        }
    }
}
