import HTTP2
import NIOCore

/// Turns the streams of a connection into calls.
final class ServerConnection: ConnectionDelegate {
    private let router: ServiceRouter
    private let handler: NextHandler
    /// `Limits.unaryTimeout` as the clock wants it.
    private let unaryTimeout: TimeAmount?
    /// Nil: calls have no traces.
    private let tracing: TraceSampling?

    init(router: ServiceRouter, handler: NextHandler, limits: Limits, tracing: TraceSampling?) {
        self.tracing = tracing
        self.router = router
        self.handler = handler
        unaryTimeout = limits.unaryTimeout.flatMap { TimeAmount($0) }
    }

    func connectionReady(_ connection: HTTP2Connection) {}

    func connection(
        _ connection: HTTP2Connection, opened stream: HTTP2Stream, headers: HeaderBlock, oversized: Bool
    ) {
        guard connection.mayStartHandler() else {
            // Never handled: the client may try again.
            return stream.reset(.refusedStream)
        }
        do {
            let request = try AcceptedRequest.check(
                headers, oversized: oversized, limit: connection.limits.headerListBytes, router: router)
            let call = ServerCall(
                request: request, headers: headers, connection: connection, stream: stream, handler: handler,
                unaryTimeout: unaryTimeout, tracing: tracing)
            stream.handle(by: call, until: call.deadline?.timer, on: connection)
        } catch {
            stream.respond(headers: Self.reply(to: error), endStream: true)
        }
    }

    func connectionDraining(_ connection: HTTP2Connection, reason: String) {}
    func connectionClosed(_ connection: HTTP2Connection) {}

    private static func reply(to refusal: AcceptedRequest.Refusal) -> HeaderBlock {
        switch refusal {
        case .plain(let status, let allow):
            return Headers.plain(status: status, allow: allow)
        case .status(let error):
            var headers = Headers.trailersOnly(error, [:])
            if error.code == .unimplemented { headers.append("grpc-accept-encoding", "identity,gzip") }
            return headers
        }
    }
}
