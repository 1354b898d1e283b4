import HTTP2
import NIOCore
import NIOPosix
import NIOSSL

/// The connection to one address: made when needed, made again after it was lost, with backoff.
///
/// Unchecked Sendable: `target` and the other constants are immutable; all else is confined to the client's event loop.
final class Subchannel: ConnectionDelegate, @unchecked Sendable {
    let target: RPCClient.Target
    private(set) var connectivity: Connectivity
    private(set) var connection: HTTP2Connection?
    private weak var client: RPCClient?
    private let limits: Limits
    private let loop: any EventLoop
    private let executor: LoopExecutor
    private let tls: (contexts: TLSContexts, name: String)?
    /// What the server says of its health, where the client asks (gRFC A17); nil: it has not answered yet.
    private var isServing: Bool?
    private var watch: HealthWatch?
    /// All connections not closed yet, those that are leaving included.
    private var open: [ObjectIdentifier: HTTP2Connection] = [:]
    private var whenAllClosed: [EventLoopPromise<Void>] = []

    init(
        target: RPCClient.Target, client: RPCClient, loop: any EventLoop, executor: LoopExecutor,
        tls: (contexts: TLSContexts, name: String)?, backoff: Backoff
    ) {
        self.target = target
        self.client = client
        limits = client.limits
        self.loop = loop
        self.executor = executor
        self.tls = tls
        connectivity = Connectivity(backoff: backoff)
    }

    /// Connects if nobody is at it.
    func connectIfNeeded() {
        guard connectivity.wanted(now: .now()) else { return }
        let (limits, loop, executor, target, tls) = (limits, loop, executor, target, tls)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.seconds(10))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(
                .writeBufferWaterMark,
                value: .init(low: limits.outboundConnectionBytes / 4, high: limits.outboundConnectionBytes)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = try HTTP2Connection(
                        role: .client, eventLoop: loop, executor: executor,
                        peer: "\(target.host):\(target.port)", limits: limits)
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            Self.tlsHandler(context: tls.contexts.current, name: tls.name))
                    }
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
        let connecting = bootstrap.connect(host: target.host, port: target.port)
        connecting.whenComplete { result in
            switch result {
            case .success(let channel): self.connected(channel)
            case .failure(let error): self.connectFailed("\(error)")
            }
        }
    }

    private static func tlsHandler(context: NIOSSLContext, name: String) throws -> NIOSSLClientHandler {
        // Server Name Indication takes names only (RFC 6066, section 3).
        let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name)
    }

    private func connected(_ channel: any Channel) {
        guard let connection = try? channel.pipeline.syncOperations.handler(type: HTTP2Connection.self) else {
            return connectFailed("the connection was closed at once")
        }
        guard connectivity.state == .connecting else { return connection.close() }
        open[ObjectIdentifier(connection)] = connection
        connection.delegate = self
        self.connection = connection
        // The server's SETTINGS may have come already.
        if connection.isReady { connectionReady(connection) }
    }

    private func connectFailed(_ reason: String) {
        connection = nil
        let error = RPCError(
            code: .unavailable, message: "Cannot connect to \(target.host):\(target.port): \(reason).")
        let retryAt = connectivity.failed(error, now: .now())
        client?.subchannelFailed(error)
        if retryAt < .distantFuture {
            loop.scheduleTask(deadline: retryAt) { self.client?.subchannelMayRetry(self) }
        }
    }

    // MARK: Health

    /// The connection on which calls may be made; nil: there is none, or the server does not serve.
    var pickable: HTTP2Connection? { connectivity.state == .ready && isServing == true ? connection : nil }

    /// Why no call can be made here now; nil: that is not known yet.
    var failure: RPCError? {
        switch connectivity.state {
        case .failed: connectivity.lastError
        case .ready where isServing == false:
            RPCError(code: .unavailable, message: "The server at \(target.host):\(target.port) says it does not serve.")
        default: nil
        }
    }

    private func watchHealth(on connection: HTTP2Connection) {
        guard let client, let request = client.healthRequest() else {
            isServing = true
            return
        }
        let watch = HealthWatch(
            service: request.service, connection: connection, headers: request.headers, backoff: request.backoff
        ) { [weak self] serving in self?.healthChanged(serving) }
        self.watch = watch
        watch.start()
    }

    private func healthChanged(_ serving: Bool) {
        guard isServing != serving else { return }
        isServing = serving
        if serving { client?.subchannelReady() } else if let failure { client?.subchannelFailed(failure) }
    }

    private func forgetHealth() {
        watch?.stop()
        watch = nil
        isServing = nil
    }

    // MARK: ConnectionDelegate

    func connectionReady(_ connection: HTTP2Connection) {
        guard connection === self.connection else { return }
        connectivity.ready()
        watchHealth(on: connection)
        if isServing == true { client?.subchannelReady() }
    }

    func connection(
        _ connection: HTTP2Connection, opened stream: HTTP2Stream, headers: HeaderBlock, oversized: Bool
    ) {}

    func connectionDraining(_ connection: HTTP2Connection, reason: String) {
        guard connection === self.connection else { return }
        // Calls under way finish there; new ones get a new connection.
        self.connection = nil
        forgetHealth()
        connectivity.left()
        client?.subchannelLeft(self)
    }

    func connectionClosed(_ connection: HTTP2Connection) {
        open[ObjectIdentifier(connection)] = nil
        if open.isEmpty {
            for promise in whenAllClosed { promise.succeed() }
            whenAllClosed = []
        }
        guard connection === self.connection else { return }
        self.connection = nil
        forgetHealth()
        if connectivity.state == .connecting {
            connectFailed("the server closed the connection before saying HTTP/2")
        } else {
            connectivity.left()
            client?.subchannelLeft(self)
        }
    }

    /// Lets calls finish, then closes.
    func shutdown(grace: TimeAmount) -> EventLoopFuture<Void> {
        connectivity.shutdown()
        connection = nil
        forgetHealth()
        guard !open.isEmpty else { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        whenAllClosed.append(promise)
        for connection in open.values {
            if connection.session.streams.isEmpty {
                connection.close()
            } else {
                connection.beginDrain(reason: "", grace: grace)
            }
        }
        return promise.futureResult
    }
}
