/// How many messages go each way in a call.
public enum CallKind: Sendable, Hashable {
    case unary, clientStreaming, serverStreaming, bidirectionalStreaming

    /// Whether the client may send any number of messages.
    public var clientStreams: Bool { self == .clientStreaming || self == .bidirectionalStreaming }
    /// Whether the server may send any number of messages.
    public var serverStreams: Bool { self == .serverStreaming || self == .bidirectionalStreaming }

    /// The name metrics use: `unary`, `client_stream`, `server_stream`, `bidi_stream`.
    public var metricName: String {
        switch self {
        case .unary: "unary"
        case .clientStreaming: "client_stream"
        case .serverStreaming: "server_stream"
        case .bidirectionalStreaming: "bidi_stream"
        }
    }
}

/// A method of a service.
public struct MethodDescriptor: Sendable, Hashable, CustomStringConvertible {
    /// Full name of the service, for example `cdt.registry.v1.RegistryService`.
    public let service: String
    /// Name of the method, for example `GetTeam`.
    public let method: String
    /// How many messages go each way.
    public let kind: CallKind
    /// What goes into `:path`: `/service/method`.
    public let path: String

    /// Describes a method.
    public init(service: String, method: String, kind: CallKind) {
        self.service = service
        self.method = method
        self.kind = kind
        path = "/\(service)/\(method)"
    }

    /// `service/method`.
    public var description: String { "\(service)/\(method)" }
}
