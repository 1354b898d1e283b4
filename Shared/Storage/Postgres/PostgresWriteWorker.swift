import Foundation

/// What one writing thread does, with a connection that only it uses.
final class PostgresWriteWorker {
    private let address: String
    private let limits: DatabaseConfiguration.Limits
    private let tell: (Set<String>) -> Void
    private let record: ((inout WriteStatistics) -> Void) -> Void
    private var connection: PostgresConnection?
    private var commits = 0
    private var counted = StatementStatistics()

    /// Conflicts after which a write is run while no other such write is: those who meet again and again must not
    /// keep each other from succeeding.
    private static let patience = 3

    init(
        address: String, limits: DatabaseConfiguration.Limits, tell: @escaping (Set<String>) -> Void,
        record: @escaping ((inout WriteStatistics) -> Void) -> Void
    ) {
        self.address = address
        self.limits = limits
        self.tell = tell
        self.record = record
    }

    func close() { connection?.close() }

    /// Runs the request until it is committed or cannot be, and answers it.
    func perform(_ request: WriteRequest) {
        guard !request.cancellation.isSet else { return finish(request, nil, CancellationError()) }
        let deadline = Deadline(limits.reconnectTime)
        var conflicts = 0
        while true {
            do {
                let done = try attempt(request, alone: conflicts >= Self.patience)
                return finish(request, done, nil)
            } catch let failure as PostgresFailure {
                switch failure {
                case .serialization where conflicts < limits.writeAttempts:
                    conflicts += 1
                    pause(conflicts)
                // It has waited long enough to be given up sooner.
                case .blocked where conflicts < limits.writeAttempts: conflicts += max(1, limits.writeAttempts / 5)
                case .lost where !deadline.hasPassed: pause(4)
                case .serialization, .blocked, .lost, .doubt: return finish(request, nil, failure.storageError)
                }
                record { $0.retried += 1 }
            } catch {
                return finish(request, nil, error)
            }
        }
    }

    /// A transaction that was committed, with what follows it.
    private struct Done {
        var answer: @Sendable () -> Void
        var effects: [@Sendable () -> Void]
        var channels: Set<String>
    }

    private func attempt(_ request: WriteRequest, alone: Bool) throws -> Done {
        let connection = try connected()
        if alone { try connection.lockForContended() }
        defer { if alone { connection.unlockContended() } }
        try connection.begin(request.isolation == .serializable ? .serializable : .snapshot, mark: CommitMark())
        let transaction = WriteTransaction(connection)
        defer { transaction.end() }
        var run: Done?
        do {
            let answer = try request.attempt(transaction)
            if let failure = transaction.failure { throw failure }
            let done = Done(answer: answer, effects: transaction.effects, channels: transaction.channels)
            run = done
            let start = monotonicNanoseconds()
            try connection.commit()
            record {
                $0.commits += 1
                $0.largestGroup = max($0.largestGroup, 1)
                $0.commitNanoseconds += monotonicNanoseconds() - start
            }
            return done
        } catch PostgresFailure.doubt(let mark, let message) {
            guard let run, try wasCommitted(mark, message) else {
                throw PostgresFailure.lost("the connection broke during the commit, which did not take effect")
            }
            record { $0.commits += 1 }
            return run
        } catch {
            connection.rollback()
            // What the closure made of a failed statement is not what happened.
            throw transaction.failure ?? error
        }
    }

    private func connected() throws -> PostgresConnection {
        if let connection { return connection }
        let fresh = try PostgresConnection(address: address, role: .writer, limits: limits)
        connection = fresh
        return fresh
    }

    /// Asks until there is an answer. Throws `doubt` when the server does not come back in time.
    private func wasCommitted(_ mark: CommitMark, _ message: String) throws -> Bool {
        let deadline = Deadline(limits.outcomeTime)
        while true {
            do {
                return try connected().wasCommitted(mark)
            } catch {
                guard !deadline.hasPassed else { throw PostgresFailure.doubt(mark, message) }
                pause(6)
            }
        }
    }

    /// A random time that grows with the number of conflicts, up to 64 ms.
    private func pause(_ conflicts: Int) {
        Thread.sleep(forTimeInterval: Double.random(in: 0...Double(1 << min(conflicts, 6))) / 1_000)
    }

    private func finish(_ request: WriteRequest, _ done: Done?, _ error: (any Error)?) {
        var statements = StatementStatistics()
        if let now = connection?.statistics {
            statements = now.minus(counted)
            counted = now
        }
        record {
            $0.writes += 1
            $0.failures += done == nil ? 1 : 0
            $0.statements.add(statements)
        }
        guard let done else { return request.fail(error ?? StorageError.closed) }
        for effect in done.effects { effect() }
        tell(done.channels)
        done.answer()
        purge()
    }

    /// Removes marks nobody will ask for, now and then.
    private func purge() {
        commits += 1
        guard commits % 10_000 == 1 else { return }
        // Nothing depends on it; the next one removes the same rows.
        try? connection?.runAlone([(CommitMark.purge, [.integer(CommitMark.purgeable())])])
    }
}

/// A moment after which something is given up.
private struct Deadline {
    private let end: UInt64

    init(_ time: Duration) { end = monotonicNanoseconds() + time.nanoseconds }

    var hasPassed: Bool { monotonicNanoseconds() >= end }
}

extension StatementStatistics {
    fileprivate func minus(_ other: StatementStatistics) -> StatementStatistics {
        StatementStatistics(
            prepared: prepared - other.prepared, reused: reused - other.reused, evicted: evicted - other.evicted)
    }
}
