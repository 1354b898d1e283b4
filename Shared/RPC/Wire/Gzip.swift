import CZlib

/// The gzip message encoding; every message has its own context.
enum Gzip {
    /// Why a message could not be decompressed.
    enum Failure: Error, Hashable {
        case corrupt
        /// More than the limit comes out of it.
        case tooLarge
    }

    static func compress(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        // 15 window bits, +16: gzip framing.
        guard
            deflateInit2_(
                &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        let bound = Int(deflateBound(&stream, UInt(bytes.count)))
        var input = bytes
        var isComplete = false
        let output = [UInt8](unsafeUninitializedCapacity: bound) { target, count in
            input.withUnsafeMutableBufferPointer { source in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                isComplete = deflate(&stream, Z_FINISH) == Z_STREAM_END
            }
            count = target.count - Int(stream.avail_out)
        }
        return isComplete ? output : nil
    }

    /// Decompresses at most `limit` bytes: the size that counts is the one after decompression.
    static func decompress(_ bytes: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
        var stream = z_stream()
        guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .corrupt
        }
        defer { inflateEnd(&stream) }
        var input = bytes
        var output: [UInt8] = []
        var result = Z_OK
        let chunk = min(max(bytes.count * 4, 1024), 256 * 1024)
        input.withUnsafeMutableBufferPointer { source in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            while result == Z_OK, output.count <= limit {
                let piece = [UInt8](unsafeUninitializedCapacity: chunk) { target, count in
                    stream.next_out = target.baseAddress
                    stream.avail_out = UInt32(target.count)
                    result = inflate(&stream, Z_NO_FLUSH)
                    count = target.count - Int(stream.avail_out)
                }
                output.append(contentsOf: piece)
            }
        }
        if output.count > limit { throw .tooLarge }
        guard result == Z_STREAM_END, stream.avail_in == 0 else { throw .corrupt }
        return output
    }
}
