import HTTP2

/// A request whose headers are those of a gRPC call to a method we have.
struct AcceptedRequest: Sendable {
    let route: ServiceRouter.Route
    let timeout: Duration?
    let isGzip: Bool
    let acceptsGzip: Bool

    /// How a request is refused.
    enum Refusal: Error, Sendable {
        /// With HTTP alone: the client does not speak gRPC.
        case plain(status: String, allow: String?)
        /// With a status.
        case status(RPCError)
    }

    /// Checks a request's headers, in the order in which a client would want to hear of mistakes.
    static func check(
        _ headers: HeaderBlock, oversized: Bool, router: ServiceRouter, limits: Limits
    ) throws(Refusal) -> AcceptedRequest {
        if oversized {
            throw .status(
                RPCError(
                    code: .resourceExhausted,
                    message: "The request's headers are over the limit of \(limits.headerListBytes) bytes."))
        }
        guard headers.withFirst("content-type", Headers.isGRPC) == true else {
            throw .plain(status: "415", allow: nil)
        }
        guard headers.withFirst(":method", { $0.equals("POST") }) == true else {
            throw .plain(status: "405", allow: "POST")
        }
        guard let route = headers.withFirst(":path", { router.route(path: $0) }) ?? nil else {
            throw .status(unknownMethod(headers.first(":path") ?? "", router: router))
        }
        return AcceptedRequest(
            route: route, timeout: try timeout(headers), isGzip: try isGzip(headers),
            acceptsGzip: acceptsGzip(headers))
    }

    private static func unknownMethod(_ path: String, router: ServiceRouter) -> RPCError {
        let service = path.dropFirst().prefix { $0 != "/" }
        let isKnown = router.routes.contains { $0.method.service == service }
        let what = isKnown ? "The service \(service) has no such method" : "This server has no such service"
        return RPCError(code: .unimplemented, message: "\(what): \(path.prefix(200))")
    }

    private static func timeout(_ headers: HeaderBlock) throws(Refusal) -> Duration? {
        guard headers.count(of: "grpc-timeout") > 0 else { return nil }
        guard let timeout = headers.withFirst("grpc-timeout", Timeout.parse) ?? nil else {
            throw .status(
                RPCError(
                    code: .invalidArgument,
                    message: "grpc-timeout is not a timeout: at most 8 digits and one of H, M, S, m, u, n are."))
        }
        return timeout
    }

    private static func isGzip(_ headers: HeaderBlock) throws(Refusal) -> Bool {
        if headers.count(of: "grpc-encoding") > 1 {
            throw .status(RPCError(code: .internal, message: "There is more than one grpc-encoding."))
        }
        guard let encoding = headers.first("grpc-encoding") else { return false }
        switch encoding {
        case "identity": return false
        case "gzip": return true
        default:
            throw .status(
                RPCError(
                    code: .unimplemented, message: "grpc-encoding \(encoding.prefix(50)) is not supported: use gzip."))
        }
    }

    private static func acceptsGzip(_ headers: HeaderBlock) -> Bool {
        headers.withFirst("grpc-accept-encoding") { value in
            value.split(separator: UInt8(ascii: ",")).contains { part in
                part.drop { $0 == UInt8(ascii: " ") }.starts(with: "gzip".utf8)
            }
        } ?? false
    }
}
