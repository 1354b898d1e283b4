import Crypto
import Synchronization

/// A UUID (RFC 9562), as two integers: no allocation, and ordered as its text is.
package struct UniqueID: Sendable, Hashable, Comparable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads the 16 bytes that `bytes` gives; anything else is nil.
    package init?(bytes: [UInt8]) {
        guard let id = bytes.withUnsafeBufferPointer({ UniqueID(bytes: $0) }) else { return nil }
        self = id
    }

    package init?(bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count == 16 else { return nil }
        let words = UnsafeRawBufferPointer(bytes)
        high = UInt64(bigEndian: words.loadUnaligned(as: UInt64.self))
        low = UInt64(bigEndian: words.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    package static func < (a: UniqueID, b: UniqueID) -> Bool { (a.high, a.low) < (b.high, b.low) }

    /// The 16 bytes, in the order in which the ids are.
    package var bytes: [UInt8] { withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) } }

    /// The version digit: 4 random, 7 time-ordered, 8 ours.
    package var version: Int { Int(high >> 12 & 0xF) }

    /// Stamps version and variant over 128 bits.
    init(version: UInt64, high: UInt64, low: UInt64) {
        self.high = high & ~0xF000 | version << 12
        self.low = low & (1 << 62 - 1) | 1 << 63
    }
}

extension UniqueID: CustomStringConvertible, LosslessStringConvertible {
    /// Reads the 36-character form, upper or lower case; anything else is nil.
    package init?(_ description: String) {
        var description = description
        guard let id = description.withUTF8({ UniqueID(utf8: $0[...]) }) else { return nil }
        self = id
    }

    /// The same from the bytes of a text.
    init?(utf8 text: Slice<UnsafeBufferPointer<UInt8>>) {
        let text = UnsafeBufferPointer(rebasing: text)
        let dash = UInt8(ascii: "-")
        guard text.count == 36, text[8] == dash, text[13] == dash, text[18] == dash, text[23] == dash,
            let first = Self.number(text, 0..<8), let second = Self.number(text, 9..<13),
            let third = Self.number(text, 14..<18), let fourth = Self.number(text, 19..<23),
            let last = Self.number(text, 24..<36)
        else { return nil }
        high = first << 32 | second << 16 | third
        low = fourth << 48 | last
    }

    /// The number that some hexadecimal digits make.
    private static func number(_ text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> UInt64? {
        var number: UInt64 = 0
        for index in range {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(byte & 0xF)
            // The lower four bits of A and a are one.
            case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"):
                number = number << 4 | UInt64(byte & 0xF &+ 9)
            default: return nil
            }
        }
        return number
    }

    package var description: String { description(after: "") }

    /// The 36 characters after others, as in the names of resources: one text, made at once.
    package func description(after prefix: String) -> String {
        String(unsafeUninitializedCapacity: prefix.utf8.count + 36) { out in
            let start = out.initialize(fromContentsOf: prefix.utf8)
            let text = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(out)[start...])
            for dash in [8, 13, 18, 23] { text[dash] = UInt8(ascii: "-") }
            let (second, third) = (Self.digits(high & 0xFFFF_FFFF), Self.digits(low >> 32))
            text.storeBytes(of: Self.digits(high >> 32), as: UInt64.self)
            text.storeBytes(of: UInt32(truncatingIfNeeded: second), toByteOffset: 9, as: UInt32.self)
            text.storeBytes(of: UInt32(truncatingIfNeeded: second >> 32), toByteOffset: 14, as: UInt32.self)
            text.storeBytes(of: UInt32(truncatingIfNeeded: third), toByteOffset: 19, as: UInt32.self)
            text.storeBytes(of: UInt32(truncatingIfNeeded: third >> 32), toByteOffset: 24, as: UInt32.self)
            text.storeBytes(of: Self.digits(low & 0xFFFF_FFFF), toByteOffset: 28, as: UInt64.self)
            return start + 36
        }
    }

    /// The eight hexadecimal digits of 32 bits, all at once: the first in the lowest byte, as memory is filled here.
    private static func digits(_ bits: UInt64) -> UInt64 {
        var digits = UInt64(UInt32(truncatingIfNeeded: bits).byteSwapped)
        digits = (digits | digits << 16) & 0x0000_FFFF_0000_FFFF
        digits = (digits | digits << 8) & 0x00FF_00FF_00FF_00FF
        digits = digits >> 4 & 0x000F_000F_000F_000F | (digits & 0x000F_000F_000F_000F) << 8
        // Above 9 the letters follow, 39 places after the digits.
        let letters = (digits &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return (digits &+ 0x3030_3030_3030_3030 &+ letters &* 39).littleEndian
    }
}

/// New ids: time-ordered (RFC 9562 version 7), ascending within the process also inside one millisecond.
package enum UUIDv7 {
    private static let last = Mutex<UInt64>(0)

    /// The next id. 48 bits of milliseconds and a 12-bit counter rise together; 62 bits are random.
    package static func next(at now: Instant = .system()) -> UniqueID {
        var random = SystemRandomNumberGenerator()
        let fresh = UInt64(max(0, now.milliseconds)) << 12 | random.next() & 0x7FF
        let stamp = last.withLock { last in
            // Behind or equal: count on, into the next millisecond when the counter is full (section 6.2, method 1).
            last = max(fresh, last &+ 1)
            return last
        }
        return UniqueID(version: 7, high: (stamp >> 12) << 16 | stamp & 0xFFF, low: random.next())
    }
}

/// Ids that follow from what they name (version 8 over SHA-256), so that the same row always gets the same id.
package enum UUIDv8 {
    /// `namespace` and `name` are separated unambiguously: ("ab", "c") and ("a", "bc") differ.
    package static func named(_ name: String, in namespace: String) -> UniqueID {
        var hash = SHA256()
        hash.update(data: Array(namespace.utf8))
        hash.update(data: [0])
        hash.update(data: Array(name.utf8))
        let digest = Array(hash.finalize().prefix(16))
        let high = digest[0..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let low = digest[8..<16].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return UniqueID(version: 8, high: high, low: low)
    }
}
