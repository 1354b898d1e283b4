import CSQLite

/// A connection to a SQLite file.
final class SQLiteConnection: GroupingConnection, @unchecked Sendable {
    // Sendable: whoever holds a connection has it alone. Read connections are handed out and taken back under the lock
    // of `ConnectionPool`, the writer's stays on its thread. `interrupt` alone may be called by others, and SQLite
    // allows that while the connection is open, which `CancellationFlag` ensures by its lock.

    let dialect = Dialect.sqlite
    private let handle: OpaquePointer
    private var cache: StatementCache<SQLiteStatement>
    private var isClosed = false

    /// The statements that bound transactions, by `Control`; outside the cache, where each would cost a look-up.
    private var controls: [SQLiteStatement] = []

    private enum Control: Int, CaseIterable {
        case begin, beginImmediate, commit, rollback, savepoint, release, rollbackTo

        var sql: String {
            switch self {
            case .begin: "BEGIN"
            case .beginImmediate: "BEGIN IMMEDIATE"
            case .commit: "COMMIT"
            case .rollback: "ROLLBACK"
            case .savepoint: "SAVEPOINT request"
            case .release: "RELEASE request"
            case .rollbackTo: "ROLLBACK TO request"
            }
        }
    }

    init(path: String, role: ConnectionRole, limits: DatabaseConfiguration.Limits) throws {
        var opened: OpaquePointer?
        // NOMUTEX: a connection is used by one thread at a time, so SQLite need not lock.
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let result = sqlite3_open_v2(path, &opened, flags, nil)
        guard let opened else { throw StorageError.unavailable("no memory to open \(path)") }
        handle = opened
        cache = StatementCache(limit: limits.keptStatements)
        // From here on `deinit` closes the connection, also when this throws.
        guard result == SQLITE_OK else {
            throw SQLiteErrors.error(code: result, handle: opened, context: "open \(path)")
        }
        try configure(role, limits)
        controls = try Control.allCases.map { try SQLiteStatement(sql: $0.sql, database: opened) }
    }

    private func configure(_ role: ConnectionRole, _ limits: DatabaseConfiguration.Limits) throws {
        sqlite3_busy_timeout(handle, Int32(clamping: limits.busyTimeout.milliseconds))
        // A file from elsewhere must not run code of its own; "text" in double quotes is an error, as in PostgreSQL.
        let flags: [(Int32, Int32)] = [
            (SQLITE_DBCONFIG_DEFENSIVE, 1), (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
            (SQLITE_DBCONFIG_DQS_DML, 0), (SQLITE_DBCONFIG_DQS_DDL, 0),
        ]
        for (option, on) in flags { cdt_sqlite3_db_config_flag(handle, option, on) }
        let cache = role == .reader || role == .backup ? limits.readCacheKiB : limits.writeCacheKiB
        var script = """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = FULL;
            PRAGMA foreign_keys = \(role == .migrator ? "OFF" : "ON");
            PRAGMA cache_size = -\(cache);
            PRAGMA temp_store = \(role == .reader ? "DEFAULT" : "MEMORY");
            PRAGMA secure_delete = ON;
            PRAGMA wal_autocheckpoint = \(limits.checkpointPages);
            PRAGMA journal_size_limit = \(limits.logBytes);
            """
        if role == .reader { script += "PRAGMA mmap_size = \(limits.mappedBytes);" }
        if limits.databasePages > 0 { script += "PRAGMA max_page_count = \(limits.databasePages);" }
        if role == .reader { script += "PRAGMA query_only = ON;" }
        try run(script: script)
    }

    var statistics: StatementStatistics { cache.statistics }
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }
    var isUsable: Bool { true }

    func statement(_ sql: String) throws -> any EngineStatement {
        if let kept = cache.take(sql) { return kept }
        let statement = try SQLiteStatement(sql: sql, database: handle)
        cache.add(statement)
        return statement
    }

    func beginRead(of statements: StatementDemand) throws { if statements == .several { try run(.begin) } }
    func beginWrite() throws { try run(.beginImmediate) }
    func commit() throws { try run(.commit) }
    func savepoint() throws { try run(.savepoint) }
    func releaseSavepoint() throws { try run(.release) }

    func rollbackToSavepoint() throws {
        try run(.rollbackTo)
        try run(.release)
    }

    func rollback() {
        guard isInTransaction else { return }
        // ROLLBACK fails only when there is no transaction, which was asked just now.
        try? run(.rollback)
    }

    private func run(_ control: Control) throws { try controls[control.rawValue].run() }

    func run(script: String) throws {
        let result = sqlite3_exec(handle, script, nil, nil, nil)
        guard result == SQLITE_OK else { throw SQLiteErrors.error(code: result, handle: handle, context: script) }
    }

    func brokenReference() throws -> String? {
        let statement = try SQLiteStatement(sql: "PRAGMA foreign_key_check", database: handle)
        guard try statement.step() else { return nil }
        let names = [0, 2].map { statement.textBytes($0).flatMap { String(column: $0) } ?? "?" }
        return "\(names[0]) refers to a missing row of \(names[1])"
    }

    func vacuum(into path: String) throws {
        let statement = try SQLiteStatement(sql: "VACUUM INTO ?", database: handle)
        try statement.bind([.text(path)], rows: .all)
        _ = try statement.step()
    }

    func checkpoint() {
        // Readers may stand in the way; then the next checkpoint does the rest, and no data depend on it.
        sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
    }

    func interrupt() { sqlite3_interrupt(handle) }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        cache.removeAll()
        controls = []
        sqlite3_close_v2(handle)
    }

    deinit { close() }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
    var nanoseconds: UInt64 {
        UInt64(max(0, components.seconds)) * 1_000_000_000 + UInt64(max(0, components.attoseconds)) / 1_000_000_000
    }
}
