import Storage

/// The database's own counters.
enum StorageMetrics {
    static func register(_ database: Database, in metrics: MetricsRegistry) {
        func counter(_ name: String, _ help: String, _ read: @escaping @Sendable (DatabaseStatistics) -> Int) {
            metrics.counter(name, help: help) { [weak database] in database.map { Double(read($0.statistics)) } }
        }
        func gauge(_ name: String, _ help: String, _ read: @escaping @Sendable (DatabaseStatistics) -> Int) {
            metrics.gauge(name, help: help) { [weak database] in database.map { Double(read($0.statistics)) } }
        }
        counter("storage_commits_total", "Durable commits; several writes share one.") { $0.commits }
        counter("storage_writes_total", "Writes committed.") { $0.writes }
        counter("storage_failed_writes_total", "Writes that failed.") { $0.failedWrites }
        counter("storage_refused_writes_total", "Writes refused because too many waited.") { $0.refusedWrites }
        counter("storage_reads_total", "Reads, short and long.") { $0.reads }
        counter("storage_refused_reads_total", "Long reads refused because too many waited.") { $0.refusedReads }
        // Beside the numbers of commits, writes and reads these give means; the slowest are in the log of slow calls.
        func seconds(_ name: String, _ help: String, _ read: @escaping @Sendable (DatabaseStatistics) -> Duration) {
            metrics.counter(name, help: help) { [weak database] in database.map { read($0.statistics) / .seconds(1) } }
        }
        seconds("storage_commit_seconds_total", "Time that durable commits took.") { $0.commitTime }
        seconds("storage_write_wait_seconds_total", "Time that writes waited for their turn.") { $0.writeWait }
        seconds("storage_read_wait_seconds_total", "Time that long reads waited for a thread.") { $0.readWait }
        gauge("storage_waiting_writes", "Writes waiting for the writer.") { $0.waitingWrites }
        gauge("storage_waiting_reads", "Long reads waiting for a thread.") { $0.waitingReads }
    }
}
