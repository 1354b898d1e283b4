import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import ServiceKit

/// The callback port: HTTP/1.1, only the signed paths of the channels, bodies of at most 64 KiB. An event is verified,
/// written down and answered; Zalo waits two seconds for that.
final class CallbackServer: Sendable {
    struct Limits: Sendable {
        /// Connections at once; further ones are closed.
        var connections = 256
        /// A connection on which nothing is read for so long is closed.
        var idle: TimeAmount = .seconds(15)
        var body = 65_536
    }

    private let callbacks: Callbacks
    private let inbox: Inbox
    private let logger: Logger
    private let tls: NIOSSLContext?
    private let limits: Limits
    private let channel = NIOLockedValueBox<(any Channel)?>(nil)

    init(_ callbacks: Callbacks, inbox: Inbox, tls: NIOSSLContext?, logger: Logger, limits: Limits = Limits()) {
        (self.callbacks, self.inbox, self.tls, self.logger, self.limits) = (callbacks, inbox, tls, logger, limits)
    }

    /// Listens; returns the port.
    @discardableResult
    func start(_ endpoint: Endpoint) async throws -> Int {
        let open = NIOLockedValueBox(0)
        let (tls, limits) = (tls, limits)
        let bound = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 128)
            .childChannelInitializer { channel in
                let isFull = open.withLockedValue { open in
                    open += 1
                    return open > limits.connections
                }
                channel.closeFuture.whenComplete { _ in open.withLockedValue { $0 -= 1 } }
                if isFull { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.addHandler(IdleStateHandler(readTimeout: limits.idle))
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
                    try pipeline.addHandler(
                        CallbackHandler(maximumBody: limits.body) { [weak self] in
                            await self?.answer($0) ?? .serviceUnavailable
                        })
                }
            }
            .bind(host: endpoint.host, port: endpoint.port).get()
        channel.withLockedValue { $0 = bound }
        return bound.localAddress?.port ?? endpoint.port
    }

    func stop() async {
        let bound = channel.withLockedValue { channel in
            defer { channel = nil }
            return channel
        }
        try? await bound?.close()
    }

    /// What a call is answered with. Nothing of it is told in logs: it names people.
    func answer(_ request: CallbackRequest) async -> HTTPResponseStatus {
        switch callbacks.read(request) {
        case .unknown: return .notFound
        case .refused:
            logger.warning("a callback without a right signature was refused")
            return .forbidden
        case .malformed: return .badRequest
        case .accepted(let event):
            do {
                try await inbox.take(event)
                return .ok
            } catch {
                // The provider calls again.
                logger.error("a callback could not be written down", metadata: ["error": "\(error)"])
                return .serviceUnavailable
            }
        }
    }
}

/// One connection of the callback port.
private final class CallbackHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let maximumBody: Int
    private let answer: @Sendable (CallbackRequest) async -> HTTPResponseStatus
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLong = false

    init(maximumBody: Int, answer: @escaping @Sendable (CallbackRequest) async -> HTTPResponseStatus) {
        (self.maximumBody, self.answer) = (maximumBody, answer)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
            isTooLong = false
        case .body(let bytes):
            guard body.count + bytes.readableBytes <= maximumBody else {
                isTooLong = true
                return
            }
            body += bytes.readableBytesView
        case .end:
            guard let head else { return }
            self.head = nil
            if isTooLong { return write(.payloadTooLarge, closing: true, context) }
            guard head.method == .POST else { return write(.methodNotAllowed, closing: !head.isKeepAlive, context) }
            let headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
            let request = CallbackRequest(path: head.uri, headers: headers, body: body)
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            let loop = context.eventLoop
            let (answer, closing) = (answer, !head.isKeepAlive)
            Task {
                let status = await answer(request)
                loop.execute { bound.value.0.write(status, closing: closing, bound.value.1) }
            }
        }
    }

    private func write(_ status: HTTPResponseStatus, closing: Bool, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders([("content-length", "0"), ("cache-control", "no-store")])
        if status == .methodNotAllowed { headers.add(name: "allow", value: "POST") }
        if closing { headers.add(name: "connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if closing { channel.close(promise: nil) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
