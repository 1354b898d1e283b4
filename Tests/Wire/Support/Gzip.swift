import CZlib

/// Compressed with zlib, in the gzip format.
func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
        &stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    defer { deflateEnd(&stream) }
    var input = bytes
    return input.withUnsafeMutableBufferPointer { source in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        let bound = Int(deflateBound(&stream, UInt(source.count))) + 32
        return [UInt8](unsafeUninitializedCapacity: bound) { target, count in
            stream.next_out = target.baseAddress
            stream.avail_out = UInt32(bound)
            deflate(&stream, Z_FINISH)
            count = bound - Int(stream.avail_out)
        }
    }
}
