import CSQLite
import Foundation

/// SQLite's result codes as `StorageError`.
enum SQLiteErrors {
    static func error(code: Int32, handle: OpaquePointer, context: String) -> any Error {
        let system = errno
        let message = String(cString: sqlite3_errmsg(handle))
        // SQLite reports ENOSPC as SQLITE_FULL by itself, but neither a quota nor a limit on the size of files.
        // `sqlite3_system_errno` is not set for the log, so the thread's own is asked; `step` has cleared it.
        if code & 0xff == SQLITE_IOERR, [ENOSPC, EDQUOT, EFBIG].contains(system) { return StorageError.full(message) }
        return error(code: code, message: message, context: context)
    }

    /// `code` is an extended result code (https://www.sqlite.org/rescode.html).
    static func error(code: Int32, message: String, context: String) -> any Error {
        switch code & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL: return StorageError.busy(message)
        case SQLITE_FULL, SQLITE_TOOBIG: return StorageError.full(message)
        case SQLITE_CONSTRAINT: return StorageError.constraint(violation(code: code, message: message))
        case SQLITE_CORRUPT, SQLITE_NOTADB: return StorageError.corrupt(message)
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH, SQLITE_IOERR:
            return StorageError.unavailable("\(message) (\(context.prefix(200)))")
        case SQLITE_INTERRUPT: return CancellationError()
        case SQLITE_ERROR, SQLITE_RANGE, SQLITE_MISUSE, SQLITE_MISMATCH:
            return StorageError.misuse("\(message), in: \(context)")
        default: return StorageError.engine(code: code, message: message)
        }
    }

    /// Reads SQLite's sentences: "UNIQUE constraint failed: teams.unit, teams.level", "CHECK constraint failed: name",
    /// "UNIQUE constraint failed: index 'name'", "FOREIGN KEY constraint failed".
    static func violation(code: Int32, message: String) -> ConstraintViolation {
        // The macros of the extended codes are expressions that Swift does not import: SQLITE_CONSTRAINT | n << 8.
        let kind: ConstraintViolation.Kind =
            switch code >> 8 {
            case 1: .check
            case 3: .foreignKey
            case 5: .notNull
            case 6: .primaryKey
            case 8, 10: .unique  // UNIQUE, ROWID
            default: .other
            }
        var violation = ConstraintViolation(kind: kind, table: nil, columns: [], name: nil, message: message)
        guard let range = message.firstRange(of: "constraint failed: ") else { return violation }
        let rest = message[range.upperBound...]
        switch kind {
        case .unique, .primaryKey, .notNull:
            if rest.hasPrefix("index '") {
                violation.name = String(rest.dropFirst("index '".count).dropLast())
                return violation
            }
            for item in rest.split(separator: ",") {
                let parts = item.split(separator: ".", maxSplits: 1)
                guard parts.count == 2 else { continue }
                violation.table = String(parts[0]).trimmed
                violation.columns.append(String(parts[1]).trimmed)
            }
        case .check, .other: violation.name = String(rest)
        case .foreignKey: break
        }
        return violation
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
