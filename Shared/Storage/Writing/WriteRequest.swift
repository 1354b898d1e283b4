/// How a write stands to writes that run at the same time. On SQLite there are none.
package enum WriteIsolation: Sendable {
    /// As if there were no others; the layer runs it again when that cannot be.
    case serializable
    /// It sees the state at its start, and locks or changes the rows that its decision depends on.
    case snapshot
}

/// A write that waits for its turn.
struct WriteRequest: Sendable {
    /// Runs the caller's closure and returns what answers the caller with its value. May be called more than once.
    let attempt: @Sendable (WriteTransaction) throws -> @Sendable () -> Void
    /// Answers the caller with an error.
    let fail: @Sendable (any Error) -> Void
    /// Set when the caller is gone; honoured only before the first attempt.
    let cancellation: CancellationFlag
    let isolation: WriteIsolation
    let submitted: UInt64
}

/// How an engine commits writes. SQLite groups them behind one thread; PostgreSQL runs one transaction for each on a
/// fixed number of threads.
protocol WriteCoordinator: Sendable {
    func submit(_ request: WriteRequest) throws
    /// Takes no more writes; what waits is still committed.
    func stop()
    /// Waits until everything is committed and the connection closed. Blocks.
    func join()
    var statistics: WriteStatistics { get }
}

/// Counters of the writing side.
struct WriteStatistics: Sendable {
    var commits = 0
    var writes = 0
    var failures = 0
    var largestGroup = 0
    var regrouped = 0
    var retried = 0
    var refused = 0
    var waiting = 0
    var waitNanoseconds: UInt64 = 0
    var commitNanoseconds: UInt64 = 0
    var statements = StatementStatistics()
}
