/// One consistent view of the database. Valid only inside the closure it is given to.
package class ReadTransaction {
    let connection: any EngineConnection
    fileprivate var isOpen = true
    /// The first failure of a statement. PostgreSQL refuses everything after it; so does this layer, on both engines.
    private(set) var failure: (any Error)?
    /// Set for reads that may be cancelled while they run.
    private let cancellation: CancellationFlag?
    /// Nothing holds the view of a read of one statement when that has run.
    private let statements: StatementDemand
    private var hasRun = false

    init(
        _ connection: any EngineConnection, of statements: StatementDemand = .several,
        cancellation: CancellationFlag? = nil
    ) {
        self.connection = connection
        self.statements = statements
        self.cancellation = cancellation
    }

    package var dialect: Dialect { connection.dialect }

    /// All rows, each turned into a value.
    package func query<T>(_ sql: String, _ bindings: [SQLValue] = [], _ row: (Row) throws -> T) throws -> [T] {
        var result: [T] = []
        try withStatement(sql, bindings) { statement in
            while try step(statement) { result.append(try row(Row(statement))) }
        }
        return result
    }

    /// The first row, or nil if there is none; further rows are not looked at.
    package func queryOne<T>(_ sql: String, _ bindings: [SQLValue] = [], _ row: (Row) throws -> T) throws -> T? {
        try withStatement(sql, bindings) { statement in
            guard try step(statement) else { return nil }
            return try row(Row(statement))
        }
    }

    /// Calls `row` for each row, without keeping any. For a few rows, all of which are looked at, PostgreSQL needs no
    /// cursor.
    package func forEach(
        _ sql: String, _ bindings: [SQLValue] = [], rows demand: RowDemand = .some, _ row: (Row) throws -> Void
    ) throws {
        try withStatement(sql, bindings, rows: demand) { statement in
            while try step(statement) { try row(Row(statement)) }
        }
    }

    /// Calls `row` for each row until it returns false.
    package func scan(_ sql: String, _ bindings: [SQLValue] = [], while row: (Row) throws -> Bool) throws {
        try withStatement(sql, bindings, rows: .some) { statement in
            while try step(statement), try row(Row(statement)) {}
        }
    }

    /// The single integer of a single row, as of `SELECT count(*)`.
    package func count(_ sql: String, _ bindings: [SQLValue] = []) throws -> Int {
        guard let value = try queryOne(sql, bindings, { try $0.int($0.count - 1) }) else {
            throw StorageError.misuse("a row was expected: \(sql)")
        }
        return value
    }

    /// Whether there is a row.
    package func exists(_ sql: String, _ bindings: [SQLValue] = []) throws -> Bool {
        try queryOne(sql, bindings) { _ in true } ?? false
    }

    final func withStatement<T>(
        _ sql: String, _ bindings: [SQLValue], rows demand: RowDemand = .all,
        _ body: (any EngineStatement) throws -> T
    ) throws -> T {
        guard isOpen else { throw StorageError.misuse("a transaction was used after it had ended, for: \(sql)") }
        if let failure { throw failure }
        if let cancellation, cancellation.isSet { throw CancellationError() }
        if statements == .one {
            guard !hasRun else { throw StorageError.misuse("a read of one statement was given another: \(sql)") }
            hasRun = true
        }
        let statement: any EngineStatement
        do {
            statement = try connection.statement(sql)
        } catch {
            failure = error
            throw error
        }
        defer { statement.finish() }
        try statement.bind(bindings, rows: demand)
        return try body(statement)
    }

    final func step(_ statement: any EngineStatement) throws -> Bool {
        do {
            return try statement.step()
        } catch {
            failure = error
            throw error
        }
    }

    fileprivate func runLater(_ statement: any EngineStatement) throws {
        do {
            try statement.runLater()
        } catch {
            failure = error
            throw error
        }
    }

    final func end() { isOpen = false }
}

/// A transaction that may write.
///
/// Its closure is pure but for the database: ids, time and randomness come in as values, because the closure may run
/// more than once. What must happen outside waits for the commit in `afterCommit`. A refusal by a rule of the domain is
/// a returned value, decided before the first write; throwing is for what should not happen, and undoes all of the
/// closure's writes.
package final class WriteTransaction: ReadTransaction {
    private(set) var effects: [@Sendable () -> Void] = []
    private(set) var channels: Set<String> = []

    /// Runs a statement that returns nothing of interest; the number of rows it changed.
    @discardableResult
    package func execute(_ sql: String, _ bindings: [SQLValue] = []) throws -> Int {
        try withStatement(sql, bindings) { statement in
            while try step(statement) {}
            return statement.changes
        }
    }

    /// Runs a statement of whose effect nothing is asked. PostgreSQL is sent it without waiting for the answer, rows of
    /// a plain INSERT many at a time (`WaitingRows`), so many of them cost little more than one; an error then comes
    /// with a later statement or the commit, and undoes all.
    package func executeLater(_ sql: String, _ bindings: [SQLValue] = []) throws {
        try withStatement(sql, bindings) { try runLater($0) }
    }

    /// Runs `effect` once the transaction is durable, before its caller is answered; never if it is undone.
    /// On the writer's thread: it must be short.
    package func afterCommit(_ effect: @escaping @Sendable () -> Void) { effects.append(effect) }

    /// Wakes those who wait for commits on a channel, once this one is durable. Cheap to call again.
    package func notify(_ channel: String) { channels.insert(channel) }
}
