import HTTP2

/// The header fields gRPC itself uses, in one place.
enum Headers {
    /// Response headers of the usual call.
    static let response: HeaderBlock = {
        var headers = HeaderBlock()
        headers.append(":status", "200")
        headers.append("content-type", "application/grpc")
        headers.append("grpc-accept-encoding", "identity,gzip")
        return headers.permanent()
    }()

    /// Trailers of the usual call.
    static let okTrailers: HeaderBlock = {
        var headers = HeaderBlock()
        headers.append("grpc-status", "0")
        return headers.permanent()
    }()

    /// Response headers with metadata and an encoding.
    static func response(_ metadata: Metadata, compressed: Bool) -> HeaderBlock {
        if metadata.isEmpty, !compressed { return response }
        var headers = response
        if compressed { headers.append("grpc-encoding", "gzip") }
        MetadataCoding.append(metadata, to: &headers)
        return headers
    }

    /// Trailers of an outcome.
    static func trailers(_ error: RPCError?, _ metadata: Metadata) -> HeaderBlock {
        if error == nil, metadata.isEmpty { return okTrailers }
        var headers = HeaderBlock()
        append(error, metadata, to: &headers)
        return headers
    }

    /// One HEADERS that is response headers and trailers at once (PROTOCOL-HTTP2, "Trailers-Only").
    static func trailersOnly(_ error: RPCError, _ metadata: Metadata) -> HeaderBlock {
        var headers = HeaderBlock()
        headers.append(":status", "200")
        headers.append("content-type", "application/grpc")
        append(error, metadata, to: &headers)
        return headers
    }

    private static func append(_ error: RPCError?, _ metadata: Metadata, to headers: inout HeaderBlock) {
        headers.append("grpc-status", String((error?.code ?? .ok).rawValue))
        if let error {
            if !error.message.isEmpty {
                headers.append("grpc-message", String(decoding: PercentEncoding.encode(error.message), as: UTF8.self))
            }
            if let details = error.details {
                headers.append("grpc-status-details-bin", String(decoding: Base64.encode(details), as: UTF8.self))
            }
            MetadataCoding.append(error.metadata, to: &headers)
        }
        MetadataCoding.append(metadata, to: &headers)
    }

    /// A reply in HTTP alone, for a request that is not gRPC.
    static func plain(status: String, allow: String? = nil) -> HeaderBlock {
        var headers = HeaderBlock()
        headers.append(":status", status)
        if let allow { headers.append("allow", allow) }
        return headers
    }

    /// Whether a content type is gRPC: `application/grpc`, with `+proto` or parameters, and not `application/grpc-web`.
    static func isGRPC(_ contentType: UnsafeBufferPointer<UInt8>) -> Bool {
        if contentType.equals("application/grpc") { return true }
        let base = "application/grpc".utf8
        guard contentType.count >= base.count,
            zip(contentType, base).allSatisfy({ $0 == $1 || ($0 >= 65 && $0 <= 90 && $0 | 32 == $1) })
        else { return false }
        let rest = contentType.dropFirst(base.count)
        if rest.isEmpty || rest.first == UInt8(ascii: ";") { return true }
        guard rest.elementsEqual("+proto".utf8) || rest.starts(with: "+proto;".utf8) else { return false }
        return true
    }

    /// The outcome in trailers; nil when `grpc-status` is missing or not a number.
    static func outcome(_ trailers: HeaderBlock) -> (code: StatusCode, error: RPCError?)? {
        guard let text = trailers.first("grpc-status"), let number = Int(text) else { return nil }
        let code = StatusCode(rawValue: number) ?? .unknown
        if code == .ok { return (.ok, nil) }
        let message = trailers.withFirst("grpc-message") { PercentEncoding.decode($0) } ?? ""
        let details = trailers.withFirst("grpc-status-details-bin") { Base64.decode($0) } ?? nil
        return (
            code,
            RPCError(code: code, message: message, metadata: MetadataCoding.decode(trailers), details: details)
        )
    }
}
