import HTTP2
import NIOCore
import NIOPosix
import NIOSSL

/// Calls one service at one or several addresses: round-robin over those that answer, reconnecting with backoff,
/// retrying what failed UNAVAILABLE.
///
/// Unchecked Sendable: the constants are immutable; `subchannels`, `waiting`, `turn` and `throttle` are confined to
/// `loop`.
public final class RPCClient: @unchecked Sendable {
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

        /// Reads `host:port` or `[v6 address]:port`; nil when it is neither.
        public init?(_ text: String) {
            guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
                (1...65535).contains(port)
            else { return nil }
            var host = String(text[..<colon])
            if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
            guard !host.isEmpty else { return nil }
            self.init(host: host, port: port)
        }
    }

    /// How a client behaves.
    public struct Options: Sendable {
        /// TLS; nil: plaintext.
        public var tls: TLS?
        /// Deadline of calls that name none and whose reply is one message: a feed that is followed has no end; nil:
        /// none.
        public var defaultTimeout: Duration?
        /// Metadata sent with every call, for example `authorization`.
        public var metadata: Metadata
        /// Around every call; the first is the outermost.
        public var interceptors: [any ClientInterceptor]
        /// When failed attempts are made again.
        public var retryPolicy: RetryPolicy
        /// Waits between attempts to connect.
        public var connectBackoff: Backoff
        /// The service whose health decides which addresses get calls, by its full name; empty: the server's as a
        /// whole. nil: health is not asked for. Servers without `grpc.health.v1.Health` count as healthy (gRFC A17).
        public var healthService: String?
        /// Bounds of the wire; `limits.keepalive` is how long a silent connection may stay unasked.
        public var limits: Limits

        /// Describes a client.
        public init(
            tls: TLS? = nil, defaultTimeout: Duration? = nil, metadata: Metadata = [:],
            interceptors: [any ClientInterceptor] = [], retryPolicy: RetryPolicy = RetryPolicy(),
            connectBackoff: Backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(20)),
            healthService: String? = nil, limits: Limits = Limits()
        ) {
            self.tls = tls
            self.defaultTimeout = defaultTimeout
            self.metadata = metadata
            self.interceptors = interceptors
            self.retryPolicy = retryPolicy
            self.connectBackoff = connectBackoff
            self.healthService = healthService
            self.limits = limits
        }
    }

    let limits: Limits
    let scheme: String
    let authority: String
    let metadata: Metadata
    var interceptors: [any ClientInterceptor] { options.interceptors }
    private let options: Options
    private let tls: TLSContexts?
    private let loop: any EventLoop

    private var subchannels: [Subchannel] = []
    private var waiting: [Int: (waitForReady: Bool, body: (Result<HTTP2Connection, RPCError>) -> Void)] = [:]
    private var nextWaiting = 0
    private var turn = 0
    private var isClosed = false
    var throttle = RetryThrottle()

    /// A client of a service at these addresses. Nothing is connected before the first call.
    /// Throws when the TLS files cannot be read.
    public init(targets: [Target], options: Options = Options()) throws {
        precondition(!targets.isEmpty, "a client needs an address")
        self.options = options
        limits = options.limits
        metadata = options.metadata
        scheme = options.tls == nil ? "http" : "https"
        authority = options.tls?.serverName ?? "\(targets[0].host):\(targets[0].port)"
        loop = MultiThreadedEventLoopGroup.singleton.next()
        let executor = LoopExecutor(loop: loop)
        let contexts = try options.tls?.clientContexts()
        tls = contexts
        subchannels = targets.map { target in
            Subchannel(
                target: target, client: self, loop: loop, executor: executor,
                tls: contexts.map { ($0, options.tls?.serverName ?? target.host) }, backoff: options.connectBackoff)
        }
    }

    /// Reads the TLS files anew, for connections to come. Throws when they cannot be used; then the ones before go on.
    public func reloadCertificates() throws { try tls?.reload() }

    deinit {
        // Nobody holds a call of ours any more: whatever is open is idle.
        let (loop, subchannels) = (loop, subchannels)
        loop.execute { for subchannel in subchannels { _ = subchannel.shutdown(grace: .zero) } }
    }

    /// A client of a plaintext service at one address.
    public convenience init(host: String, port: Int) throws {
        try self.init(targets: [Target(host: host, port: port)])
    }

    /// Starts a call. `request`: the whole request, or nil for a stream of them.
    func start(_ method: MethodDescriptor, options: CallOptions, request: [UInt8]?) async throws -> ClientCall {
        let caller = TraceContext.current
        var outgoing = OutgoingCall(method: method, options: options, started: .now, caller: caller, trace: caller)
        for interceptor in self.options.interceptors { try await interceptor.prepare(&outgoing) }
        let call = ClientCall(
            client: self, loop: loop, outgoing: outgoing, deadline: deadline(method, outgoing.options),
            retryPolicy: self.options.retryPolicy, request: request)
        call.begin()
        return call
    }

    /// The earliest of the call's timeout and the deadline of the call being handled.
    private func deadline(_ method: MethodDescriptor, _ options: CallOptions) -> Deadline? {
        let usual = method.kind.serverStreams ? nil : self.options.defaultTimeout
        let own = (options.timeout ?? usual).map { Deadline.after($0) }
        guard let inherited = Deadline.current else { return own }
        guard let own else { return inherited }
        return min(own, inherited)
    }

    /// Lets calls under way finish for up to `grace`, then closes every connection. Calls made later fail.
    public func close(grace: Duration = .seconds(5)) async {
        let amount = TimeAmount(grace) ?? .hours(24)
        try? await loop.flatSubmit {
            self.isClosed = true
            let waiting = self.waiting.values
            self.waiting = [:]
            for waiter in waiting { waiter.body(.failure(Self.closed)) }
            return EventLoopFuture.andAllComplete(self.subchannels.map { $0.shutdown(grace: amount) }, on: self.loop)
        }.get()
    }

    private static let closed = RPCError(code: .unavailable, message: "The client is closed.")

    // MARK: Connections, on the loop

    /// Calls back with a connection: at once when one is ready, else when one is, or fails.
    func withConnection(waitForReady: Bool, _ body: @escaping (Result<HTTP2Connection, RPCError>) -> Void) {
        if isClosed { return body(.failure(Self.closed)) }
        if let connection = pick() { return body(.success(connection)) }
        if !waitForReady, let error = commonFailure() { return body(.failure(error)) }
        waiting[nextWaiting] = (waitForReady, body)
        nextWaiting += 1
    }

    /// The next connection that is ready. Every address that has none is tried again, so that a server that comes back
    /// gets its share.
    private func pick() -> HTTP2Connection? {
        var picked: HTTP2Connection?
        let start = turn
        for offset in 0..<subchannels.count {
            let index = (start + offset) % subchannels.count
            let subchannel = subchannels[index]
            if let connection = subchannel.pickable {
                guard picked == nil else { continue }
                turn = index + 1
                picked = connection
            } else {
                subchannel.connectIfNeeded()
            }
        }
        return picked
    }

    /// The last error when every address has failed.
    private func commonFailure() -> RPCError? {
        var last: RPCError?
        for subchannel in subchannels {
            guard let failure = subchannel.failure else { return nil }
            last = failure
        }
        return last
    }

    /// How the health of a server is asked for; nil: it is not.
    func healthRequest() -> (service: String, headers: HeaderBlock, backoff: Backoff)? {
        guard let service = options.healthService else { return nil }
        var headers = HeaderBlock()
        headers.append(":method", "POST")
        headers.append(":scheme", scheme)
        headers.append(":path", HealthWatch.path)
        headers.append(":authority", authority)
        headers.append("te", "trailers")
        headers.append("content-type", "application/grpc")
        headers.append("user-agent", "cdt-swift/1")
        MetadataCoding.append(metadata, to: &headers)
        return (service, headers, options.connectBackoff)
    }

    func subchannelReady() {
        let ready = waiting.sorted { $0.key < $1.key }
        waiting = [:]
        for (_, waiter) in ready { withConnection(waitForReady: waiter.waitForReady, waiter.body) }
    }

    func subchannelFailed(_ error: RPCError) {
        guard let common = commonFailure() else { return }
        let failing = waiting.filter { !$0.value.waitForReady }.sorted { $0.key < $1.key }
        for (key, waiter) in failing {
            waiting[key] = nil
            waiter.body(.failure(common))
        }
    }

    func subchannelMayRetry(_ subchannel: Subchannel) {
        // Only where somebody waits: an idle client makes no connections.
        if !waiting.isEmpty { subchannel.connectIfNeeded() }
    }

    func subchannelLeft(_ subchannel: Subchannel) { if !waiting.isEmpty { subchannel.connectIfNeeded() } }
}
