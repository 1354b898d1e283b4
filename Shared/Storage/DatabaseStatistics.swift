/// Counters of a database since it was opened, for metrics.
package struct DatabaseStatistics: Sendable, Hashable {
    /// Durable commits; on SQLite each is one sync of the disk, PostgreSQL shares syncs among its connections.
    package var commits = 0
    /// Writes answered, also those that failed.
    package var writes = 0
    package var failedWrites = 0
    /// Writes in the largest group so far.
    package var largestGroup = 0
    /// Groups undone and run again because one of them threw.
    package var regroupedWrites = 0
    /// Times a write was run again because it had met a concurrent one, or its connection had broken.
    package var retriedWrites = 0
    /// Writes refused because too many were waiting.
    package var refusedWrites = 0
    /// Writes that wait now.
    package var waitingWrites = 0
    /// Sum of the times from submission to the start of the group.
    package var writeWait = Duration.zero
    /// Sum of the times commits took.
    package var commitTime = Duration.zero
    /// Reads on the caller's thread and on reader threads.
    package var reads = 0
    package var pooledReads = 0
    /// Pooled reads refused because too many were waiting.
    package var refusedReads = 0
    /// Pooled reads that wait now.
    package var waitingReads = 0
    /// Sum of the times pooled reads waited for a thread.
    package var readWait = Duration.zero
    package var readConnections = 0
    /// Statements compiled, found in a cache, and dropped from a full one.
    package var statementsPrepared = 0
    package var statementsReused = 0
    package var statementsEvicted = 0
}
