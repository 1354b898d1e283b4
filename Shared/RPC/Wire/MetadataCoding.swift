import HTTP2

/// Between header fields and `Metadata`.
enum MetadataCoding {
    static func decode(_ headers: HeaderBlock) -> Metadata { [:] }
}
