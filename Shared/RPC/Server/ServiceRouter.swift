import HTTP2

/// A service that knows how to register its methods; generated service protocols refine it.
public protocol RegistrableService: Sendable {
    /// Adds every method to the router.
    func register(in router: inout ServiceRouter)
}

/// Maps `:path` to handlers.
///
/// Generated code registers closures over concrete message types, so that decoding and encoding are specialised there.
public struct ServiceRouter: Sendable {
    /// Runs a handler. Does not hop: it is where the handler is to be.
    @usableFromInline
    typealias Run = nonisolated(nonsending) @Sendable (ServerCall, ServerContext) async throws -> Void

    /// A class, so that a call keeps one reference instead of copying strings.
    @usableFromInline
    package final class Route: Sendable {
        package let method: MethodDescriptor
        /// Position among all routes: metrics keep their counters in arrays by it.
        package let index: Int
        /// Bytes of the path.
        let path: [UInt8]
        @usableFromInline let run: Run

        init(method: MethodDescriptor, index: Int, run: @escaping Run) {
            self.method = method
            self.index = index
            path = Array(method.path.utf8)
            self.run = run
        }
    }

    package private(set) var routes: [Route] = []
    private var table = RouteTable([])

    /// An empty router.
    public init() {}

    /// Registered methods, in order of registration.
    public var methods: [MethodDescriptor] { routes.map(\.method) }

    /// Registers a unary method.
    ///
    /// Inlinable, so that what runs for each call is compiled for its message types: handled through descriptions of
    /// them, messages cost memory and copies at every step.
    @inlinable
    public mutating func unary<Request, Response>(
        _ method: MethodDescriptor,
        decode: @escaping @Sendable ([UInt8]) throws -> Request,
        encode: @escaping @Sendable (Response) throws -> [UInt8],
        handler: @escaping @Sendable (Request, ServerContext) async throws -> Response
    ) {
        add(method) { call, context in
            let request = try call.decodeSingleRequest(decode)
            let response = try await handler(request, context)
            try call.stageSingleResponse(encode(response))
        }
    }

    /// Registers a server-streaming method.
    public mutating func serverStreaming<Request, Response>(
        _ method: MethodDescriptor,
        decode: @escaping @Sendable ([UInt8]) throws -> Request,
        encode: @escaping @Sendable (Response) throws -> [UInt8],
        handler: @escaping @Sendable (Request, ResponseWriter<Response>, ServerContext) async throws -> Void
    ) {
        add(method) { call, context in
            let request = try call.decodeSingleRequest(decode)
            try await handler(request, ResponseWriter(call: call, encode: encode), context)
        }
    }

    /// Registers a client-streaming method.
    public mutating func clientStreaming<Request, Response>(
        _ method: MethodDescriptor,
        decode: @escaping @Sendable ([UInt8]) throws -> Request,
        encode: @escaping @Sendable (Response) throws -> [UInt8],
        handler: @escaping @Sendable (RequestStream<Request>, ServerContext) async throws -> Response
    ) {
        add(method) { call, context in
            let response = try await handler(RequestStream(call: call, decode: decode), context)
            try call.stageSingleResponse(encode(response))
        }
    }

    /// Registers a bidirectional-streaming method.
    public mutating func bidirectionalStreaming<Request, Response>(
        _ method: MethodDescriptor,
        decode: @escaping @Sendable ([UInt8]) throws -> Request,
        encode: @escaping @Sendable (Response) throws -> [UInt8],
        handler:
            @escaping @Sendable (RequestStream<Request>, ResponseWriter<Response>, ServerContext) async throws -> Void
    ) {
        add(method) { call, context in
            try await handler(
                RequestStream(call: call, decode: decode), ResponseWriter(call: call, encode: encode), context)
        }
    }

    @usableFromInline
    mutating func add(_ method: MethodDescriptor, run: @escaping Run) {
        let route = Route(method: method, index: routes.count, run: run)
        precondition(
            route.path.withUnsafeBufferPointer({ self.route(path: $0) }) == nil, "\(method.path) is registered twice")
        routes.append(route)
        table = RouteTable(routes)
    }

    /// The route of a path: exact and case-sensitive (rule 22 of the wire list).
    package func route(path: UnsafeBufferPointer<UInt8>) -> Route? { table.route(path: path) }
}
