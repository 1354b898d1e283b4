import HTTP2

/// Between header fields and `Metadata` (PROTOCOL-HTTP2, "Custom-Metadata").
enum MetadataCoding {
    /// Custom metadata among header fields: pseudo-headers, HTTP/2's own and `grpc-` fields are left out.
    static func decode(_ headers: HeaderBlock) -> Metadata {
        var metadata = Metadata()
        headers.visit { name, value in
            guard name.first != UInt8(ascii: ":"), !isReserved(name) else { return }
            let key = String(decoding: name, as: UTF8.self)
            if key.hasSuffix("-bin") {
                // Values may have been joined with commas on the way: split before decoding.
                for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                    if let bytes = Base64.decode(part.filter { $0 != UInt8(ascii: " ") }) {
                        metadata.add(bytes, for: key)
                    }
                }
            } else {
                metadata.add(String(decoding: value, as: UTF8.self), for: key)
            }
        }
        return metadata
    }

    /// Appends metadata as header fields. Entries that may not be sent (reserved or malformed keys, values that are not
    /// printable ASCII) are left out: one bad entry must not cost the call.
    static func append(_ metadata: Metadata, to headers: inout HeaderBlock) {
        for entry in metadata {
            var key = entry.key
            guard isValidKey(key), !key.withUTF8({ isReserved($0) }) else { continue }
            switch entry.value {
            case .string(let value):
                guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 <= 0x7e }) else { continue }
                headers.append(key, value)
            case .binary(let bytes):
                headers.append(key, String(decoding: Base64.encode(bytes), as: UTF8.self))
            }
        }
    }

    static func isValidKey(_ key: String) -> Bool {
        !key.isEmpty
            && key.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"),
                    UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    private static func isReserved(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        if name.starts(with: "grpc-".utf8) { return true }
        return reserved.contains { name.elementsEqual($0.utf8) }
    }

    private static let reserved = ["content-type", "te", "user-agent", "content-length", "host", "connection"]
}
