import NIOCore
import NIOPosix

/// Sends bytes to a port and gives back everything that comes until the other side closes.
enum HTTPProbe {
    static func exchange(_ request: String, port: Int) async throws -> String {
        let received = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: String.self)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(received))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        // The server may have closed already, which the answer then shows.
        try? await channel.writeAndFlush(ByteBuffer(string: request))
        return try await received.futureResult.get()
    }

    static func get(_ path: String, port: Int, method: String = "GET") async throws -> (status: Int, body: String) {
        let text = try await exchange(
            "\(method) \(path) HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", port: port)
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let status = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return (status, parts.count == 2 ? String(parts[1]) : "")
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let promise: EventLoopPromise<String>
        private var text = ""

        init(_ promise: EventLoopPromise<String>) { self.promise = promise }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { text += String(buffer: unwrapInboundIn(data)) }
        func channelInactive(context: ChannelHandlerContext) { promise.succeed(text) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
