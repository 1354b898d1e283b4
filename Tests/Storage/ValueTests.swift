import TestSupport
import Testing

@testable import Storage

@Suite(.onBothEngines) struct ValueTests {
    @Test(arguments: [
        SQLValue.null, .integer(0), .integer(.min), .integer(.max), .real(0.5), .real(-.infinity), .text(""),
        .text("Tổ công nghệ số cộng đồng"), .text("de\u{301}"), .blob([]), .blob([0, 255, 0]),
        .blob(Array(repeating: 7, count: 100_000)),
    ])
    func valuesComeBackAsTheyWent(value: SQLValue) async throws {
        try await withDatabase { database in
            let back = try database.read { try $0.queryOne("SELECT ?", [value]) { try $0.value(0) } }
            #expect(back == value)
        }
    }

    /// A kept statement has room of its own for what it is given, and uses it again.
    @Test func oneStatementIsGivenValuesOfAnySize() async throws {
        try await withDatabase { database in
            try database.read { tx in
                for size in [0, 3, 5_000, 1, 0, 100_000, 20] {
                    let values: [SQLValue] = [
                        .text(String(repeating: "ế", count: size)), .null, .blob(Array(repeating: 9, count: size)),
                        .text(""), .integer(7), .blob([]), .text("đ"),
                    ]
                    let back = try tx.queryOne("SELECT ?, ?, ?, ?, ?, ?, ?", values) { row in
                        try (0..<values.count).map { try row.value($0) }
                    }
                    #expect(back == values, "\(size)")
                }
            }
        }
    }

