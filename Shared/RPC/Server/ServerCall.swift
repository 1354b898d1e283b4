import HTTP2

/// One call on the server's side.
final class ServerCall: Sendable {
    let peer: String = ""
    var requestHeaders: HeaderBlock { HeaderBlock() }
    var counters: CallCounters { CallCounters() }
    func setInitialMetadata(_ metadata: Metadata) {}
    func addTrailingMetadata(_ metadata: Metadata) {}
    func setCompression(_ enabled: Bool) {}
    func decodeSingleRequest<T>(_ decode: ([UInt8]) throws -> T) throws -> T { try decode([]) }
    func decoding<T>(_ bytes: [UInt8], by decode: ([UInt8]) throws -> T) throws -> T { try decode(bytes) }
    func stageSingleResponse(_ bytes: [UInt8]) throws {}
    func nextRequest() async throws -> [UInt8]? { nil }
    func write(_ bytes: [UInt8]) async throws {}
}
