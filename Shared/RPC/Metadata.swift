/// Custom metadata of a call: an ordered multi-map of lower-case keys.
///
/// A key that ends in `-bin` holds bytes, any other key a string of printable ASCII (PROTOCOL-HTTP2,
/// "Custom-Metadata"). Keys that start with `grpc-` are reserved and dropped when sent.
public struct Metadata: Sendable, Hashable {
    /// One value.
    public enum Content: Sendable, Hashable {
        /// Value of an ordinary key.
        case string(String)
        /// Value of a `-bin` key.
        case binary([UInt8])
    }

    /// One entry.
    public struct Entry: Sendable, Hashable {
        /// Lower-case key.
        public let key: String
        /// Value.
        public let value: Content
    }

    private var entries: [Entry] = []

    /// Empty metadata.
    public init() {}

    /// The first string of a key.
    public subscript(string key: String) -> String? {
        for entry in entries where entry.key == key {
            if case .string(let value) = entry.value { return value }
        }
        return nil
    }

    /// The first bytes of a `-bin` key.
    public subscript(binary key: String) -> [UInt8]? {
        for entry in entries where entry.key == key {
            if case .binary(let value) = entry.value { return value }
        }
        return nil
    }

    /// Every string of a key, in order.
    public func strings(_ key: String) -> [String] {
        entries.compactMap { entry in
            guard entry.key == key, case .string(let value) = entry.value else { return nil }
            return value
        }
    }

    /// Every byte value of a `-bin` key, in order.
    public func binaries(_ key: String) -> [[UInt8]] {
        entries.compactMap { entry in
            guard entry.key == key, case .binary(let value) = entry.value else { return nil }
            return value
        }
    }

    /// Adds a string; values of one key keep their order.
    public mutating func add(_ value: String, for key: String) {
        entries.append(Entry(key: key.lowercased(), value: .string(value)))
    }

    /// Adds bytes; the key must end in `-bin`.
    public mutating func add(_ value: [UInt8], for key: String) {
        precondition(key.hasSuffix("-bin"), "a key with bytes ends in -bin")
        entries.append(Entry(key: key.lowercased(), value: .binary(value)))
    }

    /// Adds every entry of another.
    public mutating func add(_ other: Metadata) { entries.append(contentsOf: other.entries) }

    /// Removes every value of a key.
    public mutating func remove(_ key: String) { entries.removeAll { $0.key == key } }
}

extension Metadata: RandomAccessCollection {
    public var startIndex: Int { entries.startIndex }
    public var endIndex: Int { entries.endIndex }
    public subscript(position: Int) -> Entry { entries[position] }
}

extension Metadata: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, String)...) {
        for (key, value) in elements { add(value, for: key) }
    }
}
