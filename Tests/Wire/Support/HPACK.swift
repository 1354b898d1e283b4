import CNghttp2

/// Header compression (RFC 7541): the encoder writes literals by hand, the decoder is nghttp2's.
enum HPACK {
    /// Every field as a literal without indexing, names and values plain.
    static func literal(_ fields: Fields) -> [UInt8] {
        fields.flatMap { literal(name: Array($0.name.utf8), value: Array($0.value.utf8)) }
    }

    static func literal(name: [UInt8], value: [UInt8]) -> [UInt8] { [0] + string(name) + string(value) }

    /// A literal that enters the dynamic table.
    static func indexed(name: String, value: String) -> [UInt8] {
        [0x40] + string(Array(name.utf8)) + string(Array(value.utf8))
    }

    private static func string(_ bytes: [UInt8]) -> [UInt8] { integer(bytes.count, prefix: 7) + bytes }

    /// An integer with a prefix of so many bits (section 5.1), the bits before it zero.
    static func integer(_ value: Int, prefix: Int) -> [UInt8] {
        let limit = 1 << prefix - 1
        guard value >= limit else { return [UInt8(value)] }
        var rest = value - limit
        var bytes = [UInt8(limit)]
        while rest >= 128 {
            bytes.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    /// One direction of one connection.
    final class Decoder {
        struct Malformed: Error { let code: Int }
        private var inflater: OpaquePointer?

        init() { nghttp2_hd_inflate_new(&inflater) }
        deinit { nghttp2_hd_inflate_del(inflater) }

        func decode(_ block: [UInt8]) throws -> Fields {
            var fields: Fields = []
            var block = block
            try block.withUnsafeMutableBufferPointer { buffer in
                var offset = 0
                while true {
                    var field = nghttp2_nv()
                    var flags: Int32 = 0
                    let count = nghttp2_hd_inflate_hd2(
                        inflater, &field, &flags, buffer.baseAddress.map { UnsafePointer($0 + offset) },
                        buffer.count - offset, 1)
                    guard count >= 0 else { throw Malformed(code: count) }
                    offset += count
                    if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                        fields.append(
                            (
                                String(
                                    decoding: UnsafeBufferPointer(start: field.name, count: field.namelen),
                                    as: UTF8.self),
                                String(
                                    decoding: UnsafeBufferPointer(start: field.value, count: field.valuelen),
                                    as: UTF8.self)
                            ))
                    }
                    if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
                        nghttp2_hd_inflate_end_headers(inflater)
                        return
                    }
                    if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) == 0, offset >= buffer.count { return }
                }
            }
            return fields
        }
    }
}
