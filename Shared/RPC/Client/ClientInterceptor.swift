/// A call a client is about to make, or has made.
public struct OutgoingCall: Sendable {
    /// The method.
    public let method: MethodDescriptor
    /// How it is made; an interceptor may change it before the call starts.
    public var options: CallOptions
    /// When it was asked for.
    public let started: ContinuousClock.Instant
    /// The span it is made in; nil: none.
    public let caller: TraceContext?
    /// What it sends as `traceparent` and `tracestate`: its caller's span, unless an interceptor gives it one of its
    /// own.
    public var trace: TraceContext?
}

/// Around every call of a client. Calls are prepared in the order of the client's list and reported in the reverse
/// order, so that the first interceptor sees what the caller sees.
public protocol ClientInterceptor: Sendable {
    /// Before the call starts: may add metadata, set a timeout, or throw to refuse the call.
    func prepare(_ call: inout OutgoingCall) async throws

    /// Once the call has ended, on the client's event loop: must not block. `outcome` nil is OK.
    func ended(_ call: OutgoingCall, outcome: RPCError?)
}

extension ClientInterceptor {
    public func prepare(_ call: inout OutgoingCall) async throws {}
    public func ended(_ call: OutgoingCall, outcome: RPCError?) {}
}

/// Sends a bearer token with every call; asked anew for each, so that tokens can rotate.
public struct BearerTokenInterceptor: ClientInterceptor {
    private let token: @Sendable () async throws -> String?

    /// `token` nil: the call goes without one.
    public init(_ token: @escaping @Sendable () async throws -> String?) { self.token = token }

    public func prepare(_ call: inout OutgoingCall) async throws {
        guard call.options.metadata[string: "authorization"] == nil, let token = try await token() else { return }
        call.options.metadata.add("Bearer \(token)", for: "authorization")
    }
}
