import TestSupport
import Testing

@testable import Storage

@Suite(.onBothEngines) struct StatementCacheTests {
    @Test(arguments: ["", "        /* a text that is not short */"])
    func theLeastRecentlyUsedStatementGoes(comment: String) async throws {
        var limits = DatabaseConfiguration.Limits()
        limits.keptStatements = 2
        try await withDatabase(limits) { database in
            let texts = (0...3).map { "SELECT \($0)\(comment)" }
            func run(_ index: Int) throws { _ = try database.read { try $0.count(texts[index]) } }
            let before = database.statistics
            func counted() -> [Int] {
                let now = database.statistics
                return [
                    now.statementsPrepared - before.statementsPrepared, now.statementsReused - before.statementsReused,
                    now.statementsEvicted - before.statementsEvicted,
                ]
            }
            for index in [1, 2, 1, 2, 1] { try run(index) }
            #expect(counted() == [2, 3, 0])
            try run(3)
            #expect(counted() == [3, 3, 1])
            // 2 was the oldest, so 1 is still there.
            try run(1)
            #expect(counted() == [3, 4, 1])
            try run(2)
            #expect(counted() == [4, 4, 2])
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
