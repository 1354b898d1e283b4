import Foundation
import TestSupport
import Testing

@testable import Storage

/// Lost connections: nothing acknowledged is lost, nothing is done twice, and what is not known is not claimed.
@Suite(.onPostgres, .timeLimit(.minutes(5))) struct PostgresRecoveryTests {
    private func address(_ place: DatabaseConfiguration) throws -> String {
        guard case .postgres(let address) = place.location else { throw Refused() }
        return address
    }

    /// Nothing is given up, however slow the machine is.
    private static var patient: DatabaseConfiguration.Limits {
        var limits = DatabaseConfiguration.Limits()
        limits.reconnectTime = .seconds(600)
        limits.outcomeTime = .seconds(600)
        return limits
    }

    /// Ends all sessions of the database but its own.
    private func endSessions(of place: DatabaseConfiguration) throws {
        try PostgresServer.run(
            """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """, at: address(place))
    }

    @Test func sessionsThatWereEndedAreReplaced() async throws {
        let place = try TestDatabase.fresh(limits: Self.patient)
        let database = try await Database.open(place, migrations: [notes])
        for id in 1...3 {
            try await database.add(id, "\(id)")
            #expect(try database.ids() == Array(1...id))
            try endSessions(of: place)
        }
        #expect(try database.ids() == [1, 2, 3])
        try await database.add(4, "d")
        #expect(try await database.readPooled { try $0.count("SELECT count(*) FROM notes") } == 4)
        await database.close()
    }

    /// After an error the server skips the rest of a batch, and with it a ROLLBACK that was sent in the same one.
    @Test func whatFailsBeforeARollbackDoesNotKeepTheSessionInTheFailedTransaction() async throws {
        var limits = Self.patient
        limits.writerThreads = 1
        try await withDatabase(limits) { database in
            // Not waited for: it fails when the closure has given up already.
            await #expect(throws: Refused.self) {
                try await database.write { tx in
                    try tx.execute("INSERT INTO notes (id, body) VALUES (1, 'a')")
                    try tx.executeLater("UPDATE notes SET size = -1 WHERE id = 1")
                    throw Refused()
                }
            }
            try await database.add(2, "b")
            // Rows that fail after the first ones have come: the cursor is closed in a failed transaction.
            await #expect(throws: StorageError.self) {
                try await database.write { tx in
                    try tx.forEach("SELECT 1 / (900 - i) FROM generate_series(1, 1000) AS i") { _ in }
                }
            }
            try await database.add(3, "c")
            #expect(try database.ids() == [2, 3])
        }
    }

    @Test func sessionsThatEndAtRandomLoseAndRepeatNothing() async throws {
        let place = try TestDatabase.fresh(limits: Self.patient)
        let database = try await Database.open(place, migrations: [notes])
        try await database.write { try $0.execute("INSERT INTO notes (id, body, size) VALUES (0, 'sum', 0)") }
        let acknowledged = Counter()
        let writers = (0..<6).map { writer in
            Task {
                for index in 0... {
                    if Task.isCancelled { break }
                    try await database.write { tx in
                        try tx.execute(
                            "INSERT INTO notes (id, body) VALUES (?, ?)",
                            [SQLValue(1 + writer + 6 * index), SQLValue("\(writer) \(index)")])
                        try tx.execute("UPDATE notes SET size = size + 1 WHERE id = 0")
                    }
                    acknowledged.add()
                }
            }
        }
        for _ in 0..<25 {
            let before = acknowledged.value
            try await eventually { acknowledged.value > before + Int.random(in: 0...9) }
            try endSessions(of: place)
        }
        for writer in writers { writer.cancel() }
        // None of them failed: what a broken connection undid was done again.
        for writer in writers {
            if case .failure(let error) = await writer.result, !(error is CancellationError) { throw error }
        }
        let kept = try database.ids().count - 1
        #expect(kept == acknowledged.value)
        #expect(try database.read { try $0.count("SELECT size FROM notes WHERE id = 0") } == kept)
        await database.close()
    }

    /// The database behind a proxy, and the way round it.
    private func withProxy(
        _ limits: DatabaseConfiguration.Limits = patient, _ body: (PostgresProxy, Database) async throws -> Void
    ) async throws {
        let direct = try address(try TestDatabase.fresh())
        let name = String(direct.dropFirst("postgresql:///".count).prefix { $0 != "?" })
        let proxy = try PostgresProxy(to: PostgresServer.running().folder)
        let database = try await Database.open(.postgres(proxy.address(name), limits: limits), migrations: [notes])
        try await body(proxy, database)
        proxy.refuse(false)
        await database.close()
        proxy.close()
    }

    @Test func aCommitWhoseAnswerIsLostIsAcknowledgedOnce() async throws {
        try await withProxy { proxy, database in
            let runs = Counter()
            let effects = Counter()
            for id in 1...5 {
                proxy.cut(.after)
                try await database.write { tx in
                    runs.add()
                    try tx.execute("INSERT INTO notes (id, body) VALUES (?, ?)", [SQLValue(id), SQLValue("\(id)")])
                    tx.afterCommit { effects.add() }
                }
            }
            #expect(proxy.cutsMade == 5)
            // It was found to be committed, and so not run again.
            #expect(runs.value == 5)
            #expect(effects.value == 5)
            #expect(try database.ids() == Array(1...5))
        }
    }

    @Test func aCommitThatNeverArrivedIsRunAgain() async throws {
        try await withProxy { proxy, database in
            let runs = Counter()
            for id in 1...5 {
                proxy.cut(.before)
                try await database.write { tx in
                    runs.add()
                    try tx.execute("INSERT INTO notes (id, body) VALUES (?, ?)", [SQLValue(id), SQLValue("\(id)")])
                }
            }
            #expect(proxy.cutsMade == 5)
            #expect(runs.value == 10)
            #expect(try database.ids() == Array(1...5))
        }
    }

    @Test func anOutcomeThatCannotBeLearnedIsNotClaimed() async throws {
        var limits = DatabaseConfiguration.Limits()
        limits.outcomeTime = .milliseconds(50)
        limits.writerThreads = 1
        try await withProxy(limits) { proxy, database in
            try await database.add(1, "a")
            proxy.cut(.after)
            proxy.refuse(true)
            let error = await #expect(throws: StorageError.self) { try await database.add(2, "b") }
            guard case .unknownOutcome = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            proxy.refuse(false)
            // It was kept, as the caller finds when it asks.
            #expect(try database.ids() == [1, 2])
        }
    }

    @Test func aServerThatStaysAwayIsUnavailable() async throws {
        var limits = DatabaseConfiguration.Limits()
        limits.reconnectTime = .milliseconds(50)
        limits.outcomeTime = .milliseconds(50)
        limits.writerThreads = 1
        try await withProxy(limits) { proxy, database in
            try await database.add(1, "a")
            proxy.cut(.before)
            proxy.refuse(true)
            let error = await #expect(throws: StorageError.self) { try await database.add(2, "b") }
            switch error {
            // The outcome is asked for in vain as long as nobody answers.
            case .unavailable, .unknownOutcome: break
            default: Issue.record("\(String(describing: error))")
            }
            proxy.refuse(false)
            try await database.add(3, "c")
            #expect(try database.ids() == [1, 3])
        }
    }

    @Test func aServerThatIsNotThereIsNamed() async throws {
        let error = await #expect(throws: StorageError.self) {
            try await Database.open(.postgres("postgresql://127.0.0.1:1/nothing"), migrations: [notes])
        }
        guard case .unavailable(let message) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(message.contains("127.0.0.1"))
    }

    @Test func whatIsGivenUpCannotBeCommittedLater() async throws {
        let place = try TestDatabase.fresh()
        let database = try await Database.open(place, migrations: [notes])
        let asking = try PostgresConnection(address: try address(place), role: .writer, limits: place.limits)
        let late = try PostgresConnection(address: try address(place), role: .writer, limits: place.limits)
        let mark = CommitMark()
        try late.begin(.serializable, mark: mark)
        let transaction = WriteTransaction(late)
        try transaction.execute("INSERT INTO notes (id, body) VALUES (1, 'a')")
        #expect(try !asking.wasCommitted(mark))
        // The same answer, however often it is asked for.
        #expect(try !asking.wasCommitted(mark))
        #expect(throws: (any Error).self) { try late.commit() }
        late.rollback()
        #expect(try database.ids() == [])
        let kept = CommitMark()
        try late.begin(.serializable, mark: kept)
        try WriteTransaction(late).execute("INSERT INTO notes (id, body) VALUES (2, 'b')")
        try late.commit()
        #expect(try asking.wasCommitted(kept))
        for connection in [asking, late] { connection.close() }
        await database.close()
    }

    @Test func aCharacterPostgresCannotStoreIsRefused() async throws {
        try await withDatabase { database in
            let error = await #expect(throws: StorageError.self) { try await database.add(1, "a\u{0}b") }
            #expect(error?.description.contains("U+0000") == true)
            try await database.add(1, "a")
        }
    }
}
