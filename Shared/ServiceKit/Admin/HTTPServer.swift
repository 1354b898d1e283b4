import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// HTTP/1.1 for those who speak no gRPC: probes, scrapers, providers that call back.
///
/// Everything is bounded: few connections, small requests, short waits.
package final class HTTPServer: Sendable {
    package struct Limits: Sendable {
        /// Connections at once; further ones are closed.
        package var connections: Int
        /// Bytes of a request's body; more are refused with 413.
        package var body: Int
        /// A connection on which nothing is read for so long is closed.
        package var idle: TimeAmount

        package init(connections: Int, body: Int, idle: TimeAmount = .seconds(15)) {
            (self.connections, self.body, self.idle) = (connections, body, idle)
        }
    }

    package struct Request: Sendable {
        package var method: HTTPMethod
        /// Path and query as they came.
        package var uri: String
        package var headers: HTTPHeaders
        package var body: [UInt8]
    }

    package struct Response: Sendable, Hashable {
        package var status: HTTPResponseStatus
        package var type: String
        package var body: String
        /// The methods of a 405.
        package var allow: String?

        package init(
            _ status: HTTPResponseStatus, type: String = "text/plain; charset=utf-8", body: String = "",
            allow: String? = nil
        ) {
            (self.status, self.type, self.body, self.allow) = (status, type, body, allow)
        }
    }

    package typealias Answer = @Sendable (Request) async -> Response

    private let limits: Limits
    private let tls: NIOSSLContext?
    private let answer: Answer
    private let channel = NIOLockedValueBox<(any Channel)?>(nil)

    package init(limits: Limits, tls: NIOSSLContext? = nil, answer: @escaping Answer) {
        (self.limits, self.tls, self.answer) = (limits, tls, answer)
    }

    /// Listens; returns the port.
    @discardableResult
    package func start(_ endpoint: Endpoint) async throws -> Int {
        let open = NIOLockedValueBox(0)
        let (tls, limits, answer) = (tls, limits, answer)
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
                    try pipeline.addHandler(HTTPHandler(maximumBody: limits.body, answer: answer))
                }
            }
            .bind(host: endpoint.host, port: endpoint.port).get()
        channel.withLockedValue { $0 = bound }
        return bound.localAddress?.port ?? endpoint.port
    }

    package func stop() async {
        let bound = channel.withLockedValue { channel in
            defer { channel = nil }
            return channel
        }
        try? await bound?.close()
    }
}

/// One connection.
private final class HTTPHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// So many times the longest body are read to tell a client that its body is too long; who sends more is cut off.
    private static let patience = 16

    private let maximumBody: Int
    private let answer: HTTPServer.Answer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var bodyBytes = 0

    init(maximumBody: Int, answer: @escaping HTTPServer.Answer) {
        (self.maximumBody, self.answer) = (maximumBody, answer)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            (self.head, body, bodyBytes) = (head, [], 0)
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            if bodyBytes <= maximumBody {
                body += bytes.readableBytesView
            } else if bodyBytes > maximumBody * Self.patience {
                context.close(promise: nil)
            }
        case .end:
            guard let head = head.take() else { return }
            guard bodyBytes <= maximumBody else {
                return write(HTTPServer.Response(.payloadTooLarge), to: head, closing: true, context)
            }
            let request = HTTPServer.Request(method: head.method, uri: head.uri, headers: head.headers, body: body)
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            let (loop, answer) = (context.eventLoop, answer)
            Task {
                let response = await answer(request)
                loop.execute {
                    let (handler, context) = bound.value
                    handler.write(response, to: head, closing: !head.isKeepAlive, context)
                }
            }
        }
    }

    private func write(
        _ response: HTTPServer.Response, to request: HTTPRequestHead, closing: Bool, _ context: ChannelHandlerContext
    ) {
        let body = ByteBuffer(string: response.body)
        var headers = HTTPHeaders([
            ("content-length", String(body.readableBytes)), ("cache-control", "no-store"),
        ])
        if body.readableBytes > 0 { headers.add(name: "content-type", value: response.type) }
        if let allow = response.allow { headers.add(name: "allow", value: allow) }
        if closing { headers.add(name: "connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: response.status, headers: headers))),
            promise: nil)
        if request.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
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
