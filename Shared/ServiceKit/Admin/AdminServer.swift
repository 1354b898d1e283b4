import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// The operator's port: `/livez`, `/readyz` and `/metrics` over plain HTTP/1.1, and nothing else.
///
/// It is meant for probes and scrapers inside a machine or cluster and shows no data. Everything is bounded: few
/// connections, small requests, short waits.
package final class AdminServer: Sendable {
    package struct Limits: Sendable {
        /// Connections at once; further ones are closed.
        package var connections = 64
        /// A connection on which nothing is read for so long is closed.
        package var idle: TimeAmount = .seconds(15)
        /// Bytes of a request's body; none of the pages takes any.
        package var body = 4096

        package init() {}
    }

    private let pages: AdminPages
    private let limits: Limits
    private let channel = NIOLockedValueBox<(any Channel)?>(nil)

    package init(readiness: Readiness, metrics: MetricsRegistry, limits: Limits = Limits()) {
        pages = AdminPages(readiness: readiness, metrics: metrics)
        self.limits = limits
    }

    /// Listens; returns the port.
    @discardableResult
    package func start(_ endpoint: Endpoint) async throws -> Int {
        let open = NIOLockedValueBox(0)
        let (pages, limits) = (pages, limits)
        let bound = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 64)
            .childChannelInitializer { channel in
                let isFull = open.withLockedValue { open in
                    open += 1
                    return open > limits.connections
                }
                channel.closeFuture.whenComplete { _ in open.withLockedValue { $0 -= 1 } }
                if isFull { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(readTimeout: limits.idle))
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
                    try pipeline.addHandler(AdminHandler(pages: pages, maximumBody: limits.body))
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

/// What the pages say.
struct AdminPages: Sendable {
    let readiness: Readiness
    let metrics: MetricsRegistry

    struct Answer: Sendable, Hashable {
        var status: HTTPResponseStatus
        var type = "text/plain; charset=utf-8"
        var body: String
    }

    func answer(_ method: HTTPMethod, _ uri: String) -> Answer {
        let path = uri.prefix { $0 != "?" }
        guard ["/livez", "/readyz", "/metrics"].contains(path) else {
            return Answer(status: .notFound, body: "not found; there are /livez, /readyz and /metrics\n")
        }
        guard method == .GET || method == .HEAD else {
            return Answer(status: .methodNotAllowed, body: "only GET and HEAD\n")
        }
        switch path {
        case "/livez": return Answer(status: .ok, body: "alive\n")
        case "/readyz":
            let problems = readiness.problems
            return problems.isEmpty
                ? Answer(status: .ok, body: "ready\n")
                : Answer(
                    status: .serviceUnavailable, body: "not ready\n" + problems.map { "- \($0)\n" }.joined())
        default:
            return Answer(
                status: .ok, type: "text/plain; version=0.0.4; charset=utf-8", body: metrics.exposition())
        }
    }
}

/// One connection of the admin port.
private final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let pages: AdminPages
    private let maximumBody: Int
    private var head: HTTPRequestHead?
    private var bodyBytes = 0

    init(pages: AdminPages, maximumBody: Int) {
        self.pages = pages
        self.maximumBody = maximumBody
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            bodyBytes = 0
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            if bodyBytes > maximumBody { context.close(promise: nil) }
        case .end:
            guard let head else { return }
            self.head = nil
            let pages = pages
            // Rendering a thousand lines takes milliseconds, which calls on this loop must not wait for.
            let answer = NIOThreadPool.singleton.runIfActive(eventLoop: context.eventLoop) {
                pages.answer(head.method, head.uri)
            }
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            answer.whenComplete { result in
                let (handler, context) = bound.value
                switch result {
                case .success(let answer): handler.write(answer, to: head, context)
                case .failure: context.close(promise: nil)
                }
            }
        }
    }

    private func write(_ answer: AdminPages.Answer, to request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let body = ByteBuffer(string: answer.body)
        var headers = HTTPHeaders([
            ("content-type", answer.type), ("content-length", String(body.readableBytes)),
            ("cache-control", "no-store"),
        ])
        if answer.status == .methodNotAllowed { headers.add(name: "allow", value: "GET, HEAD") }
        if !request.isKeepAlive { headers.add(name: "connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers))),
            promise: nil)
        if request.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let channel = context.channel
        let isKeepAlive = request.isKeepAlive
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if !isKeepAlive { channel.close(promise: nil) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
