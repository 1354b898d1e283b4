/// One call on the client's side.
final class ClientCall: Sendable {
    func send(_ bytes: [UInt8]) async throws {}
    func finishSending() {}
    func nextResponse() async throws -> [UInt8]? { nil }
    func singleResponse() async throws -> [UInt8] { [] }
    func decoding<T>(_ bytes: [UInt8], by decode: ([UInt8]) throws -> T) throws -> T { try decode(bytes) }
    func initialMetadata() async throws -> Metadata { [:] }
    var trailingMetadata: Metadata { [:] }
    func cancel() {}
}
