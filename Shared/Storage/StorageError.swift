/// What can go wrong below a store. Each case is one that a caller treats differently.
package enum StorageError: Error, Sendable, Hashable {
    /// Another process holds the database; retrying later may succeed.
    case busy(String)
    /// No space is left on the disk, or the database reached its size limit. Reads go on.
    case full(String)
    /// More requests wait than the configured limit; retrying later may succeed.
    case overloaded(String)
    /// A constraint of the schema refused the change.
    case constraint(ConstraintViolation)
    /// The file is damaged or not a database.
    case corrupt(String)
    /// The database was written by a newer release, which this one must not touch.
    case newerSchema(component: String, found: Int, known: Int)
    /// The migrations in this program contradict those already applied or each other.
    case migration(String)
    /// A column does not hold what the store asked for.
    case column(ColumnMismatch)
    /// The statement, its bindings or the use of a transaction is wrong: an error in the program.
    case misuse(String)
    /// The file or its directory cannot be opened, read or written; or the server cannot be reached or refuses to
    /// serve.
    case unavailable(String)
    /// The connection broke while a write was being committed, and whether it was cannot be learned.
    case unknownOutcome(String)
    /// The database was closed.
    case closed
    /// Anything else the engine reported.
    case engine(code: Int32, message: String)
}

/// Which constraint refused a change.
package struct ConstraintViolation: Sendable, Hashable {
    package enum Kind: String, Sendable {
        case unique
        case primaryKey = "primary key"
        case foreignKey = "foreign key"
        case notNull = "not null"
        case check
        case other
    }

    package var kind: Kind
    /// The table, where the engine tells.
    package var table: String?
    /// The columns, where the engine tells; SQLite names none for a foreign key.
    package var columns: [String]
    /// Name of the check or of the index on expressions, where the engine tells it.
    package var name: String?
    /// The engine's words.
    package var message: String
}

/// A column that does not hold the type asked for.
package struct ColumnMismatch: Sendable, Hashable {
    package var column: String
    package var index: Int
    package var expected: String
    package var found: String
    package var statement: String
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .busy(let message): "the database is busy: \(message)"
        case .full(let message): "no space is left for the database: \(message)"
        case .overloaded(let message): message
        case .constraint(let violation): violation.message
        case .corrupt(let message): "the database file is damaged: \(message)"
        case .newerSchema(let component, let found, let known):
            "the database is newer than this program: \(component) is at version \(found), this program knows "
                + "versions up to \(known); start the release that wrote it, or restore a backup made before it"
        case .migration(let message): message
        case .column(let mismatch):
            "column \(mismatch.index) (\(mismatch.column)) holds \(mismatch.found), not \(mismatch.expected), "
                + "in: \(mismatch.statement)"
        case .misuse(let message): message
        case .unavailable(let message): "the database cannot be used: \(message)"
        case .unknownOutcome(let message):
            "the database was lost while it committed, so the write may or may not have been kept: \(message)"
        case .closed: "the database is closed"
        case .engine(let code, let message): "database error \(code): \(message)"
        }
    }
}
