import Logging
import NIOHTTP1
import NIOSSL
import ServiceKit

/// The callback port: HTTP/1.1, only the signed paths of the channels, bodies of at most 64 KiB. An event is verified,
/// written down and answered; Zalo waits two seconds for that.
final class CallbackServer: Sendable {
    private let server: HTTPServer

    init(_ callbacks: Callbacks, inbox: Inbox, tls: NIOSSLContext?, logger: Logger) {
        server = HTTPServer(limits: HTTPServer.Limits(connections: 256, body: 65_536), tls: tls) { request in
            guard request.method == .POST else { return HTTPServer.Response(.methodNotAllowed, allow: "POST") }
            return HTTPServer.Response(await Self.answer(request, callbacks, inbox, logger))
        }
    }

    /// Listens; returns the port.
    @discardableResult
    func start(_ endpoint: Endpoint) async throws -> Int { try await server.start(endpoint) }

    func stop() async { await server.stop() }

    /// What a call is answered with. Nothing of it is told in logs: it names people.
    private static func answer(
        _ request: HTTPServer.Request, _ callbacks: Callbacks, _ inbox: Inbox, _ logger: Logger
    ) async -> HTTPResponseStatus {
        let headers = Dictionary(request.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
        switch callbacks.read(CallbackRequest(path: request.uri, headers: headers, body: request.body)) {
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
