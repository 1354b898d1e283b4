/// The outcome of a call that did not succeed: what handlers throw and clients catch.
///
/// `message` and `details` are sent to the peer, so they must hold nothing that the peer may not know.
public struct RPCError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The status code; never `.ok`.
    public var code: StatusCode
    /// A sentence for developers, in English.
    public var message: String
    /// Trailing metadata sent or received with the status.
    public var metadata: Metadata
    /// `grpc-status-details-bin`: a serialized `google.rpc.Status`, kept as bytes at this level.
    public var details: [UInt8]?

    /// Creates an error.
    public init(code: StatusCode, message: String, metadata: Metadata = [:], details: [UInt8]? = nil) {
        self.code = code
        self.message = message
        self.metadata = metadata
        self.details = details
    }

    /// For example `NOT_FOUND: no team "teams/1"`.
    public var description: String { "\(code): \(message)" }
}
