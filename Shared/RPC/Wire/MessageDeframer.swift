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
    private var prefix: [UInt8] = []
    private var isCompressed = false
    private var expected = 0
    private var body: [UInt8] = []
    private var isInBody = false

    init(limit: Int) { self.limit = limit }

    /// Whether a message has begun and not ended.
    var isInsideMessage: Bool { isInBody || !prefix.isEmpty }

    /// Takes bytes in; appends complete messages to `frames`. Returns the bytes to credit at once: those of a message that
    /// is still incomplete, which is bounded by the message limit and must be able to grow beyond the window.
    mutating func push(_ data: [UInt8], into frames: inout [Frame]) throws(Failure) -> Int {
        var index = 0
        var messageStart = 0
        while true {
            if !isInBody {
                while prefix.count < 5, index < data.count {
                    prefix.append(data[index])
                    index += 1
                }
                guard prefix.count == 5 else { break }
                try readPrefix()
            }
            let amount = min(expected - body.count, data.count - index)
            if amount > 0 {
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
        let flag = prefix[0]
        expected = prefix[1...].reduce(0) { $0 << 8 | Int($1) }
        prefix.removeAll(keepingCapacity: true)
        guard flag <= 1 else { throw .badFlag(flag) }
        guard expected <= limit else { throw .tooLarge(expected) }
        isCompressed = flag == 1
        isInBody = true
        body.reserveCapacity(min(expected, 64 * 1024))
    }

    /// The prefix of a message to send, first byte lowest.
    static func prefix(isCompressed: Bool, length: Int) -> UInt64 {
        UInt64(isCompressed ? 1 : 0) | UInt64(UInt32(length).byteSwapped) << 8
    }
}
