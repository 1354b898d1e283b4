// The seam between the SQL layer and its engines, SQLite and PostgreSQL. Everything above it (transactions, pools,
// migrations) speaks only these protocols.

/// The dialect of the engine behind a transaction, for the few statements that cannot be written in the common subset.
package enum Dialect: Sendable {
    case sqlite
    case postgres
}

/// Opens connections to one database.
protocol Engine: Sendable {
    var dialect: Dialect { get }
    /// What the engine itself keeps in the database.
    var schema: [MigrationSet] { get }
    func connect(_ role: ConnectionRole) throws -> any EngineConnection
    /// Starts what commits writes and tells of the commits; called once, when the schema is up to date.
    func makeWriter(signals: CommitSignals) throws -> any WriteCoordinator
    /// Writes a consistent copy of the database to a new file, while others read and write. Blocks.
    func backup(to path: String) throws
    /// Called once, when all connections are closed.
    func dispose()
}

enum ConnectionRole: Sendable {
    case reader
    case writer
    /// Foreign keys are not enforced statement by statement; the migrator checks them at the end.
    case migrator
    /// Reads everything once.
    case backup
}

/// A connection; used by one thread at a time.
protocol EngineConnection: AnyObject, Sendable {
    var dialect: Dialect { get }
    var statistics: StatementStatistics { get }
    /// False after the engine itself has rolled back, as SQLite does when the disk is full.
    var isInTransaction: Bool { get }
    /// False for a connection that must not be kept for others.
    var isUsable: Bool { get }

    /// A statement ready to be bound, a kept one if there is one that is not in use.
    func statement(_ sql: String) throws -> any EngineStatement

    /// - Parameter statements: With one alone SQLite needs no BEGIN.
    func beginRead(of statements: StatementDemand) throws
    func beginWrite() throws
    func commit() throws
    /// Ends the transaction, if there is one, without keeping anything.
    func rollback()

    /// Runs several statements that return nothing.
    func run(script: String) throws
    /// What a migrator must know before it commits: broken references, as text; nil if there are none.
    func brokenReference() throws -> String?
    /// Stops what the connection is doing. The only call allowed from another thread.
    func interrupt()
    func close()
}

/// A connection whose transaction several requests share.
protocol GroupingConnection: EngineConnection {
    func savepoint() throws
    func releaseSavepoint() throws
    func rollbackToSavepoint() throws
    /// Makes the log part of the database and cuts it, as far as readers allow.
    func checkpoint()
}

/// How many statements a read runs.
enum StatementDemand: Sendable {
    case one
    case several
}

/// How many of a statement's rows will be looked at.
package enum RowDemand: Sendable {
    case all
    /// Perhaps not all, or too many to be held at once.
    case some
}

/// A prepared statement; used by one thread at a time.
protocol EngineStatement: AnyObject {
    var sql: String { get }
    /// Rises whenever the current row is left, so that a row kept too long is noticed.
    var generation: UInt64 { get }
    var columnCount: Int { get }

    func bind(_ values: [SQLValue], rows demand: RowDemand) throws
    /// True: a row is there. False: done.
    func step() throws -> Bool
    /// Runs the statement for its effect. The engine may put it off until the next statement or the commit, and an
    /// error then comes there.
    func runLater() throws
    /// Rows the statement has inserted, updated or deleted, when it is done.
    var changes: Int { get }
    /// Ends the use of the statement: its rows and the values bound are forgotten.
    func finish()

    func columnName(_ index: Int) -> String
    func type(_ index: Int) throws -> SQLType
    func integer(_ index: Int) -> Int64
    func real(_ index: Int) -> Double
    /// The bytes of a column of text, and of a blob; they stay until the statement goes on. Nil: there is no memory for
    /// them.
    func textBytes(_ index: Int) -> UnsafeBufferPointer<UInt8>?
    func blobBytes(_ index: Int) -> UnsafeBufferPointer<UInt8>
}

/// How well the statement cache does.
struct StatementStatistics: Sendable {
    var prepared = 0
    var reused = 0
    var evicted = 0
}

extension String {
    /// The bytes of a column; nil if they are not UTF-8. It costs less than half of `String(validating:as:)`, which is
    /// generic, and services read little else than texts.
    init?(column bytes: UnsafeBufferPointer<UInt8>) {
        guard let text = try? UTF8Span(validating: bytes.span) else { return nil }
        self.init(copying: text)
    }
}
