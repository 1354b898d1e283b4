#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The fields of one HEADERS block in the order received, kept as bytes: no `String` is made until somebody asks.
package struct HeaderBlock: Sendable {
    /// What stands before the name and the value of each field.
    private struct Lengths {
        var name: UInt32
        var value: UInt32
    }

    /// For each field its lengths, its name and its value: a block is one allocation.
    private var bytes: [UInt8] = []

    /// Number of fields.
    package private(set) var count = 0

    /// Size as HTTP/2 counts it: name + value + 32 for each field (RFC 9113, section 6.5.2).
    package private(set) var listSize = 0

    /// Which kinds of names the fields have, one bit each: most fields that are looked for are not there.
    private var kinds: UInt64 = 0

    /// Of a block that has been made `permanent` and not changed since.
    var permanentFields: PermanentFields?

    /// An empty block.
    package init() {}

    /// Fields as `write` has put them one after the other.
    init(bytes: UnsafeRawBufferPointer, count: Int, listSize: Int, kinds: UInt64) {
        self.kinds = kinds
        self.bytes = Array(bytes.assumingMemoryBound(to: UInt8.self))
        self.count = count
        self.listSize = listSize
    }

    /// The bit of a name: its length and last letter tell those apart that are looked for.
    static func kind(_ name: UnsafeBufferPointer<UInt8>) -> UInt64 {
        1 << UInt64((name.count &* 7 &+ Int(name.last ?? 0)) & 63)
    }

    /// Bytes a field takes in a block.
    static func size(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) -> Int {
        MemoryLayout<Lengths>.size + name.count + value.count
    }

    /// Writes a field as a block keeps it.
    static func write(
        _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, to target: UnsafeMutableRawPointer
    ) {
        target.storeBytes(of: Lengths(name: UInt32(name.count), value: UInt32(value.count)), as: Lengths.self)
        let start = target + MemoryLayout<Lengths>.size
        if let bytes = name.baseAddress { memcpy(start, bytes, name.count) }
        if let bytes = value.baseAddress { memcpy(start + name.count, bytes, value.count) }
    }

    /// Appends a field; names are lower-case already.
    package mutating func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: Self.size(name, value)))
        bytes.withUnsafeMutableBytes { bytes in
            if let target = bytes.baseAddress { Self.write(name, value, to: target + start) }
        }
        count += 1
        listSize += name.count + value.count + 32
        kinds |= Self.kind(name)
        permanentFields = nil
    }

    /// Appends a field from strings.
    package mutating func append(_ name: String, _ value: String) {
        var name = name
        var value = value
        name.withUTF8 { name in value.withUTF8 { append(name: name, value: $0) } }
    }

    private static func field(_ buffer: UnsafeRawBufferPointer, at offset: Int) -> (
        name: Range<Int>, value: Range<Int>
    ) {
        let lengths = buffer.loadUnaligned(fromByteOffset: offset, as: Lengths.self)
        let name = offset + MemoryLayout<Lengths>.size
        let value = name + Int(lengths.name)
        return (name..<value, value..<value + Int(lengths.value))
    }

    private static func part(_ buffer: UnsafeRawBufferPointer, _ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        UnsafeRawBufferPointer(rebasing: buffer[range]).assumingMemoryBound(to: UInt8.self)
    }

    /// Calls `body` with name and value of every field, in order.
    package func visit(_ body: (UnsafeBufferPointer<UInt8>, UnsafeBufferPointer<UInt8>) throws -> Void) rethrows {
        try bytes.withUnsafeBytes { buffer in
            var offset = 0
            while offset < buffer.count {
                let field = Self.field(buffer, at: offset)
                offset = field.value.upperBound
                try body(Self.part(buffer, field.name), Self.part(buffer, field.value))
            }
        }
    }

    /// Where the value of the first field of a name lies. Each call looks for some fields that few of them have.
    private func place(of name: StaticString) -> Range<Int>? {
        let kind = Self.kind(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        guard kinds & kind != 0 else { return nil }
        return bytes.withUnsafeBytes { buffer in
            var offset = 0
            while offset < buffer.count {
                let field = Self.field(buffer, at: offset)
                offset = field.value.upperBound
                if Self.part(buffer, field.name).equals(name) { return field.value }
            }
            return nil
        }
    }

    /// Calls `body` with the value of the first field of a name; nil when there is none.
    package func withFirst<T>(_ name: StaticString, _ body: (UnsafeBufferPointer<UInt8>) throws -> T) rethrows -> T? {
        guard let place = place(of: name) else { return nil }
        return try bytes.withUnsafeBytes { try body(Self.part($0, place)) }
    }

    /// Calls `body` with the value of the first field of a name; false when there is none. Not generic, so that it
    /// costs other modules no more than ours.
    package func visitFirst(
        _ name: StaticString, _ body: (UnsafeBufferPointer<UInt8>) throws -> Void
    ) rethrows -> Bool {
        guard let place = place(of: name) else { return false }
        try bytes.withUnsafeBytes { try body(Self.part($0, place)) }
        return true
    }

    /// The value of the first field of a name.
    package func first(_ name: StaticString) -> String? {
        place(of: name).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    /// How many fields have a name.
    package func count(of name: StaticString) -> Int {
        var count = 0
        visit { found, _ in if found.equals(name) { count += 1 } }
        return count
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether the bytes are those of a literal.
    @inlinable package func equals(_ literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount else { return false }
        guard let baseAddress, count > 0 else { return true }
        return memcmp(baseAddress, literal.utf8Start, count) == 0
    }

    /// Whether the bytes are those of another buffer.
    @inlinable package func equals(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
        guard count == other.count else { return false }
        guard let baseAddress, let theirs = other.baseAddress, count > 0 else { return true }
        return memcmp(baseAddress, theirs, count) == 0
    }
}
