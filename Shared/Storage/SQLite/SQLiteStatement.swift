import CSQLite
import Foundation

/// A statement compiled by SQLite.
final class SQLiteStatement: EngineStatement, KeptStatement {
    let sql: String
    private(set) var generation: UInt64 = 0
    /// Kept by `StatementCache`.
    var isInUse = false
    var usedAt: UInt64 = 0
    let columnCount: Int
    private let handle: OpaquePointer
    private let database: OpaquePointer
    private let parameterCount: Int
    private var bound = BoundBytes()

    init(sql: String, database: OpaquePointer) throws {
        self.sql = sql
        self.database = database
        var sql = sql
        handle = try sql.withUTF8 { text in
            try text.withMemoryRebound(to: CChar.self) { text in
                var statement: OpaquePointer?
                var tail: UnsafePointer<CChar>?
                // PERSISTENT: most statements are kept, so they should not use the small lookaside memory.
                let result = sqlite3_prepare_v3(
                    database, text.baseAddress, Int32(text.count), UInt32(SQLITE_PREPARE_PERSISTENT), &statement, &tail)
                guard result == SQLITE_OK else {
                    throw SQLiteErrors.error(
                        code: result, handle: database,
                        context: String(decoding: UnsafeRawBufferPointer(text), as: UTF8.self))
                }
                guard let statement else { throw StorageError.misuse("a statement is empty") }
                if let tail, let start = text.baseAddress {
                    let rest = text[(tail - start)...]
                    let blanks: Set<CChar> = [32, 9, 10, 13, 59]  // space, tab, newlines, semicolon
                    if rest.contains(where: { !blanks.contains($0) }) {
                        sqlite3_finalize(statement)
                        throw StorageError.misuse(
                            "one statement at a time: \(String(decoding: UnsafeRawBufferPointer(text), as: UTF8.self))")
                    }
                }
                return statement
            }
        }
        columnCount = Int(sqlite3_column_count(handle))
        parameterCount = Int(sqlite3_bind_parameter_count(handle))
    }

    deinit {
        sqlite3_finalize(handle)
        bound.deallocate()
    }

    func bind(_ values: [SQLValue], rows demand: RowDemand) throws {
        guard values.count == parameterCount else {
            throw StorageError.misuse(
                "the statement has \(parameterCount) placeholders and was given \(values.count) values: \(sql)")
        }
        bound.makeRoom(
            values.reduce(0) { sum, value in
                switch value {
                case .text(let text): sum + text.utf8.count
                case .blob(let blob): sum + blob.count
                case .null, .integer, .real: sum
                }
            })
        var index: Int32 = 0
        for value in values {
            index += 1
            let result: Int32
            switch value {
            case .null: result = sqlite3_bind_null(handle, index)
            case .integer(let integer): result = sqlite3_bind_int64(handle, index, integer)
            case .real(let real):
                // SQLite would store NULL in its place, PostgreSQL would not.
                guard !real.isNaN else { throw StorageError.misuse("placeholder \(index) is not a number: \(sql)") }
                result = sqlite3_bind_double(handle, index, real)
            case .text(var text):
                let copy = text.withUTF8 { bound.copy(UnsafeRawBufferPointer($0)) }
                result = cdt_sqlite3_bind_text(
                    handle, index, copy.assumingMemoryBound(to: CChar.self), UInt64(text.utf8.count))
            case .blob(let blob):
                let copy = blob.withUnsafeBytes { bound.copy($0) }
                result = cdt_sqlite3_bind_blob(handle, index, copy, UInt64(blob.count))
            }
            guard result == SQLITE_OK else {
                throw SQLiteErrors.error(code: result, handle: database, context: "placeholder \(index) of \(sql)")
            }
        }
    }

    func step() throws -> Bool {
        generation &+= 1
        errno = 0
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw SQLiteErrors.error(code: code, handle: database, context: sql)
        }
    }

    /// At once: to put it off would gain nothing.
    func runLater() throws { while try step() {} }

    var changes: Int { Int(sqlite3_changes64(database)) }

    func finish() {
        generation &+= 1
        sqlite3_reset(handle)
        if parameterCount > 0 {
            sqlite3_clear_bindings(handle)
            bound.clear()
        }
        isInUse = false
    }

    /// Runs a statement without values and rows, such as COMMIT.
    func run() throws {
        defer { sqlite3_reset(handle) }
        _ = try step()
    }

    func columnName(_ index: Int) -> String {
        sqlite3_column_name(handle, Int32(index)).map { String(cString: $0) } ?? "?"
    }

    func type(_ index: Int) -> SQLType {
        switch sqlite3_column_type(handle, Int32(index)) {
        case SQLITE_INTEGER: .integer
        case SQLITE_FLOAT: .real
        case SQLITE_TEXT: .text
        case SQLITE_BLOB: .blob
        default: .null
        }
    }

    func integer(_ index: Int) -> Int64 { sqlite3_column_int64(handle, Int32(index)) }
    func real(_ index: Int) -> Double { sqlite3_column_double(handle, Int32(index)) }

    func textBytes(_ index: Int) -> UnsafeBufferPointer<UInt8>? {
        sqlite3_column_text(handle, Int32(index)).map { UnsafeBufferPointer(start: $0, count: length(index)) }
    }

    func blobBytes(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        let start = sqlite3_column_blob(handle, Int32(index))?.assumingMemoryBound(to: UInt8.self)
        return UnsafeBufferPointer(start: start, count: start == nil ? 0 : length(index))
    }

    /// Asked for after the bytes: they may have been turned into others.
    private func length(_ index: Int) -> Int { Int(sqlite3_column_bytes(handle, Int32(index))) }
}
