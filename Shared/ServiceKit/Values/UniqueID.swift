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
        guard text.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (position, byte) in text.enumerated() {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let value: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            if digits < 16 { words.0 = words.0 << 4 | UInt64(value) } else { words.1 = words.1 << 4 | UInt64(value) }
            digits += 1
        }
        (high, low) = words
    }

    package var description: String { description(after: "") }

    /// The 36 characters after others, as in the names of resources: one text, made at once.
    package func description(after prefix: String) -> String {
        String(unsafeUninitializedCapacity: prefix.utf8.count + 36) { out in
            var position = out.initialize(fromContentsOf: prefix.utf8)
            for digit in 0..<32 {
                if digit == 8 || digit == 12 || digit == 16 || digit == 20 {
                    out[position] = UInt8(ascii: "-")
                    position += 1
                }
                let value = UInt8(truncatingIfNeeded: (digit < 16 ? high : low) >> UInt64(60 - 4 * (digit & 15)) & 0xF)
                out[position] = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
                position += 1
            }
            return position
        }
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
