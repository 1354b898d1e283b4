#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The fields of one HEADERS block in the order received, kept as bytes: no `String` is made until somebody asks.
package struct HeaderBlock: Sendable {
    /// Where one field lies in `bytes`; the value follows the name.
    struct Field: Sendable {
        var start: Int32
        var nameLength: Int32
        var valueLength: Int32
    }

    private(set) var bytes: [UInt8] = []
    private(set) var fields: [Field] = []

    /// Size as HTTP/2 counts it: name + value + 32 for each field (RFC 9113, section 6.5.2).
    package private(set) var listSize = 0

    /// An empty block.
    package init() {}

    /// Number of fields.
    package var count: Int { fields.count }

    /// Appends a field; names are lower-case already.
    package mutating func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        if fields.isEmpty {
            bytes.reserveCapacity(512)
            fields.reserveCapacity(12)
        }
        fields.append(
            Field(start: Int32(bytes.count), nameLength: Int32(name.count), valueLength: Int32(value.count)))
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: value)
        listSize += name.count + value.count + 32
    }

    /// Appends a field from strings.
    package mutating func append(_ name: String, _ value: String) {
        var name = name
        var value = value
        name.withUTF8 { name in value.withUTF8 { append(name: name, value: $0) } }
    }

    /// Calls `body` with name and value of every field, in order.
    package func visit(_ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) throws -> Void) rethrows {
        try bytes.withUnsafeBufferPointer { buffer in
            for field in fields {
                let nameEnd = Int(field.start + field.nameLength)
                try body(
                    UnsafeBufferPointer(rebasing: buffer[Int(field.start)..<nameEnd]),
                    UnsafeBufferPointer(rebasing: buffer[nameEnd..<nameEnd + Int(field.valueLength)]))
            }
        }
    }

    /// Calls `body` with the value of the first field of a name; nil when there is none.
    package func withFirst<T>(_ name: StaticString, _ body: (UnsafeBufferPointer<UInt8>) throws -> T) rethrows -> T? {
        try bytes.withUnsafeBufferPointer { buffer in
            for field in fields {
                let nameEnd = Int(field.start + field.nameLength)
                guard UnsafeBufferPointer(rebasing: buffer[Int(field.start)..<nameEnd]).equals(name) else { continue }
                return try body(
                    UnsafeBufferPointer(rebasing: buffer[nameEnd..<nameEnd + Int(field.valueLength)]))
            }
            return nil
        }
    }

    /// The value of the first field of a name.
    package func first(_ name: StaticString) -> String? {
        withFirst(name) { String(decoding: $0, as: UTF8.self) }
    }

    /// How many fields have a name.
    package func count(of name: StaticString) -> Int {
        bytes.withUnsafeBufferPointer { buffer in
            fields.count { field in
                let nameEnd = Int(field.start + field.nameLength)
                return UnsafeBufferPointer(rebasing: buffer[Int(field.start)..<nameEnd]).equals(name)
            }
        }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether the bytes are those of a literal.
    package func equals(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        guard let baseAddress, count > 0 else { return true }
        return memcmp(baseAddress, literal.utf8Start, count) == 0
    }

    /// Whether the bytes are those of another buffer.
    package func equals(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard count == other.count else { return false }
        guard let baseAddress, let theirs = other.baseAddress, count > 0 else { return true }
        return memcmp(baseAddress, theirs, count) == 0
    }
}
