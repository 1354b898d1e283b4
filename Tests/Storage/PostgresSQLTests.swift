import Testing

@testable import Storage

/// What is bridged between the common SQL subset and PostgreSQL, without a server.
@Suite struct PostgresSQLTests {
    @Test(arguments: [
        ("SELECT ?, ? FROM t WHERE a = ?", "SELECT $1, $2 FROM t WHERE a = $3"),
        ("SELECT '?', \"?\" -- ? what\n/* ? */, ?", "SELECT '?', \"?\" \n , $1"),
        ("SELECT 'it''s ?', ?", "SELECT 'it''s ?', $1"),
        ("SELECT ?1, ?12 < ?1, ? FROM t", "SELECT $1, $12 < $1, $13 FROM t"),
        (
            "CREATE TABLE t (a TEXT PRIMARY KEY, b BLOB) WITHOUT ROWID",
            "CREATE TABLE t (a TEXT COLLATE \"C\" PRIMARY KEY, b BYTEA) "
        ),
        ("ALTER TABLE t ADD COLUMN place TEXT", "ALTER TABLE t ADD COLUMN place TEXT COLLATE \"C\""),
        ("CREATE TABLE t (a INTEGER, b REAL)", "CREATE TABLE t (a BIGINT, b DOUBLE PRECISION)"),
        ("SELECT CAST(a AS TEXT), CAST(b AS INTEGER) FROM t", "SELECT CAST(a AS TEXT), CAST(b AS BIGINT) FROM t"),
        ("SELECT x'0aFF', x, ax'1'", "SELECT '\\x0aFF'::bytea, x, ax'1'"),
        (
            "CREATE TABLE a (x TEXT); SELECT CAST(1 AS TEXT)",
            "CREATE TABLE a (x TEXT COLLATE \"C\"); SELECT CAST(1 AS TEXT)"
        ),
        ("SELECT đ FROM tổ WHERE x = ?", "SELECT đ FROM tổ WHERE x = $1"),
    ])
    func statementsAreTranslated(sql: String, expected: String) {
        #expect(PostgresSQL(sql).text == expected)
    }

    @Test func textComparesByItsBytesAlsoWhereNoColumnSaysSo() {
        let types = [PostgresValue.int8, PostgresValue.text]
        #expect(PostgresSQL("SELECT ?, ? < ?").text(types: types) == "SELECT $1, ($2 COLLATE \"C\") < $3")
    }

    @Test(arguments: [
        ("SELECT 1", true, false), ("  -- first\n select 1", true, false), ("VALUES (1)", true, false),
        ("WITH a AS (SELECT 1) SELECT * FROM a", true, false),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", false, true),
        ("SELECT * FROM t FOR UPDATE", false, false), ("INSERT INTO t VALUES (1) RETURNING id", false, true),
        ("DELETE FROM t", false, true), ("UPDATE t SET a = 'SELECT'", false, true), ("", false, false),
        (" /* nothing */ ", false, false),
    ])
    func theKindOfAStatementIsKnown(sql: String, isQuery: Bool, changesData: Bool) {
        #expect(PostgresSQL(sql).isQuery == isQuery)
        #expect(PostgresSQL(sql).changesData == changesData)
    }

    /// Only rows of nothing but placeholders can go to the server many at a time.
    @Test(
        arguments: [
            ("INSERT INTO t (a, b) VALUES (?, ?)", "t"), ("insert into T values(?)\n", "t"),
            ("INSERT INTO t (a) VALUES (?, 0)", nil), ("INSERT INTO t (a) VALUES (coalesce(?, ?))", nil),
            ("INSERT INTO t (a) VALUES (?), (?)", nil), ("INSERT INTO t (a) VALUES (?) ON CONFLICT DO NOTHING", nil),
            ("INSERT INTO t (a) VALUES (?) RETURNING a", nil), ("INSERT INTO t (a) SELECT ? WHERE true", nil),
            ("INSERT INTO t (a) VALUES (1)", nil), ("INSERT INTO \"t\" (a) VALUES (?)", nil),
            ("UPDATE t SET a = ?", nil), ("SELECT a FROM t WHERE a IN (?, ?)", nil),
        ] as [(String, String?)])
    func plainInsertsAreKnown(sql: String, table: String?) {
        #expect(PostgresSQL(sql).insertedInto == table)
    }

    @Test func anInsertOfARowIsOneOfMany() {
        let many = PostgresSQL("INSERT INTO t (a, b) VALUES (?, ?)").inserting(rows: 3)
        #expect(many == "INSERT INTO t (a, b) VALUES (?, ?), (?, ?), (?, ?)")
        #expect(PostgresSQL(many).placeholders == 6)
    }

