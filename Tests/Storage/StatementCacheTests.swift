import Testing

@testable import Storage

@Suite struct StatementCacheTests {
    @Test func theLeastRecentlyUsedStatementGoes() async throws {
        var limits = DatabaseConfiguration.Limits()
        limits.keptStatements = 4  // BEGIN and ROLLBACK are among them
        try await withDatabase(limits) { database in
            let before = database.statistics
            for sql in ["SELECT 1", "SELECT 2", "SELECT 1", "SELECT 2", "SELECT 1"] {
                _ = try database.read { try $0.count(sql) }
            }
            let kept = database.statistics
            #expect(kept.statementsEvicted == before.statementsEvicted)
            #expect(kept.statementsPrepared - before.statementsPrepared == 4)
            _ = try database.read { try $0.count("SELECT 3") }
            #expect(database.statistics.statementsEvicted == before.statementsEvicted + 1)
            // "SELECT 2" was the oldest.
            _ = try database.read { try $0.count("SELECT 1") }
            #expect(database.statistics.statementsPrepared == kept.statementsPrepared + 1)
        }
    }

    @Test func aStatementCanRunInsideItself() async throws {
        try await withDatabase { database in
            for id in 1...3 { try await database.add(id, "\(id)") }
            let pairs = try database.read { tx in
                let sql = "SELECT id FROM notes ORDER BY id"
                return try tx.query(sql) { outer in
                    let inner = try tx.query(sql) { try $0.int(0) }
                    return try outer.int(0) * 10 + inner.count
                }
            }
            #expect(pairs == [13, 23, 33])
        }
    }

    @Test func valuesDoNotStayBound() async throws {
        try await withDatabase { database in
            _ = try database.read { try $0.queryOne("SELECT ?", ["secret"]) { try $0.text(0) } }
            #expect(throws: StorageError.self) { try database.read { try $0.query("SELECT ?", []) { _ in } } }
            // A failed binding leaves nothing behind either.
            let value = try database.read { try $0.queryOne("SELECT ?", [.null]) { try $0.value(0) } }
            #expect(value == .null)
        }
    }

    @Test func aFailedStatementCanBeUsedAgain() async throws {
        try await withDatabase { database in
            try await database.add(1, "a")
            await #expect(throws: StorageError.self) { try await database.add(1, "b") }
            try await database.add(2, "b")
            #expect(try database.ids() == [1, 2])
        }
    }
}
