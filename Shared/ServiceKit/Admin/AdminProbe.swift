import NIOCore
import NIOHTTP1
import NIOPosix

/// One question to an admin port.
enum AdminProbe {
    /// The status a GET is answered with. Throws when there is no answer within three seconds.
    static func status(of path: String, at endpoint: Endpoint) async throws -> Int {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: Int.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .connectTimeout(.seconds(3))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandler(Answer(answer))
                    }
                }
                .connect(host: endpoint.host, port: endpoint.port).get()
        } catch {
            answer.fail(error)
            throw error
        }
        let timeout = loop.scheduleTask(in: .seconds(3)) { answer.fail(ChannelError.connectTimeout(.seconds(3))) }
        answer.futureResult.whenComplete { _ in
            timeout.cancel()
            channel.close(promise: nil)
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: path,
            headers: ["host": endpoint.description, "connection": "close"])
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        return try await answer.futureResult.get()
    }

    private final class Answer: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart
        private let promise: EventLoopPromise<Int>

        init(_ promise: EventLoopPromise<Int>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if case .head(let head) = unwrapInboundIn(data) { promise.succeed(Int(head.status.code)) }
        }

        func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            promise.fail(error)
            context.close(promise: nil)
        }
    }
}