    @Test func whichTablesAStatementMayTouchIsKnown() {
        let sql = PostgresSQL("SELECT * FROM Team t JOIN team_stretch s ON s.team_id = t.id")
        #expect(sql.names("team") && sql.names("team_stretch"))
        #expect(!sql.names("person"))
        #expect(PostgresSQL("SELECT * FROM \"Person\"").names("person"))
    }

    @Test func placeholdersAreCounted() {
        #expect(PostgresSQL("INSERT INTO t VALUES (?, '?', ?) -- ?").placeholders == 2)
        #expect(PostgresSQL("SELECT ?1, ?2, ?1").placeholders == 2)
        #expect(PostgresSQL("").isEmpty)
        #expect(PostgresSQL("-- only words").isEmpty)
    }

    /// Count, weight, sign, places after the point, digits to the base of 10,000.
    @Test(
        arguments: [
            ([0, 0, 0, 0], SQLType.integer, 0, 0.0), ([1, 0, 0, 0, 7], .integer, 7, 7),
            ([1, 0, 0x4000, 0, 7], .integer, -7, -7), ([2, 1, 0, 0, 12, 3_456], .integer, 123_456, 123_456),
            ([1, 2, 0, 0, 5], .integer, 500_000_000, 500_000_000), ([2, 0, 0, 1, 1, 5_000], .real, 0, 1.5),
            ([1, -1, 0x4000, 2, 2_500], .real, 0, -0.25), ([1, 0, 0, 4, 3], .real, 0, 3),
            ([5, 4, 0x4000, 0, 922, 3_372, 368, 5_477, 5_808], .integer, .min, -9_223_372_036_854_775_808),
            ([5, 4, 0, 0, 922, 3_372, 368, 5_477, 5_808], .real, 0, 9_223_372_036_854_775_808),
        ] as [([Int], SQLType, Int64, Double)])
    func numbersOfAnyLengthAreReadExactly(fields: [Int], type: SQLType, integer: Int64, real: Double) {
        let bytes = fields.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] }
        bytes.withUnsafeBytes { bytes in
            #expect(PostgresValue.kind(of: PostgresValue.numeric, bytes) == type)
            #expect(PostgresValue.real(of: PostgresValue.numeric, bytes) == real)
            if type == .integer { #expect(PostgresValue.integer(of: PostgresValue.numeric, bytes) == integer) }
        }
    }

    @Test func keysAreReadInEveryLanguage() {
        let reports = [
            PostgresReport(
                state: "23505", message: "Giá trị khóa trùng lặp", detail: "Khóa (unit, \"level\")=(a, 1) đã tồn tại.",
                table: "teams", constraint: "teams_unit_level_key"),
            PostgresReport(
                state: "23505", message: "duplicate", detail: "Key (id)=(1) already exists.", table: "teams",
                constraint: "teams_pkey"),
            PostgresReport(
                state: "23505", message: "duplicate", detail: "Key (lower(name))=(a) already exists.", table: "teams",
                constraint: "one_name"),
        ]
        let violations = reports.compactMap { report -> ConstraintViolation? in
            guard case .constraint(let violation) = report.error(context: "") as? StorageError else { return nil }
            return violation
        }
        #expect(violations.map(\.kind) == [.unique, .primaryKey, .unique])
        #expect(violations.map(\.table) == ["teams", "teams", nil])
        #expect(violations.map(\.columns) == [["unit", "level"], ["id"], []])
        #expect(violations.map(\.name) == [nil, nil, "one_name"])
    }

    @Test(arguments: [
        ("53100", StorageError.full("m")), ("53300", .unavailable("m")),
        ("28P01", .unavailable("m")), ("3D000", .unavailable("m")), ("42601", .misuse("m, in: s")),
        ("22003", .misuse("m, in: s")), ("XX001", .corrupt("m")), ("F0000", .engine(code: 0, message: "F0000: m")),
    ])
    func statesBecomeErrors(state: String, expected: StorageError) {
        #expect(PostgresReport(state: state, message: "m").error(context: "s") as? StorageError == expected)
    }

    @Test func conflictsAndLossesMayBeRunAgain() {
        for state in ["40001", "40P01"] {
            guard
                case .serialization = PostgresReport(state: state, message: "m").error(context: "")
                    as? PostgresFailure
            else {
                Issue.record("\(state)")
                continue
            }
        }
        for state in ["57P01", "57P02", "57P03", "08006", "25P03"] {
            #expect(PostgresReport(state: state, message: "m").isLoss, "\(state)")
        }
        #expect(!PostgresReport(state: "57014", message: "m").isLoss)
    }
}
