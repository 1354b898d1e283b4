import Foundation
import Synchronization

/// A service's database.
///
/// Three ways in, chosen by the store at each call:
/// - `read`: short reads by key, on the caller's thread, never waiting for writers;
/// - `readPooled`: lists, aggregates and exports, on a bounded pool of threads;
/// - `write`: a transaction that is answered once it is durable. SQLite groups it with those of concurrent callers,
///   PostgreSQL runs them beside each other as if they had come one after the other.
package final class Database: Sendable {
    private let engine: any Engine
    private let pool: ConnectionPool
    private let readers: ReaderThreads
    private let writer: any WriteCoordinator
    private let signals: CommitSignals
    private let hasClosed = Atomic<Bool>(false)
    private let closers = Mutex<[@Sendable () async -> Void]>([])
    private let waited: Waited?

    /// What a task waits for.
    package enum Work: String, Sendable {
        case read, write
    }

    /// Told after each write and each pooled read, in the task that has waited for it.
    package typealias Waited = @Sendable (Work, _ nanoseconds: Int64) -> Void

    package var dialect: Dialect { engine.dialect }

    /// Opens or makes the database and brings its schema up to date.
    package static func open(
        _ configuration: DatabaseConfiguration, migrations: [MigrationSet],
        waited: Waited? = nil
    ) async throws -> Database {
        // Opening may wait for another process's migration; that must not hold up an event loop.
        try await onThread { try Database(configuration, migrations: migrations, waited: waited) }
    }

    /// As above, for a database of a single component.
    package static func open(_ configuration: DatabaseConfiguration, migrations: [Migration]) async throws -> Database {
        try await open(configuration, migrations: [MigrationSet("main", migrations)])
    }

    private init(
        _ configuration: DatabaseConfiguration, migrations: [MigrationSet], waited: Waited?
    ) throws {
        self.waited = waited
        let limits = configuration.limits
        engine = try Self.engine(of: configuration)
        let migrator = try engine.connect(.migrator)
        do {
            try Migrator(sets: engine.schema + migrations).migrate(migrator, now: Date())
        } catch {
            migrator.close()
            engine.dispose()
            throw error
        }
        migrator.close()
        pool = ConnectionPool(engine: engine, kept: limits.keptReadConnections)
        readers = ReaderThreads(name: "storage-reader", longReads: limits.readerThreads, queue: limits.waitingReads)
        signals = CommitSignals()
        writer = try engine.makeWriter(signals: signals)
    }

    static func engine(of configuration: DatabaseConfiguration) throws -> any Engine {
        switch configuration.location {
        case .postgres(let address): PostgresEngine(address: address, limits: configuration.limits)
        case .sqlite, .temporary:
            try SQLiteEngine(location: configuration.location, limits: configuration.limits)
        }
    }

    deinit {
        // Not closed: let the threads finish what waits and end.
        writer.stop()
        readers.stop()
        signals.close()
    }

    /// A short read on the caller's thread, in one consistent view. For point lookups and the like: it may run on an
    /// event loop, so it must take microseconds. With PostgreSQL it holds the thread for a round trip to the server.
    package func read<T>(_ body: (ReadTransaction) throws -> T) throws -> T {
        try Self.read(.several, from: pool, cancellation: nil, body)
    }

    /// The same for one statement, which costs less without a transaction around it. A second one is refused.
    package func readOne<T>(_ body: (ReadTransaction) throws -> T) throws -> T {
        try Self.read(.one, from: pool, cancellation: nil, body)
    }

    private static func read<T>(
        _ statements: StatementDemand, from pool: ConnectionPool, cancellation: CancellationFlag?,
        _ body: (ReadTransaction) throws -> T
    ) throws -> T {
        if cancellation == nil, pool.sharesViews, let connection = try ReadTurn.connection(of: pool) {
            let transaction = ReadTransaction(connection, of: statements)
            defer { transaction.end() }
            return try body(transaction)
        }
        let connection = try pool.checkOut()
        defer { pool.checkIn(connection) }
        if let cancellation, !cancellation.started(on: connection) { throw CancellationError() }
        defer { cancellation?.finished() }
        try connection.beginRead(of: statements)
        defer { connection.rollback() }
        let transaction = ReadTransaction(connection, of: statements, cancellation: cancellation)
        defer { transaction.end() }
        return try body(transaction)
    }

    /// A read on one of a bounded number of threads, in one consistent view. Cancelling the task stops it. What is
    /// brief does not wait for what is long.
    nonisolated(nonsending)
        package func readPooled<T: Sendable>(
            length: ReadLength = .long, _ body: @escaping @Sendable (ReadTransaction) throws -> T
        ) async throws -> T
    {
        ReadTurn.renew()
        let begun = monotonicNanoseconds()
        defer { waited?(.read, Int64(monotonicNanoseconds() - begun)) }
        let flag = CancellationFlag()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
                do {
                    try readers.submit(length) { [pool] in
                        continuation.resume(
                            with: Result { try Self.read(.several, from: pool, cancellation: flag, body) })
                    }
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        } onCancel: {
            flag.set()
        }
    }

    /// A write. Returns once it is durable; throws what `body` throws, and then nothing of it is kept.
    ///
    /// `body` may run more than once and must be pure but for the transaction; see `WriteTransaction`. A task cancelled
    /// while it waits gets `CancellationError` and has written nothing; once begun, the write is finished and answered.
    @discardableResult
    nonisolated(nonsending)
        package func write<T: Sendable>(
            isolation: WriteIsolation = .serializable, _ body: @escaping @Sendable (WriteTransaction) throws -> T
        ) async throws -> T
    {
        ReadTurn.renew()
        let begun = monotonicNanoseconds()
        defer { waited?(.write, Int64(monotonicNanoseconds() - begun)) }
        let flag = CancellationFlag()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
                let request = WriteRequest(
                    attempt: { transaction in
                        let value = try body(transaction)
                        return { continuation.resume(returning: value) }
                    },
                    fail: { continuation.resume(throwing: $0) },
                    cancellation: flag, isolation: isolation, submitted: monotonicNanoseconds())
                do {
                    try writer.submit(request)
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        } onCancel: {
            flag.set()
        }
    }

    /// An element after commits that called `notify` with the channel, and at least one in each interval. Several
    /// commits may give one element. Ends when the database closes.
    package func commits(on channel: String, every interval: Duration) -> AsyncStream<Void> {
        signals.listen(channel, every: interval)
    }

    /// Writes a consistent copy to a new file, while reads and writes go on. Restoring is opening the copy in place of
    /// the database; the change feed's epochs must be renewed then (`Outbox.renewEpochs`).
    package func backup(to path: String) async throws {
        guard !hasClosed.load(ordering: .acquiring) else { throw StorageError.closed }
        try await Self.onThread { [engine] in try engine.backup(to: path) }
    }

    /// Runs `body` when the database is told to close, while it still works: for what follows the database by itself.
    package func beforeClosing(_ body: @escaping @Sendable () async -> Void) { closers.withLock { $0.append(body) } }

    /// Commits what waits, moves the log into the database and closes it. Later calls throw `StorageError.closed`.
    package func close() async {
        guard !hasClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        for closer in closers.withLock({ $0 }) { await closer() }
        signals.close()
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [engine, pool, readers, writer] in
                readers.stop()
                readers.join()
                // Readers first: the last checkpoint then finds none in its way.
                pool.close()
                writer.stop()
                writer.join()
                engine.dispose()
                continuation.resume()
            }
        }
    }

    package var statistics: DatabaseStatistics {
        var result = DatabaseStatistics()
        let writes = writer.statistics
        result.commits = writes.commits
        result.writes = writes.writes
        result.failedWrites = writes.failures
        result.largestGroup = writes.largestGroup
        result.regroupedWrites = writes.regrouped
        result.retriedWrites = writes.retried
        result.refusedWrites = writes.refused
        result.waitingWrites = writes.waiting
        result.writeWait = .nanoseconds(writes.waitNanoseconds)
        result.commitTime = .nanoseconds(writes.commitNanoseconds)
        let pooled = readers.statistics
        let reads = pool.counts
        result.reads = reads.reads
        result.pooledReads = pooled.jobs
        result.refusedReads = pooled.refused
        result.waitingReads = pooled.waiting
        result.readWait = .nanoseconds(pooled.waitNanoseconds)
        result.readConnections = reads.open
        result.statementsPrepared = reads.statements.prepared + writes.statements.prepared
        result.statementsReused = reads.statements.reused + writes.statements.reused
        result.statementsEvicted = reads.statements.evicted + writes.statements.evicted
        return result
    }
}
