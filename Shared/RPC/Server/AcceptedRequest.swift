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

    /// Checks a request's headers, in the order in which a client would want to hear of mistakes. `limit` is what
    /// oversized ones went over.
    static func check(
        _ headers: HeaderBlock, oversized: Bool, limit: Int, router: ServiceRouter
    ) throws(Refusal) -> AcceptedRequest {
        if oversized {
            throw .status(
                RPCError(
                    code: .resourceExhausted, message: "The request's headers are over the limit of \(limit) bytes."))
        }
        let request = RequestFields(headers, router: router)
        guard request.isGRPC == true else { throw .plain(status: "415", allow: nil) }
        guard request.isPOST == true else { throw .plain(status: "405", allow: "POST") }
        guard let route = request.route else {
            throw .status(unknownMethod(headers.first(":path") ?? "", router: router))
        }
        if request.timeout == .malformed {
            throw .status(
                RPCError(
                    code: .invalidArgument,
                    message: "grpc-timeout is not a timeout: at most 8 digits and one of H, M, S, m, u, n are."))
        }
        if request.encodings > 1 {
            throw .status(RPCError(code: .internal, message: "There is more than one grpc-encoding."))
        }
        if request.encoding == .unknown {
            let name = headers.first("grpc-encoding") ?? ""
            throw .status(
                RPCError(code: .unimplemented, message: "grpc-encoding \(name.prefix(50)) is not supported: use gzip."))
        }
        return AcceptedRequest(
            route: route, timeout: request.timeout.duration, isGzip: request.encoding == .gzip,
            acceptsGzip: request.acceptsGzip == true)
    }

    private static func unknownMethod(_ path: String, router: ServiceRouter) -> RPCError {
        let service = path.dropFirst().prefix { $0 != "/" }
        let isKnown = router.routes.contains { $0.method.service == service }
        let what = isKnown ? "The service \(service) has no such method" : "This server has no such service"
        return RPCError(code: .unimplemented, message: "\(what): \(path.prefix(200))")
    }
}