    @Test func aNumberedValueStandsInSeveralPlaces() async throws {
        try await withDatabase { database in
            let back = try database.read { tx in
                try tx.queryOne(
                    "SELECT CAST(?2 AS TEXT), CAST(?1 AS TEXT), CASE WHEN ?2 = 'b' THEN 1 ELSE 0 END, CAST(? AS TEXT)",
                    ["a", "b", "c"]
                ) { [try $0.value(0), try $0.value(1), try $0.value(2), try $0.value(3)] }
            }
            #expect(back == ["b", "a", 1, "c"])
            #expect(throws: StorageError.self) {
                try database.read { try $0.queryOne("SELECT CAST(?1 AS TEXT), CAST(?1 AS TEXT)", ["a", "b"]) { _ in } }
            }
        }
    }

    @Test func typedColumns() async throws {
        try await withDatabase { database in
            try database.read { tx in
                let row = try tx.queryOne(
                    "SELECT ?, ?, ?, ?, ?, NULL", [3, true, "x", .blob([1]), 2.5]
                ) { (row: Row) throws -> Int in
                    #expect(try row.int(0) == 3)
                    #expect(try row.int64(0) == 3)
                    #expect(try row.int32(0) == 3)
                    #expect(try row.double(0) == 3)
                    #expect(try row.bool(1) == true)
                    #expect(try row.text(2) == "x")
                    #expect(try row.blob(3) == [1])
                    #expect(try row.withBlob(3) { Array($0) } == [1])
                    #expect(try row.withText(2) { Array($0) } == Array("x".utf8))
                    #expect(throws: StorageError.self) { try row.withText(3) { _ in } }
                    #expect(throws: StorageError.self) { try row.withBlob(2) { _ in } }
                    #expect(try row.double(4) == 2.5)
                    #expect(try row.isNull(5))
                    #expect(try row.textOrNull(5) == nil)
                    #expect(try row.intOrNull(5) == nil)
                    #expect(try row.blobOrNull(3) == [1])
                    return row.count
                }
                #expect(row == 6)
            }
        }
    }

    /// PostgreSQL gives sums and truths types of their own.
    @Test func whatIsComputedIsAnIntegerOnBothEngines() async throws {
        let values: [(String, SQLValue)] = [
            ("sum(id)", .integer(3_000_000_000_000_000_003)), ("sum(-id)", .integer(-3_000_000_000_000_000_003)),
            ("count(*)", .integer(3)), ("sum(id) > 5", .integer(1)), ("max(id) = 0", .integer(0)),
            ("sum(size)", .null), ("max(body)", .text("c")), ("avg(id % 10)", .real(1)), ("sum(0)", .integer(0)),
            ("sum(10000 * (id % 10))", .integer(30_000)), ("CAST(count(*) AS REAL) / 2", .real(1.5)),
            ("length(max(body))", .integer(1)), ("EXISTS (SELECT 1 FROM notes WHERE id = 7)", .integer(0)),
            ("x'00ff'", .blob([0, 255])), ("'?'", .text("?")), ("7 / 2", .integer(3)), ("NULL", .null),
        ]
        try await withDatabase { database in
            for (index, id) in [1_000_000_000_000_000_000, 2_000_000_000_000_000_001, 2].enumerated() {
                try await database.add(id, ["a", "b", "c"][index])
            }
            for (expression, expected) in values {
                let value = try database.read { try $0.queryOne("SELECT \(expression) FROM notes") { try $0.value(0) } }
                #expect(value == expected, "\(expression)")
            }
        }
    }

    @Test func optionalsBecomeNull() {
        #expect(SQLValue(String?.none) == .null)
        #expect(SQLValue(Int?.none) == .null)
        #expect(SQLValue(Int32?.some(4)) == .integer(4))
        #expect(SQLValue(Bool?.some(true)) == .integer(1))
        #expect(nil as SQLValue == .null)
    }

    @Test func aColumnOfAnotherTypeIsNamed() async throws {
        try await withDatabase { database in
            let sql = "SELECT 'abc' AS members"
            let expected = ColumnMismatch(
                column: "members", index: 0, expected: "INTEGER", found: "TEXT", statement: sql)
            #expect(throws: StorageError.column(expected)) {
                try database.read { try $0.queryOne(sql) { try $0.int(0) } }
            }
            #expect(
                StorageError.column(expected).description
                    == "column 0 (members) holds TEXT, not INTEGER, in: SELECT 'abc' AS members")
        }
    }

    @Test func nullIsNotAnEmptyText() async throws {
        try await withDatabase { database in
            #expect(throws: StorageError.self) {
                try database.read { try $0.queryOne("SELECT NULL AS name") { try $0.text(0) } }
            }
        }
    }

    @Test(arguments: [
        ("SELECT 2", "0 or 1"), ("SELECT 3000000000", "a 32-bit INTEGER"),
    ])
    func valuesOutOfRangeAreRefused(sql: String, expected: String) async throws {
        try await withDatabase { database in
            let error = #expect(throws: StorageError.self) {
                try database.read { tx in
                    try tx.queryOne(sql) { row in
                        switch expected {
                        case "0 or 1": _ = try row.bool(0)
                        default: _ = try row.int32(0)
                        }
                    }
                }
            }
            guard case .column(let mismatch) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(mismatch.expected == expected)
        }
    }

    @Test(arguments: [
        ("SELECT ?", []), ("SELECT 1", [SQLValue.null]), ("SELECT 1; SELECT 2", []), ("SELEC 1", []), ("", []),
        ("SELECT nothing FROM notes", []), ("SELECT \"text\"", []), ("SELECT ?", [SQLValue.real(.nan)]),
    ])
    func wrongStatementsAreErrorsOfTheProgram(sql: String, bindings: [SQLValue]) async throws {
        try await withDatabase { database in
            let error = #expect(throws: StorageError.self) {
                try database.read { try $0.query(sql, bindings) { _ in } }
            }
            guard case .misuse = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }

    @Test func columnsThatDoNotExist() async throws {
        try await withDatabase { database in
            for index in [-1, 1] {
                #expect(throws: StorageError.self) {
                    try database.read { try $0.queryOne("SELECT 1") { try $0.int(index) } }
                }
            }
        }
    }

    @Test func aRowIsGoneAfterItsClosure() async throws {
        try await withDatabase { database in
            #expect(throws: StorageError.self) {
                try database.read { tx in
                    let rows = try tx.query("SELECT 1 UNION ALL SELECT 2") { $0 }
                    return try rows[0].int(0)
                }
            }
        }
    }

    @Test func aTransactionIsGoneAfterItsClosure() async throws {
        try await withDatabase { database in
            let escaped = try database.read { $0 }
            #expect(throws: StorageError.self) { try escaped.count("SELECT 1") }
        }
    }

    @Test func scanStopsWhereItIsTold() async throws {
        try await withDatabase { database in
            let seen = try database.read { tx in
                var seen: [Int] = []
                try tx.scan("SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3") { row in
                    seen.append(try row.int(0))
                    return seen.count < 2
                }
                return seen
            }
            #expect(seen == [1, 2])
        }
    }
}
