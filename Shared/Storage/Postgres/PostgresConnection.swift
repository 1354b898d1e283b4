import CLibpq
import Synchronization

/// A connection to a PostgreSQL database that opens its session when it is needed, and another one when that breaks.
final class PostgresConnection: EngineConnection, @unchecked Sendable {
    // Sendable: whoever holds a connection has it alone; see `SQLiteConnection`. `interrupt` alone may be called by
    // others: it touches only `interruption`, under its lock.

    private enum Phase {
        case none
        /// BEGIN goes out together with the first statement.
        case wanted(String)
        case begun
    }

    private struct Interruption {
        var canceller: PostgresCanceller?
        var happened = false
    }

    let dialect = Dialect.postgres
    let role: ConnectionRole
    private let address: String
    private let limits: DatabaseConfiguration.Limits
    private var link: PostgresLink?
    /// Counts sessions: statements prepared in an earlier one are gone.
    private var session = 0
    private var names = 0
    private var cache: StatementCache<PostgresStatement>
    private var phase = Phase.none
    /// The transaction has changed something, as far as its statements tell.
    private var hasWritten = false
    private var mark: CommitMark?
    /// Rows to insert that have not been sent yet.
    var waitingRows: [WaitingRows] = []
    private let interruption = Mutex(Interruption())

    init(address: String, role: ConnectionRole, limits: DatabaseConfiguration.Limits) throws {
        self.address = address
        self.role = role
        self.limits = limits
        cache = StatementCache(limit: limits.keptStatements)
        try translated { try connect() }
    }

    private var setUp: String {
        var script = """
            SET client_min_messages = warning; SET standard_conforming_strings = on; SET jit = off;
            SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
            """
        if role == .writer {
            // Who hangs in the middle of a transaction must not hold its rows for ever. Sequential scans would make
            // every concurrent write to a small table a conflict (documentation, "Serializable Isolation Level").
            script += """
                SET lock_timeout = \(max(1, limits.busyTimeout.milliseconds));
                SET idle_in_transaction_session_timeout = '60s'; SET enable_seqscan = off;
                """
        }
        return script
    }

    /// Replaces the session.
    private func connect() throws {
        link = nil
        session += 1
        let fresh = try PostgresLink(address: address, isForWriting: role == .writer, setUp: setUp)
        interruption.withLock { $0.canceller = fresh.canceller }
        link = fresh
    }

    /// A session in which nothing is unread.
    func ready() throws -> PostgresLink {
        if let link, !link.isBroken {
            // The answer to the last ROLLBACK.
            if link.hasUnread { try? link.settle() }
            if !link.isBroken { return link }
        }
        try connect()
        guard let link else { throw StorageError.closed }
        return link
    }

    private func open() throws -> PostgresLink {
        guard let link, !link.isBroken else { throw PostgresFailure.lost("the connection to PostgreSQL was lost") }
        return link
    }

    /// Where a reader's errors are translated: it cannot run the transaction again, a writer can.
    private func translated<T>(_ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch let failure as PostgresFailure where role != .writer {
            throw failure.storageError
        } catch is CancellationError where !interruption.withLock({ $0.happened }) {
            throw StorageError.busy("the server has ended a statement that took too long for it")
        }
    }

    // MARK: Statements

    var statistics: StatementStatistics { cache.statistics }

    func statement(_ sql: String) throws -> any EngineStatement {
        if let kept = cache.take(sql) { return kept }
        let statement = try PostgresStatement(sql: sql, connection: self)
        if let evicted = cache.add(statement) {
            try sendRows { $0.statement === evicted }
            if let link, !link.isBroken {
                for variant in evicted.allVariants where variant.session == session {
                    try? link.send(text: "DEALLOCATE \(variant.name)")
                }
            }
        }
        return statement
    }

    /// Sends commands, after BEGIN if the transaction has not begun, and waits for their answers.
    ///
    /// The first round trip of a transaction is made again in a new session when the old one turns out to be broken:
    /// nothing has happened yet.
    private func exchange(_ send: (PostgresLink) throws -> Void) throws {
        try translated {
            guard case .wanted(let begin) = phase else {
                let link = try open()
                try send(link)
                return try link.settle()
            }
            for isLast in [false, true] {
                let link = try ready()
                do {
                    phase = .begun
                    try link.send(text: begin)
                    try send(link)
                    return try link.settle()
                } catch PostgresFailure.lost(let message) {
                    phase = .wanted(begin)
                    if isLast { throw PostgresFailure.lost(message) }
                }
            }
        }
    }

    func run(_ statement: PostgresStatement, take: @escaping (OpaquePointer) -> Bool) throws {
        try sendRows(before: statement)
        try perform(statement, take: take)
    }

    private func perform(_ statement: PostgresStatement, take: @escaping (OpaquePointer) -> Bool) throws {
        try exchange { link in
            let name = try self.prepare(statement, on: link)
            try link.send(prepared: name, text: statement.sql, values: statement.values, take: take)
        }
        if statement.translation.changesData { hasWritten = true }
    }

    /// Sends a statement without waiting for it; an error comes with the next one that is waited for, or the commit.
    func send(_ statement: PostgresStatement) throws {
        guard case .begun = phase else { return try perform(statement) { _ in false } }
        try translated {
            let link = try open()
            let name = try prepare(statement, on: link)
            try link.send(prepared: name, text: statement.sql, values: statement.values)
            if statement.translation.changesData { hasWritten = true }
            // So that answers do not pile up.
            if link.unread >= 256 { try link.settle() }
        }
    }

