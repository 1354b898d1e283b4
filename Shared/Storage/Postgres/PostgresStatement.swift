import CLibpq

/// A statement on a PostgreSQL connection. It is prepared once for each combination of types its values have had.
final class PostgresStatement: EngineStatement, KeptStatement {
    /// The statement as the server knows it.
    struct Variant {
        var name: String
        var types: [UInt32]
        /// The session in which it was prepared.
        var session: Int

        /// NULL fits every type.
        func fits(_ types: [UInt32], in session: Int) -> Bool {
            self.session == session && zip(self.types, types).allSatisfy { $1 == 0 || $0 == $1 }
        }
    }

    let sql: String
    let translation: PostgresSQL
    private(set) var generation: UInt64 = 0
    var isInUse = false
    var usedAt: UInt64 = 0
    /// The newest first.
    var variants: [Variant] = []
    /// The same INSERT for so many rows at once, by that number.
    var wider: [Int: PostgresStatement] = [:]
    /// How many rows it inserts, if it is such a one.
    let rowCount: Int
    private(set) var values: [SQLValue] = []

    private unowned let connection: PostgresConnection
    private var streams = false
    private var hasRun = false
    private var result: OpaquePointer?
    private var row = -1
    private var rows = 0
    private var hasCursor = false
    /// A cursor gave fewer rows than asked for.
    private var isExhausted = false

    /// Rows fetched through a cursor at once: few first, for those who look at few.
    private static let batches = (first: 64, later: 512)

    convenience init(sql: String, connection: PostgresConnection) throws {
        try self.init(sql: sql, PostgresSQL(sql), rowCount: 1, connection: connection)
    }

    private init(sql: String, _ translation: PostgresSQL, rowCount: Int, connection: PostgresConnection) throws {
        self.sql = sql
        self.translation = translation
        self.rowCount = rowCount
        self.connection = connection
        guard !translation.isEmpty else { throw StorageError.misuse("a statement is empty") }
    }

    deinit { PQclear(result) }

    /// Everything the server has prepared for it.
    var allVariants: [Variant] { variants + wider.values.flatMap(\.variants) }

    /// What the server calls the cursor; statements that run at the same time have different names.
    private var cursor: String { "c_\(connection.number(of: self))" }

    func bind(_ values: [SQLValue], rows demand: RowDemand) throws {
        guard values.count == translation.placeholders else {
            throw StorageError.misuse(
                "the statement has \(translation.placeholders) placeholders and was given \(values.count) values: \(sql)"
            )
        }
        for (index, value) in values.enumerated() {
            switch value {
            case .real(let real) where real.isNaN:
                throw StorageError.misuse("placeholder \(index + 1) is not a number: \(sql)")
            case .text(let text) where text.utf8.contains(0):
                throw StorageError.misuse(
                    "placeholder \(index + 1) holds the character U+0000, which PostgreSQL cannot store: \(sql)")
            default: continue
            }
        }
        self.values = values
        streams = demand == .some && translation.isQuery
    }

    func step() throws -> Bool {
        generation &+= 1
        if !hasRun {
            hasRun = true
            try run()
        } else if row + 1 >= rows, hasCursor, !isExhausted {
            try connection.fetch(Self.batches.later, from: cursor) { self.keep($0, wanted: Self.batches.later) }
        }
        row += 1
        return row < rows
    }

    func runLater() throws { try connection.enqueue(self) }

    /// The same INSERT for so many rows.
    func inserting(rows: Int) throws -> PostgresStatement {
        if let known = wider[rows] { return known }
        let statement = try PostgresStatement(
            sql: sql, PostgresSQL(translation.inserting(rows: rows)), rowCount: rows, connection: connection)
        wider[rows] = statement
        return statement
    }

    private func run() throws {
        guard streams else { return try connection.run(self) { self.keep($0, wanted: nil) } }
        try connection.open(self, cursor: cursor, first: Self.batches.first) {
            self.keep($0, wanted: Self.batches.first)
        }
        hasCursor = true
    }

    private func keep(_ result: OpaquePointer, wanted: Int?) -> Bool {
        PQclear(self.result)
        self.result = result
        row = -1
        rows = Int(PQntuples(result))
        if let wanted { isExhausted = rows < wanted }
        return true
    }

    var changes: Int {
        guard let result, let count = PQcmdTuples(result) else { return 0 }
        return Int(String(cString: count)) ?? 0
    }

    func finish() {
        generation &+= 1
        if hasCursor { connection.close(cursor: cursor) }
        PQclear(result)
        result = nil
        row = -1
        rows = 0
        hasRun = false
        hasCursor = false
        isExhausted = false
        values = []
        isInUse = false
    }

    // MARK: Columns

    var columnCount: Int { result.map { Int(PQnfields($0)) } ?? 0 }

    func columnName(_ index: Int) -> String {
        guard let result, let name = PQfname(result, Int32(index)) else { return "?" }
        return String(cString: name)
    }

    private func typeID(_ index: Int) -> UInt32 { result.map { PQftype($0, Int32(index)) } ?? 0 }

    private func bytes(_ index: Int) -> UnsafeRawBufferPointer {
        guard let result, let start = PQgetvalue(result, Int32(row), Int32(index)) else {
            return .init(start: nil, count: 0)
        }
        return UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(result, Int32(row), Int32(index))))
    }

    func type(_ index: Int) throws -> SQLType {
        guard let result, PQgetisnull(result, Int32(row), Int32(index)) == 0 else { return .null }
        // A function without a value (void) gives an empty one.
        if typeID(index) == 2278 { return .null }
        guard let kind = PostgresValue.kind(of: typeID(index), bytes(index)) else {
            throw StorageError.misuse(
                "column \(index) (\(columnName(index))) has PostgreSQL's type \(typeID(index)), which SQLite does not have, in: \(sql)"
            )
        }
        return kind
    }

    func integer(_ index: Int) -> Int64 { PostgresValue.integer(of: typeID(index), bytes(index)) }
    func real(_ index: Int) -> Double { PostgresValue.real(of: typeID(index), bytes(index)) }
    func textBytes(_ index: Int) -> UnsafeBufferPointer<UInt8>? { bytes(index).assumingMemoryBound(to: UInt8.self) }
    func blobBytes(_ index: Int) -> UnsafeBufferPointer<UInt8> { bytes(index).assumingMemoryBound(to: UInt8.self) }
}
