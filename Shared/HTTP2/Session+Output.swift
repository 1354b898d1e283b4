import CNghttp2
import NIOCore

/// What a session has to send.
extension Session {
    /// Serialises frames into a buffer until it holds `limit` bytes or nothing is left; true when more may be waiting.
    package func drain(into buffer: inout ByteBuffer, limit: Int) throws(HTTP2Error) -> Bool {
        isFlushWanted = false
        guard let raw else { return false }
        var isFull = false
        var next = try nextChunk(raw)
        while let chunk = next {
            let before = buffer.readableBytes
            // The buffer is asked for room once for all the frames that fit into it.
            try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: chunk.count) {
                room throws(HTTP2Error) -> Int in
                var written = 0
                while let chunk = next, chunk.count <= room.count - written {
                    UnsafeMutableRawBufferPointer(rebasing: room[written...]).copyMemory(from: chunk)
                    written += chunk.count
                    isFull = before + written >= limit
                    next = isFull ? nil : try nextChunk(raw)
                }
                return written
            }
        }
        noteTraffic()
        return isFull
    }

    /// The next bytes to send, at most about one frame; they are there until the next call. nil: nothing is to be sent.
    private func nextChunk(_ raw: OpaquePointer) throws(HTTP2Error) -> UnsafeRawBufferPointer? {
        guard !hasFailed else { return nil }
        var pointer: UnsafePointer<UInt8>?
        let count = nghttp2_session_mem_send(raw, &pointer)
        if count < 0 { throw HTTP2Error(code: Int32(count)) }
        return count > 0 ? UnsafeRawBufferPointer(start: pointer, count: count) : nil
    }

    private func noteTraffic() {
        if sentTraffic {
            sentTraffic = false
            events.append(.sentTraffic)
        }
    }

    /// Whether notes wait for `deliver`.
    package var hasPendingDeliveries: Bool { !touched.isEmpty || !events.isEmpty }

    /// Whether the session has nothing more to read or write.
    package var isFinished: Bool {
        guard let raw, !hasFailed else { return true }
        return nghttp2_session_want_read(raw) == 0 && nghttp2_session_want_write(raw) == 0
    }

    func setNeedsFlush() {
        guard !isFlushWanted else { return }
        isFlushWanted = true
        owner?.sessionNeedsFlush()
    }
}
