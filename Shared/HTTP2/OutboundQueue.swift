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

    private var chunks: Deque<Chunk> = []

    /// Bytes waiting.
    private(set) var count = 0

    mutating func append(head: UInt64, headCount: Int, body: [UInt8]) {
        chunks.append(Chunk(head: head, headCount: headCount, body: body))
        count += headCount + body.count
    }

    mutating func removeAll() {
        chunks.removeAll()
        count = 0
    }

    /// Moves bytes into a buffer; returns how many.
    mutating func move(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var written = 0
        while written < buffer.count, !chunks.isEmpty {
            let taken = Self.copy(&chunks[0], into: UnsafeMutableBufferPointer(rebasing: buffer[written...]))
            written += taken
            if chunks[0].sent == chunks[0].count { chunks.removeFirst() }
        }
        count -= written
        return written
    }

    private static func copy(_ chunk: inout Chunk, into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        var written = 0
        while chunk.sent < chunk.headCount, written < buffer.count {
            buffer[written] = UInt8(truncatingIfNeeded: chunk.head >> (8 * UInt64(chunk.sent)))
            chunk.sent += 1
            written += 1
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
