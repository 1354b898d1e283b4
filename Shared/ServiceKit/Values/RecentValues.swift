/// What was used of late, a bounded number of it.
///
/// Two generations bound it: when the young one is full it becomes the old one, whose values move back when they are
/// used. What nobody uses is gone after two fillings, without a list in order of use.
struct RecentValues<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let limit: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    /// `limit`: about so many values at most.
    init(limit: Int) { self.limit = max(limit / 2, 1) }

    var count: Int { young.count + old.count }

    mutating func value(_ key: Key) -> Value? {
        if let value = young[key] { return value }
        guard let value = old.removeValue(forKey: key) else { return nil }
        keepYoung(value, key)
        return value
    }

    mutating func keep(_ value: Value, _ key: Key) {
        old[key] = nil
        keepYoung(value, key)
    }

    /// Changes the value of a key where it lies; that of a new key begins as `initial`.
    mutating func change<Result>(
        _ key: Key, initial: @autoclosure () -> Value, _ body: (inout Value) throws -> Result
    ) rethrows -> Result {
        if let index = young.index(forKey: key) { return try body(&young.values[index]) }
        keepYoung(old.removeValue(forKey: key) ?? initial(), key)
        return try body(&young[key, default: initial()])
    }

    private mutating func keepYoung(_ value: Value, _ key: Key) {
        if young.count >= limit, young[key] == nil {
            old = young
            young = [:]
        }
        young[key] = value
    }
}
