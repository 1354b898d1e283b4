/// Cuts DATA into messages: a flag byte, a big-endian length of 4 bytes, the message (PROTOCOL-HTTP2,
/// "Length-Prefixed-Message"). Boundaries of DATA mean nothing. A value: bytes in, messages out.
struct MessageDeframer: Sendable {
    /// One message as it came off the wire.
    struct Frame: Sendable, Hashable {
        var isCompressed: Bool
        var bytes: [UInt8]
        /// Bytes of flow control to give back when the message is taken.
        var credit: Int
    }

    /// Why the stream cannot be cut further.
    enum Failure: Error, Hashable {
        /// A message is longer than the limit; checked on its prefix, before anything is kept.
        case tooLarge(Int)
        /// A flag other than 0 and 1.
        case badFlag(UInt8)
    }

    private let limit: Int
    /// Bytes of the prefix so far, the first highest.
    private var prefix: UInt64 = 0
    private var prefixCount = 0
    private var isCompressed = false
    private var expected = 0
    private var body: [UInt8] = []
    private var isInBody = false

    init(limit: Int) { self.limit = limit }

    /// Whether a message has begun and not ended.
    var isInsideMessage: Bool { isInBody || prefixCount > 0 }

    /// Bytes kept of a message that is incomplete.
    var heldBytes: Int { body.count }

    /// Forgets what is incomplete.
    mutating func reset() { self = MessageDeframer(limit: limit) }

    /// Takes bytes in; appends complete messages to `frames`. Returns the bytes to credit at once: those of a message
    /// that is still incomplete, which is bounded by the message limit and must be able to grow beyond the window.
    mutating func push(
        _ data: UnsafeBufferPointer<UInt8>, into frames: inout FrameQueue
    ) throws(Failure) -> Int {
        var index = 0
        var messageStart = 0
        while true {
            if !isInBody {
                while prefixCount < 5, index < data.count {
                    prefix = prefix << 8 | UInt64(data[index])
                    prefixCount += 1
                    index += 1
                }
                guard prefixCount == 5 else { break }
                try readPrefix()
            }
            let amount = min(expected - body.count, data.count - index)
            if amount == expected {
                // The usual message comes in one piece.
                body = Array(UnsafeBufferPointer(rebasing: data[index..<index + amount]))
                index += amount
            } else if amount > 0 {
                if body.isEmpty { body.reserveCapacity(min(expected, 64 * 1024)) }
                body.append(contentsOf: data[index..<index + amount])
                index += amount
            }
            guard body.count == expected else { break }
            frames.append(Frame(isCompressed: isCompressed, bytes: body, credit: index - messageStart))
            messageStart = index
            body = []
            isInBody = false
        }
        return data.count - messageStart
    }

    private mutating func readPrefix() throws(Failure) {
        let flag = UInt8(truncatingIfNeeded: prefix >> 32)
        expected = Int(UInt32(truncatingIfNeeded: prefix))
        prefix = 0
        prefixCount = 0
        guard flag <= 1 else { throw .badFlag(flag) }
        guard expected <= limit else { throw .tooLarge(expected) }
        isCompressed = flag == 1
        isInBody = true
    }

    /// The prefix of a message to send, first byte lowest.
    static func prefix(isCompressed: Bool, length: Int) -> UInt64 {
        UInt64(isCompressed ? 1 : 0) | UInt64(UInt32(length).byteSwapped) << 8
    }
}
