import Foundation

/// A place in a topic, as readers keep it: opaque text that holds the topic's epoch and a sequence, with a checksum
/// over both and the topic, so that a cursor of another topic or a damaged one is noticed.
struct FeedCursor: Sendable, Hashable {
    /// Random number of the topic's history; a new one makes all old cursors expire.
    var epoch: UInt64
    /// Everything up to this sequence has been read.
    var sequence: Int64

    private static let format: UInt8 = 1

    func encoded(topic: String) -> String {
        var bytes: [UInt8] = [Self.format]
        bytes.append(bigEndian: epoch)
        bytes.append(bigEndian: UInt64(bitPattern: sequence))
        bytes.append(contentsOf: Self.check(bytes, topic: topic))
        return Data(bytes).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// Nil if the text is not a cursor of the topic.
    init?(_ text: String, topic: String) {
        // 1 + 8 + 8 + 4 bytes are 28 characters of base64.
        guard text.utf8.count == 28 else { return nil }
        let base64 = text.replacing("-", with: "+").replacing("_", with: "/")
        guard let data = Data(base64Encoded: base64), data.count == 21 else { return nil }
        let bytes = [UInt8](data)
        guard bytes[0] == Self.format, Array(bytes[17...]) == Self.check(Array(bytes[..<17]), topic: topic) else {
            return nil
        }
        epoch = bytes[1..<9].reduce(0) { $0 << 8 | UInt64($1) }
        sequence = Int64(bitPattern: bytes[9..<17].reduce(0) { $0 << 8 | UInt64($1) })
        guard sequence >= 0 else { return nil }
    }

    init(epoch: UInt64, sequence: Int64) {
        self.epoch = epoch
        self.sequence = sequence
    }

    /// FNV-1a, 32 bits: against mistakes. A reader gains nothing by forging a cursor of a topic it may read.
    private static func check(_ bytes: [UInt8], topic: String) -> [UInt8] {
        var hash: UInt32 = 0x811c_9dc5
        for byte in bytes + Array(topic.utf8) { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        return (0..<4).map { UInt8(truncatingIfNeeded: hash >> (24 - 8 * UInt32($0))) }
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian value: UInt64) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
}
