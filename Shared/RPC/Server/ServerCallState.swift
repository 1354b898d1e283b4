/// Where a call stands on the server's side. A value that says what to do; `ServerCall` does it.
///
/// Three kinds of surprise: what we do wrong is a precondition; what the client does wrong ends the call with a status;
/// what merely crosses on the wire (bytes after the end, an end after a reset) is ignored.
struct ServerCallState: Sendable {
    /// What taking bytes in led to.
    enum InboundAction: Sendable, Hashable {
        case nothing
        /// Start the handler.
        case start
        /// A message or the end has arrived for a handler that may be waiting.
        case wake
        /// End the call with this status.
        case fail(RPCError)
    }

    private let kind: CallKind
    private var deframer: MessageDeframer
    private let maximumMessage: Int
    private let decompresses: Bool
    private var messages = FrameQueue()
    private(set) var inboundEnded = false
    private(set) var handlerStarted = false
    private(set) var headersSent = false
    private(set) var isFinished = false
    /// Whether a message has begun and not ended.
    var isInsideMessage: Bool { deframer.isInsideMessage }
    /// Bytes kept of the request: of the message that is incomplete, and of those nobody has taken.
    var heldBytes: Int { deframer.heldBytes + messages.byteCount }

    init(kind: CallKind, maximumMessage: Int, decompresses: Bool) {
        self.kind = kind
        self.maximumMessage = maximumMessage
        self.decompresses = decompresses
        deframer = MessageDeframer(limit: maximumMessage)
    }

    /// The request's headers are accepted. Streaming handlers start at once, the others when the request is complete.
    mutating func accepted() -> InboundAction {
        guard kind.clientStreams else { return .nothing }
        handlerStarted = true
        return .start
    }

    /// DATA came; `credit` is what the client may send anew at once.
    mutating func received(_ data: UnsafeBufferPointer<UInt8>, credit: inout Int) -> InboundAction {
        guard !isFinished, !inboundEnded else {
            credit = data.count
            return .nothing
        }
        let waiting = messages.count
        do {
            credit = try deframer.push(data, into: &messages)
        } catch {
            credit = data.count
            return .fail(error.status(limit: maximumMessage))
        }
        guard messages.count > waiting else { return .nothing }
        if kind.clientStreams { return .wake }
        if messages.count > 1 { return .fail(Self.wrongCount("more than one")) }
        credit += messages.creditOfFirst()
        return .nothing
    }

    /// END_STREAM came.
    mutating func receivedEnd() -> InboundAction {
        guard !isFinished, !inboundEnded else { return .nothing }
        inboundEnded = true
        if deframer.isInsideMessage {
            return .fail(RPCError(code: .internal, message: "The request ends inside a message."))
        }
        if kind.clientStreams { return .wake }
        guard messages.count == 1 else { return .fail(Self.wrongCount("no")) }
        handlerStarted = true
        return .start
    }

    /// The next message for the handler, decompressed only now: what waits is bounded by what came over the wire.
    mutating func take() throws(RPCError) -> MessageDeframer.Frame? {
        guard var frame = messages.popFirst() else { return nil }
        try decompress(&frame)
        return frame
    }

    /// The response headers are about to go out; false when they have gone already.
    mutating func sendHeaders() -> Bool {
        precondition(!isFinished, "nothing is sent after the status")
        defer { headersSent = true }
        return !headersSent
    }

    /// The status is about to go out, or never will; false when that has happened already.
    mutating func finish() -> Bool {
        guard !isFinished else { return false }
        isFinished = true
        messages.removeAll()
        deframer.reset()
        return true
    }

    private func decompress(_ frame: inout MessageDeframer.Frame) throws(RPCError) {
        guard frame.isCompressed else { return }
        guard decompresses else {
            throw RPCError(code: .internal, message: Self.notAnnounced)
        }
        do {
            frame.bytes = try Gzip.decompress(frame.bytes, limit: maximumMessage)
            // `isCompressed` stays: it says how the message came.
        } catch .tooLarge {
            throw MessageDeframer.Failure.tooLarge(maximumMessage + 1).status(limit: maximumMessage)
        } catch {
            throw RPCError(code: .internal, message: "A compressed message is not valid gzip.")
        }
    }

    static let notAnnounced = "A message is flagged as compressed but grpc-encoding names no compression."

    /// What gRPC Core and the Connect conformance suite answer to a wrong number of request messages.
    private static func wrongCount(_ found: String) -> RPCError {
        RPCError(code: .unimplemented, message: "The method takes exactly one request message; the call has \(found).")
    }
}

extension MessageDeframer.Failure {
    /// The status a peer gets for it.
    func status(limit: Int) -> RPCError {
        switch self {
        case .tooLarge(let length):
            RPCError(
                code: .resourceExhausted,
                message: "A message of \(length) bytes or more is over the limit of \(limit) bytes.")
        case .badFlag(let flag):
            RPCError(code: .internal, message: "A message begins with the flag \(flag); only 0 and 1 exist.")
        }
    }
}
