import HTTP2

/// Where the response of one attempt stands on the client's side. A value that says what to do; `ClientCall` does it.
struct ResponseState: Sendable {
    private var deframer: MessageDeframer
    private let maximumMessage: Int
    private var isGzip = false
    private var messages = FrameQueue()
    private var headers: HeaderBlock?
    private var trailers: HeaderBlock?
    /// What came instead of gRPC, if anything did.
    private var httpFailure: RPCError?

    init(maximumMessage: Int) {
        self.maximumMessage = maximumMessage
        deframer = MessageDeframer(limit: maximumMessage)
    }

    /// Whether the server has begun to answer, so that the call cannot be made again. Trailers alone are no answer.
    private(set) var isCommitted = false

    /// The response's headers came.
    mutating func received(headers block: HeaderBlock) {
        headers = block
        let status = block.first(":status") ?? ""
        if status != "200" {
            httpFailure = RPCError(code: Self.code(httpStatus: status), message: "The server answered HTTP \(status).")
        } else if block.withFirst("content-type", Headers.isGRPC) != true {
            httpFailure = RPCError(
                code: .unknown,
                message: "The server answered with content-type \(block.first("content-type") ?? "none"), not gRPC.")
        }
        isGzip = block.first("grpc-encoding") == "gzip"
        if block.count(of: "grpc-status") == 0, httpFailure == nil { isCommitted = true }
    }

    /// DATA came; `credit` is what the server may send anew at once. Throws what ends the call.
    mutating func received(_ data: UnsafeBufferPointer<UInt8>, credit: inout Int) throws(RPCError) {
        guard httpFailure == nil else {
            credit = data.count
            return
        }
        do {
            credit = try deframer.push(data, into: &messages)
        } catch {
            throw error.status(limit: maximumMessage)
        }
    }

    mutating func received(trailers block: HeaderBlock) { trailers = block }

    /// The next message, decompressed only now.
    mutating func take() throws(RPCError) -> MessageDeframer.Frame? {
        guard var frame = messages.popFirst() else { return nil }
        guard frame.isCompressed else { return frame }
        guard isGzip else {
            throw RPCError(code: .internal, message: "A response is compressed without a grpc-encoding.")
        }
        do {
            frame.bytes = try Gzip.decompress(frame.bytes, limit: maximumMessage)
        } catch {
            throw RPCError(
                code: error == .tooLarge ? .resourceExhausted : .internal,
                message: "A compressed response cannot be read: \(error).")
        }
        return frame
    }

    /// Metadata sent first.
    var initialMetadata: Metadata? { headers.map(MetadataCoding.decode) }

    /// Metadata sent with the status.
    var trailingMetadata: Metadata { (trailers ?? headers).map(MetadataCoding.decode) ?? [:] }

    /// `grpc-retry-pushback-ms`; what is not a number means "do not retry".
    var pushback: Int? {
        guard let text = (trailers ?? headers)?.first("grpc-retry-pushback-ms") else { return nil }
        return Int(text) ?? -1
    }

    /// The server has ended its side: nil for OK.
    func outcome() -> RPCError? {
        if let outcome = Headers.outcome(trailers ?? headers ?? HeaderBlock()) {
            if outcome.error == nil, deframer.isInsideMessage {
                return RPCError(code: .internal, message: "The response ends inside a message.")
            }
            return outcome.error
        }
        return httpFailure ?? RPCError(code: .unknown, message: "The server ended the call without a status.")
    }

    /// gRPC `doc/http-grpc-status-mapping.md`.
    private static func code(httpStatus: String) -> StatusCode {
        switch httpStatus {
        case "400": .internal
        case "401": .unauthenticated
        case "403": .permissionDenied
        case "404": .unimplemented
        case "429", "502", "503", "504": .unavailable
        default: .unknown
        }
    }

    /// What a reset stream means to a caller (PROTOCOL-HTTP2, "Errors"; rule 16 of the wire list).
    static func status(ofReset code: UInt32) -> RPCError {
        switch ErrorCode(rawValue: code) {
        case .refusedStream:
            RPCError(code: .unavailable, message: "The server did not take the call (REFUSED_STREAM).")
        case .cancel: RPCError(code: .cancelled, message: "The server cancelled the call.")
        case .enhanceYourCalm:
            RPCError(code: .resourceExhausted, message: "The server asks for fewer calls (ENHANCE_YOUR_CALM).")
        case .inadequateSecurity:
            RPCError(code: .permissionDenied, message: "The server wants better security (INADEQUATE_SECURITY).")
        default: RPCError(code: .internal, message: "The server reset the call with HTTP/2 error code \(code).")
        }
    }
}