    /// The name of the statement for values of these types; sends its preparation when it is new.
    private func prepare(_ statement: PostgresStatement, on link: PostgresLink) throws -> String {
        var types = statement.values.map(PostgresValue.type)
        if let known = statement.variants.first(where: { $0.fits(types, in: session) }) { return known.name }
        // What a NULL stands for is known if its column has a value in another row, or the place has had one before.
        let columns = statement.translation.placeholders / statement.rowCount
        for (index, type) in types.enumerated() where type == 0 {
            types[index] =
                stride(from: index % max(columns, 1), to: types.count, by: max(columns, 1))
                .lazy.map { types[$0] }.first { $0 != 0 } ?? 0
        }
        for variant in statement.variants {
            for (index, type) in variant.types.enumerated() where types[index] == 0 { types[index] = type }
        }
        names += 1
        let variant = PostgresStatement.Variant(name: "s_\(names)", types: types, session: session)
        statement.variants.removeAll { $0.session != session }
        statement.variants.insert(variant, at: 0)
        try link.sendPrepare(name: variant.name, text: statement.translation.text(types: types), types: types) {
            statement.variants.removeAll { $0.name == variant.name }
        }
        return variant.name
    }

    // MARK: Cursors

    func number(of statement: PostgresStatement) -> UInt {
        UInt(bitPattern: ObjectIdentifier(statement).hashValue)
    }

    func open(
        _ statement: PostgresStatement, cursor: String, first rows: Int, take: @escaping (OpaquePointer) -> Bool
    ) throws {
        try sendRows(before: statement)
        try exchange { link in
            let text = statement.translation.text(types: statement.values.map(PostgresValue.type))
            try link.send(text: "DECLARE \(cursor) NO SCROLL CURSOR FOR \(text)", values: statement.values)
            try link.send(text: "FETCH FORWARD \(rows) FROM \(cursor)", take: take)
        }
    }

    func fetch(_ rows: Int, from cursor: String, take: @escaping (OpaquePointer) -> Bool) throws {
        try exchange { try $0.send(text: "FETCH FORWARD \(rows) FROM \(cursor)", take: take) }
    }

    /// Goes out with what is sent next. In a failed transaction it fails too, and ROLLBACK follows.
    func close(cursor: String) {
        guard case .begun = phase, let link, !link.isBroken else { return }
        try? link.send(text: "CLOSE \(cursor)")
    }

    // MARK: Transactions

    var isInTransaction: Bool { if case .none = phase { false } else { true } }

    func beginRead(of statements: StatementDemand) throws {
        phase = .wanted("BEGIN \(Isolation.snapshot.rawValue) READ ONLY")
    }

    func beginWrite() throws {
        try begin(.latest, mark: nil)
        guard role == .migrator else { return }
        // Before anything is read: of two processes, the second finds the work done.
        try exchange { try $0.send(text: "SELECT pg_advisory_xact_lock(7235541, hashtext(current_schema()))") }
    }

    /// - Parameter mark: What tells the outcome when the connection breaks during the commit.
    func begin(_ isolation: Isolation, mark: CommitMark?) throws {
        phase = .wanted("BEGIN \(isolation.rawValue)")
        waitingRows = []
        hasWritten = false
        self.mark = mark
    }

    func commit() throws {
        try sendRows { _ in true }
        guard case .begun = phase else {
            // Nothing was asked of the server.
            phase = .none
            return
        }
        try translated {
            let link = try open()
            let mark = hasWritten ? mark : nil
            var answer = ""
            if let mark { try link.send(text: PostgresSQL(CommitMark.record).text, values: mark.values) }
            try link.send(text: "COMMIT") { result in
                answer = PQcmdStatus(result).map { String(cString: $0) } ?? ""
                return false
            }
            do {
                try link.settle()
            } catch PostgresFailure.lost(let message) {
                throw mark.map { PostgresFailure.doubt($0, message) } ?? PostgresFailure.lost(message)
            }
            // COMMIT in a failed transaction is answered with ROLLBACK, which is no error to the server.
            guard answer == "COMMIT" else {
                throw StorageError.misuse("a failed transaction was to be committed")
            }
            phase = .none
        }
    }

    /// Does not wait: the answer is read before the session is used again.
    func rollback() {
        waitingRows = []
        defer { phase = .none }
        guard case .begun = phase, let link, !link.isBroken else { return }
        do {
            // What was sent and not waited for may fail, and in one batch with it ROLLBACK would be skipped: the session
            // would stay in the failed transaction.
            try link.endBatch()
            try link.send(text: "ROLLBACK")
            try link.sync()
        } catch {
            // The session is gone, and the transaction with it.
            self.link = nil
        }
    }

    // MARK: Other

    func run(script: String) throws {
        try sendRows { _ in true }
        // BEGIN has to be there before.
        if case .wanted = phase { try exchange { try $0.send(text: "SELECT 1") } }
        try translated { try open().run(script: PostgresSQL(script).text) }
    }

    func brokenReference() throws -> String? {
        do {
            try run(script: "SET CONSTRAINTS ALL IMMEDIATE")
            return nil
        } catch StorageError.constraint(let violation) where violation.kind == .foreignKey {
            return "\(violation.table ?? "?") refers to a missing row: \(violation.message)"
        }
    }

    /// A cancellation sent may arrive late and hit whoever uses the session next, so nobody does.
    var isUsable: Bool { !interruption.withLock { $0.happened } && link?.isBroken == false }

    func interrupt() {
        interruption.withLock {
            $0.happened = true
            $0.canceller?.cancel()
        }
    }

    func close() {
        cache.removeAll()
        waitingRows = []
        interruption.withLock { $0.canceller = nil }
        link = nil
        phase = .none
    }
}
