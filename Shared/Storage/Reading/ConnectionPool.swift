import Synchronization

/// Read connections, handed to one thread at a time.
///
/// A short read never waits: when all connections are out, another is opened. Threads bound their number, because a
/// read is synchronous. Only as many as configured are kept.
final class ConnectionPool: Sendable {
    private struct State {
        var idle: [any EngineConnection] = []
        var open = 0
        var isClosed = false
        var reads = 0
        /// What closed connections had counted.
        var past = StatementStatistics()
    }

    private let engine: any Engine
    private let kept: Int
    /// Whether short reads of one `ReadTurn` share a view. With PostgreSQL that would cost round trips.
    let sharesViews: Bool
    private let state = Mutex(State())

    init(engine: any Engine, kept: Int) {
        self.engine = engine
        self.kept = max(1, kept)
        sharesViews = engine.dialect == .sqlite
    }

    func checkOut() throws -> any EngineConnection {
        let connection: (any EngineConnection)? = try state.withLock { state in
            guard !state.isClosed else { throw StorageError.closed }
            state.reads += 1
            if let last = state.idle.popLast() { return last }
            state.open += 1
            return nil
        }
        if let connection { return connection }
        do {
            return try engine.connect(.reader)
        } catch {
            state.withLock { $0.open -= 1 }
            throw error
        }
    }

    /// - Parameter reads: How many it has served beyond the first.
    func checkIn(_ connection: any EngineConnection, reads: Int = 0) {
        let keep = state.withLock { state in
            state.reads += reads
            guard !state.isClosed, state.idle.count < kept, connection.isUsable else {
                state.open -= 1
                state.past.add(connection.statistics)
                return false
            }
            state.idle.append(connection)
            return true
        }
        if !keep { connection.close() }
    }

    /// Closes what is idle; connections in use are closed when they come back.
    func close() {
        let idle = state.withLock { state in
            state.isClosed = true
            state.open -= state.idle.count
            defer { state.idle = [] }
            return state.idle
        }
        for connection in idle { connection.close() }
    }

    var counts: (reads: Int, open: Int, statements: StatementStatistics) {
        state.withLock { state in
            var statements = state.past
            for connection in state.idle { statements.add(connection.statistics) }
            return (state.reads, state.open, statements)
        }
    }
}

extension StatementStatistics {
    mutating func add(_ other: StatementStatistics) {
        prepared += other.prepared
        reused += other.reused
        evicted += other.evicted
    }
}
