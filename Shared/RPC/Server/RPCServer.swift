import HTTP2
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A gRPC server: HTTP/2 with prior knowledge, or TLS with ALPN `h2`.
public final class RPCServer: Sendable {
    /// How a server is set up.
    public struct Configuration: Sendable {
        /// Address to listen on.
        public var host: String
        /// TCP port; 0: any free one.
        public var port: Int
        /// TLS; nil: plaintext.
        public var tls: TLS?
        /// Every bound of the wire.
        public var limits: Limits
        /// Whether calls continue their callers' traces, or begin one (W3C Trace Context, `traceparent` and
        /// `tracestate`), so that outgoing calls, log lines and written events carry it on.
        public var isTracing: Bool
        /// Which of the traces that begin here are marked as recorded; only where `isTracing`.
        public var sampling: TraceSampling
        /// Event loops; nil: one per core, shared by the process.
        public var eventLoops: (any EventLoopGroup)?
        /// Told of stretches of work on the event loops: what handlers that run one after the other may share.
        package var turns: (any LoopTurns)?

        /// Describes a server.
        public init(
            host: String = "127.0.0.1", port: Int = 0, tls: TLS? = nil, limits: Limits = Limits(),
            isTracing: Bool = false, sampling: TraceSampling = .never, eventLoops: (any EventLoopGroup)? = nil
        ) {
            self.host = host
            self.port = port
            self.tls = tls
            self.limits = limits
            self.isTracing = isTracing
            self.sampling = sampling
            self.eventLoops = eventLoops
        }
    }

    /// The methods served.
    public var methods: [MethodDescriptor] { router.methods }

    private let configuration: Configuration
    private let router: ServiceRouter
    private let handler: NextHandler
    private let listener: Listener
    private let tls: NIOLockedValueBox<TLSContexts?>

    /// A server of services. The first interceptor is the outermost.
    public init(
        configuration: Configuration, services: [any RegistrableService], interceptors: [any ServerInterceptor] = []
    ) {
        self.configuration = configuration
        tls = NIOLockedValueBox(nil)
        var router = ServiceRouter()
        for service in services { service.register(in: &router) }
        self.router = router
        // Composed once: a call walks closures that exist already.
        handler = NextHandler(interceptors)
        listener = Listener(
            group: configuration.eventLoops ?? MultiThreadedEventLoopGroup.singleton, limits: configuration.limits,
            turns: configuration.turns)
    }

    /// Starts listening; returns the port.
    @discardableResult
    public func start() async throws -> Int {
        let (router, handler) = (router, handler)
        let tracing = configuration.isTracing ? configuration.sampling : nil
        let contexts = try configuration.tls?.serverContexts()
        tls.withLockedValue { $0 = contexts }
        return try await listener.bind(
            host: configuration.host, port: configuration.port, tls: contexts
        ) { connection in
            connection.delegate = ServerConnection(
                router: router, handler: handler, limits: connection.limits, tracing: tracing)
        }
    }

    /// Reads the certificate, its key and the trusted authorities anew, for connections to come. Throws when they
    /// cannot be used; then the ones before go on. Does nothing on a server without TLS, or before `start`.
    public func reloadCertificates() throws { try tls.withLockedValue { $0 }?.reload() }

    /// Connections open now.
    public var connectionCount: Int { listener.connectionCount }

    /// Stops accepting, lets running calls finish, and cuts off what still runs after `grace`.
    public func shutdown(grace: Duration = .seconds(20)) async {
        await listener.drain(grace: TimeAmount(grace) ?? .hours(24))
    }
}
