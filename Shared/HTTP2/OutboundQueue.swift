import DequeModule

/// Bytes waiting to be sent on one stream: chunks of at most 8 leading bytes (a gRPC message prefix) and a body.
struct OutboundQueue {
    private struct Chunk {
        /// Leading bytes, first in the lowest byte.
        var head: UInt64
        var headCount: Int
        var body: [UInt8]
        /// Bytes sent already, of head and body together.
        var sent = 0
        var count: Int { headCount + body.count }
    }

    /// The usual reply is one chunk, and for one nothing is allocated.
    private var first: Chunk?
    private var rest: Deque<Chunk>?

    /// Bytes waiting.
    private(set) var count = 0

    mutating func append(head: UInt64, headCount: Int, body: consuming [UInt8]) {
        count += headCount + body.count
        let chunk = Chunk(head: head, headCount: headCount, body: consume body)
        if first == nil { first = chunk } else if rest == nil { rest = [chunk] } else { rest?.append(chunk) }
    }

    mutating func removeAll() {
        first = nil
        rest = nil
        count = 0
    }

    /// Moves bytes into a buffer; returns how many.
    mutating func move(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var written = 0
        while written < buffer.count, var chunk = first.take() {
            written += Self.copy(&chunk, into: UnsafeMutableBufferPointer(rebasing: buffer[written...]))
            first = chunk.sent == chunk.count ? rest?.popFirst() : chunk
        }
        count -= written
        return written
    }

    private static func copy(_ chunk: inout Chunk, into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var written = 0
        if chunk.sent < chunk.headCount {
            withUnsafeBytes(of: chunk.head.littleEndian) { head in
                let part = UnsafeRawBufferPointer(rebasing: head[chunk.sent..<chunk.headCount].prefix(buffer.count))
                UnsafeMutableRawBufferPointer(buffer).copyMemory(from: part)
                written = part.count
            }
            chunk.sent += written
        }
        let bodyOffset = chunk.sent - chunk.headCount
        guard bodyOffset >= 0 else { return written }
        let amount = min(buffer.count - written, chunk.body.count - bodyOffset)
        if amount > 0, let target = buffer.baseAddress {
            chunk.body.withUnsafeBufferPointer { body in
                if let source = body.baseAddress {
                    (target + written).update(from: source + bodyOffset, count: amount)
                }
            }
            chunk.sent += amount
        }
        return written + amount
    }
}
