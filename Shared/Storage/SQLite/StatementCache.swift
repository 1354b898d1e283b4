/// Prepared statements that are not in use, by their text; the least recently used one goes first.
struct StatementCache {
    private let limit: Int
    private var kept: [String: Entry] = [:]
    private var clock: UInt64 = 0
    private(set) var statistics = StatementStatistics()

    private struct Entry {
        var statement: SQLiteStatement
        var usedAt: UInt64
    }

    init(limit: Int) { self.limit = max(1, limit) }

    /// The statement leaves the cache while it is in use, so that the same text nested in itself gets another one.
    mutating func take(_ sql: String) -> SQLiteStatement? {
        guard let entry = kept.removeValue(forKey: sql) else {
            statistics.prepared += 1
            return nil
        }
        statistics.reused += 1
        return entry.statement
    }

    mutating func keep(_ statement: SQLiteStatement) {
        clock += 1
        kept[statement.sql] = Entry(statement: statement, usedAt: clock)
        guard kept.count > limit else { return }
        // A scan of the whole cache, but only when a statement is new and the cache full.
        if let oldest = kept.min(by: { $0.value.usedAt < $1.value.usedAt }) {
            kept.removeValue(forKey: oldest.key)
            statistics.evicted += 1
        }
    }

    mutating func removeAll() { kept.removeAll() }
}
