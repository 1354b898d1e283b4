import NIOHTTP1
import NIOPosix

/// The operator's port: `/livez`, `/readyz` and `/metrics` over plain HTTP/1.1, and nothing else.
///
/// It is meant for probes and scrapers inside a machine or cluster and shows no data.
package final class AdminServer: Sendable {
    /// None of the pages takes a body.
    package static let limits = HTTPServer.Limits(connections: 64, body: 4096)

    private let server: HTTPServer

    package init(readiness: Readiness, metrics: MetricsRegistry, limits: HTTPServer.Limits = AdminServer.limits) {
        let pages = AdminPages(readiness: readiness, metrics: metrics)
        server = HTTPServer(limits: limits) { request in
            // Rendering a thousand lines takes milliseconds, which calls on the event loops must not wait for.
            let answer = try? await NIOThreadPool.singleton.runIfActive { pages.answer(request.method, request.uri) }
            return answer ?? HTTPServer.Response(.serviceUnavailable, body: "stopping\n")
        }
    }

    /// Listens; returns the port.
    @discardableResult
    package func start(_ endpoint: Endpoint) async throws -> Int { try await server.start(endpoint) }

    package func stop() async { await server.stop() }
}

/// What the pages say.
struct AdminPages: Sendable {
    let readiness: Readiness
    let metrics: MetricsRegistry

    func answer(_ method: HTTPMethod, _ uri: String) -> HTTPServer.Response {
        let path = uri.prefix { $0 != "?" }
        guard ["/livez", "/readyz", "/metrics"].contains(path) else {
            return HTTPServer.Response(.notFound, body: "not found; there are /livez, /readyz and /metrics\n")
        }
        guard method == .GET || method == .HEAD else {
            return HTTPServer.Response(.methodNotAllowed, body: "only GET and HEAD\n", allow: "GET, HEAD")
        }
        switch path {
        case "/livez": return HTTPServer.Response(.ok, body: "alive\n")
        case "/readyz":
            let problems = readiness.problems
            return problems.isEmpty
                ? HTTPServer.Response(.ok, body: "ready\n")
                : HTTPServer.Response(
                    .serviceUnavailable, body: "not ready\n" + problems.map { "- \($0)\n" }.joined())
        default:
            return HTTPServer.Response(
                .ok, type: "text/plain; version=0.0.4; charset=utf-8", body: metrics.exposition())
        }
    }
}
