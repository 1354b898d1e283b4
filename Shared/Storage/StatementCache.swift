/// A statement as the cache keeps it.
protocol KeptStatement: AnyObject {
    var sql: String { get }
    var isInUse: Bool { get set }
    var usedAt: UInt64 { get set }
}

/// The prepared statements of a connection, by their text; of those not in use, the least recently used one goes first.
struct StatementCache<Statement: KeptStatement> {
    private let limit: Int
    private var kept: [String: Statement] = [:]
    /// A way past the dictionary: most texts are literals, so the place of their bytes nearly names them. Comparing a
    /// string with itself costs nothing.
    private var byAddress: [Statement?]
    private var clock: UInt64 = 0
    private(set) var statistics = StatementStatistics()

    private static var slots: UInt { 64 }

    init(limit: Int) {
        self.limit = max(1, limit)
        byAddress = Array(repeating: nil, count: Int(Self.slots))
    }

    /// The statement with this text, marked as in use; nil if there is none or it runs already, when the same text is
    /// nested in itself.
    mutating func take(_ sql: String) -> Statement? {
        clock += 1
        let slot = Self.slot(of: sql)
        if let slot, let found = byAddress[slot], !found.isInUse, found.sql == sql { return use(found) }
        guard let found = kept[sql], !found.isInUse else { return nil }
        if let slot { byAddress[slot] = found }
        return use(found)
    }

    private mutating func use(_ statement: Statement) -> Statement {
        statistics.reused += 1
        statement.isInUse = true
        statement.usedAt = clock
        return statement
    }

    /// Keeps a new statement, which is in use, unless there is one with its text already. Returns the one that had to
    /// go.
    @discardableResult
    mutating func add(_ statement: Statement) -> Statement? {
        statistics.prepared += 1
        statement.isInUse = true
        statement.usedAt = clock
        guard kept[statement.sql] == nil else { return nil }
        let evicted = kept.count >= limit ? evict() : nil
        kept[statement.sql] = statement
        return evicted
    }

    /// A scan of the whole cache, but only when a statement is new and the cache full.
    private mutating func evict() -> Statement? {
        let oldest = kept.values.lazy.filter { !$0.isInUse }.min { $0.usedAt < $1.usedAt }
        guard let oldest else { return nil }
        kept[oldest.sql] = nil
        for slot in byAddress.indices where byAddress[slot] === oldest { byAddress[slot] = nil }
        statistics.evicted += 1
        return oldest
    }

    mutating func removeAll() {
        kept = [:]
        byAddress = Array(repeating: nil, count: Int(Self.slots))
    }

    /// Nil for short texts, which have no place of their own in memory.
    private static func slot(of sql: String) -> Int? {
        guard sql.utf8.count > 15 else { return nil }
        return sql.utf8.withContiguousStorageIfAvailable { bytes in
            let address = UInt(bitPattern: bytes.baseAddress)
            return Int((address >> 4 ^ address >> 10) % slots)
        }
    }
}
