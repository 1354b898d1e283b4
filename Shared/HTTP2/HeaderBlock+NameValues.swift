import CNghttp2

/// Fields as nghttp2 wants them, in memory that is never given back: the library reads them where they are.
///
/// Unchecked Sendable: nothing writes there once it has been made.
struct PermanentFields: @unchecked Sendable {
    let values: UnsafeBufferPointer<nghttp2_nv>

    init(_ block: HeaderBlock) {
        let copied = UnsafeMutableBufferPointer<nghttp2_nv>.allocate(capacity: block.count)
        block.withNameValues { fields in
            for (index, field) in fields.enumerated() {
                var field = field
                field.name = Self.copy(field.name, field.namelen)
                field.value = Self.copy(field.value, field.valuelen)
                field.flags |= UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)
                copied.initializeElement(at: index, to: field)
            }
        }
        values = UnsafeBufferPointer(copied)
    }

    private static func copy(_ bytes: UnsafeMutablePointer<UInt8>?, _ count: Int) -> UnsafeMutablePointer<UInt8>? {
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(count, 1))
        if let bytes { copy.initialize(from: bytes, count: count) }
        return copy
    }
}

extension HeaderBlock {
    /// The same fields for as long as the process runs, which nghttp2 then does not copy for each reply.
    package func permanent() -> HeaderBlock {
        var block = self
        block.permanentFields = PermanentFields(self)
        return block
    }

    /// Calls `body` with the fields as nghttp2 wants them; the library copies what it keeps and is not permanent.
    func withNameValues<T>(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> T) -> T {
        if let permanentFields { return body(permanentFields.values) }
        return withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: max(count, 1)) { values in
            var index = 0
            visit { name, value in
                // Secrets never enter the peer's compression table.
                let flags = name.equals("authorization") ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
                values.initializeElement(
                    at: index,
                    to: nghttp2_nv(
                        name: UnsafeMutablePointer(mutating: name.baseAddress),
                        value: UnsafeMutablePointer(mutating: value.baseAddress), namelen: name.count,
                        valuelen: value.count, flags: UInt8(flags.rawValue)))
                index += 1
            }
            return body(UnsafeBufferPointer(rebasing: values[0..<count]))
        }
    }
}
