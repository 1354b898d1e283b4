/// What generated clients call, one per kind of method.
extension RPCClient {
    /// Makes a unary call.
    public func unary<Request: Sendable, Response: Sendable>(
        _ method: MethodDescriptor, _ request: Request, options: CallOptions,
        encode: @Sendable (Request) throws -> [UInt8],
        decode: @Sendable ([UInt8]) throws -> Response
    ) async throws -> Response {
        let call = try await start(method, options: options, request: encode(request))
        return try await call.decoding(call.singleResponse(), by: decode)
    }

    /// Starts a server-streaming call.
    public func serverStreaming<Request: Sendable, Response: Sendable>(
        _ method: MethodDescriptor, _ request: Request, options: CallOptions,
        encode: @Sendable (Request) throws -> [UInt8],
        decode: @escaping @Sendable ([UInt8]) throws -> Response
    ) async throws -> ServerStreamingCall<Response> {
        let call = try await start(method, options: options, request: encode(request))
        return ServerStreamingCall(responses: ResponseStream(holder: CallHolder(call), decode: decode))
    }

    /// Starts a client-streaming call.
    public func clientStreaming<Request: Sendable, Response: Sendable>(
        _ method: MethodDescriptor, options: CallOptions,
        encode: @escaping @Sendable (Request) throws -> [UInt8],
        decode: @escaping @Sendable ([UInt8]) throws -> Response
    ) async throws -> ClientStreamingCall<Request, Response> {
        let call = try await start(method, options: options, request: nil)
        return ClientStreamingCall(requests: RequestWriter(holder: CallHolder(call), encode: encode), decode: decode)
    }

    /// Starts a bidirectional-streaming call.
    public func bidirectionalStreaming<Request: Sendable, Response: Sendable>(
        _ method: MethodDescriptor, options: CallOptions,
        encode: @escaping @Sendable (Request) throws -> [UInt8],
        decode: @escaping @Sendable ([UInt8]) throws -> Response
    ) async throws -> BidirectionalCall<Request, Response> {
        let holder = CallHolder(try await start(method, options: options, request: nil))
        return BidirectionalCall(
            requests: RequestWriter(holder: holder, encode: encode),
            responses: ResponseStream(holder: holder, decode: decode))
    }
}
