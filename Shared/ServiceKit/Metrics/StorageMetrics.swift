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
        gauge("storage_waiting_writes", "Writes waiting for the writer.") { $0.waitingWrites }
        gauge("storage_waiting_reads", "Long reads waiting for a thread.") { $0.waitingReads }
    }
}
