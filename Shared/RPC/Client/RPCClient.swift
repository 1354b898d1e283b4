/// Connections to one service.
public final class RPCClient: Sendable {
    /// Where a server listens.
    public struct Target: Sendable, Hashable {
        /// Host name or address.
        public let host: String
        /// TCP port.
        public let port: Int
        /// A target.
        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// A client of one or several addresses of the same service.
    public init(targets: [Target]) {}

    func start(_ method: MethodDescriptor, options: CallOptions, request: [UInt8]?) async throws -> ClientCall {
        ClientCall()
    }
}
