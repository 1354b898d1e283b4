import Foundation

/// Where a database is and how much it may use.
package struct DatabaseConfiguration: Sendable {
    package enum Location: Sendable, Hashable {
        /// A file; it and its directory are made when they are missing.
        case sqlite(path: String)
        /// A database on a PostgreSQL server: a `postgresql://` URL or libpq's `key=value` words. It holds one service.
        case postgres(String)
        /// A file in a new temporary directory, which closing removes. For tests and tools.
        case temporary
    }

    package var location: Location
    package var limits: Limits

    package init(location: Location, limits: Limits = Limits()) {
        self.location = location
        self.limits = limits
    }

    package static func sqlite(path: String, limits: Limits = Limits()) -> DatabaseConfiguration {
        DatabaseConfiguration(location: .sqlite(path: path), limits: limits)
    }

    package static func postgres(_ address: String, limits: Limits = Limits()) -> DatabaseConfiguration {
        DatabaseConfiguration(location: .postgres(address), limits: limits)
    }

    package static func temporary(limits: Limits = Limits()) -> DatabaseConfiguration {
        DatabaseConfiguration(location: .temporary, limits: limits)
    }

    /// Every bound of the storage layer, with its default.
    package struct Limits: Sendable {
        /// Prepared statements kept for each connection; the least recently used one goes first.
        package var keptStatements = 128
        /// Idle connections kept for short reads. More are opened while more threads read at once.
        package var keptReadConnections = 8
        /// Long reads that run at once; one thread more is for brief ones.
        package var readerThreads = max(2, ProcessInfo.processInfo.activeProcessorCount)
        /// Long reads, and brief ones, that may wait for a thread before further ones are refused.
        package var waitingReads = 1_024
        /// Writes that may wait before further ones are refused.
        package var waitingWrites = 16_384
        /// Writes that share one commit at most.
        package var groupSize = 512
        /// No further write joins a group that has run for so long; the ones waiting come next.
        package var groupTime: Duration = .milliseconds(25)
        /// PostgreSQL: threads that write, each with a connection; so many transactions run at once.
        package var writerThreads = 8
        /// PostgreSQL: how often a write is run again after conflicts with others before it is given up.
        package var writeAttempts = 100
        /// PostgreSQL: how long a write waits for a server that is gone, before it is answered that it is unavailable.
        package var reconnectTime: Duration = .seconds(5)
        /// PostgreSQL: how long the outcome of a commit is asked for after the connection broke in the middle of it.
        package var outcomeTime: Duration = .seconds(30)
        /// How long a connection waits for a lock another process holds.
        package var busyTimeout: Duration = .seconds(5)
        /// Page cache of the writing connection, in KiB.
        package var writeCacheKiB = 16_384
        /// Page cache of each reading connection, in KiB.
        package var readCacheKiB = 4_096
        /// How much of the file readers map into memory, at most what SQLite maps (2 GiB less 64 KiB); it halves the
        /// cost of a point read. The pages are the system's cache, not the process's own, which the system takes back
        /// at need, but they are counted as its resident memory. 0: none, where a broken disk should give an error
        /// rather than end the process.
        package var mappedBytes = 0x7fff_0000
        /// Pages in the write-ahead log after which a commit moves them into the database (4 KiB each).
        package var checkpointPages = 4_000
        /// The write-ahead log is cut back to this size after a checkpoint, in bytes.
        package var logBytes = 64 << 20
        /// The database may not grow beyond so many pages; 0: no limit but the disk.
        package var databasePages = 0

        package init() {}
    }
}
