/// One row of a result, valid only inside the closure it is given to.
///
/// Columns are named by position. A column of another type, or NULL where it is not allowed, throws an error that
/// names the column and the statement.
package struct Row {
    private let statement: any EngineStatement
    private let generation: UInt64

    init(_ statement: any EngineStatement) {
        self.statement = statement
        self.generation = statement.generation
    }

    package var count: Int { statement.columnCount }

    package func int64(_ index: Int) throws -> Int64 {
        let type = try type(index)
        guard type == .integer else { throw mismatch(index, .integer, type) }
        return statement.integer(index)
    }

    package func int(_ index: Int) throws -> Int { Int(try int64(index)) }

    package func int32(_ index: Int) throws -> Int32 {
        let value = try int64(index)
        guard let narrow = Int32(exactly: value) else { throw mismatch(index, "a 32-bit INTEGER", String(value)) }
        return narrow
    }

    /// 0 and 1; both engines store booleans as integers.
    package func bool(_ index: Int) throws -> Bool {
        switch try int64(index) {
        case 0: false
        case 1: true
        case let other: throw mismatch(index, "0 or 1", String(other))
        }
    }

    /// A REAL, or an INTEGER that is widened.
    package func double(_ index: Int) throws -> Double {
        let type = try type(index)
        guard type == .real || type == .integer else { throw mismatch(index, .real, type) }
        return statement.real(index)
    }

    package func text(_ index: Int) throws -> String { try text(index, type(index)) }

    private func text(_ index: Int, _ type: SQLType) throws -> String {
        guard let text = String(column: try textBytes(index, type)) else {
            throw mismatch(index, "UTF-8", "other bytes")
        }
        return text
    }

    private func textBytes(_ index: Int, _ type: SQLType) throws -> UnsafeBufferPointer<UInt8> {
        guard type == .text else { throw mismatch(index, .text, type) }
        guard let bytes = statement.textBytes(index) else { throw mismatch(index, "UTF-8", "no memory for it") }
        return bytes
    }

    package func blob(_ index: Int) throws -> [UInt8] { try withBlob(index) { Array($0) } }

    /// The bytes of a text, without making one; they are valid while `body` runs.
    package func withText<T>(_ index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> T) throws -> T {
        try body(textBytes(index, type(index)))
    }

    /// The bytes of a blob, without a copy; they are valid while `body` runs.
    package func withBlob<T>(_ index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> T) throws -> T {
        let type = try type(index)
        guard type == .blob else { throw mismatch(index, .blob, type) }
        return try body(statement.blobBytes(index))
    }

    package func isNull(_ index: Int) throws -> Bool { try type(index) == .null }
    package func int64OrNull(_ index: Int) throws -> Int64? { try isNull(index) ? nil : int64(index) }
    package func intOrNull(_ index: Int) throws -> Int? { try isNull(index) ? nil : int(index) }
    package func int32OrNull(_ index: Int) throws -> Int32? { try isNull(index) ? nil : int32(index) }
    package func boolOrNull(_ index: Int) throws -> Bool? { try isNull(index) ? nil : bool(index) }
    package func doubleOrNull(_ index: Int) throws -> Double? { try isNull(index) ? nil : double(index) }
    package func textOrNull(_ index: Int) throws -> String? {
        let type = try type(index)
        return type == .null ? nil : try text(index, type)
    }
    package func blobOrNull(_ index: Int) throws -> [UInt8]? { try isNull(index) ? nil : blob(index) }

    /// The column as it is.
    package func value(_ index: Int) throws -> SQLValue {
        let type = try type(index)
        return switch type {
        case .null: .null
        case .integer: .integer(statement.integer(index))
        case .real: .real(statement.real(index))
        case .text: .text(try text(index, type))
        case .blob: .blob(Array(statement.blobBytes(index)))
        }
    }

    private func type(_ index: Int) throws -> SQLType {
        guard statement.generation == generation else {
            throw StorageError.misuse("a row was used after its closure had returned, in: \(statement.sql)")
        }
        guard index >= 0, index < statement.columnCount else {
            throw StorageError.misuse(
                "column \(index) does not exist; the statement has \(statement.columnCount): \(statement.sql)")
        }
        return try statement.type(index)
    }

    private func mismatch(_ index: Int, _ expected: SQLType, _ found: SQLType) -> StorageError {
        mismatch(index, expected.rawValue, found.rawValue)
    }

    private func mismatch(_ index: Int, _ expected: String, _ found: String) -> StorageError {
        .column(
            ColumnMismatch(
                column: statement.columnName(index), index: index, expected: expected, found: found,
                statement: statement.sql))
    }
}
