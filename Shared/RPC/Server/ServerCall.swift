import HTTP2
import NIOCore

/// One call on the server's side: between its stream and its handler.
///
/// Unchecked Sendable: `requestHeaders`, `peer` and the other constants are immutable; all else is confined to the
/// connection's event loop, where the handler's task runs too. Every entry checks, and hops when it must.
@usableFromInline
final class ServerCall: StreamDelegate, LoopWork, @unchecked Sendable {
    let requestHeaders: HeaderBlock
    let connection: HTTP2Connection
    var peer: String { connection.peer }

    private let stream: HTTP2Stream
    @usableFromInline let route: ServiceRouter.Route
    /// The handler with the interceptors around it.
    private let handler: NextHandler
    /// When its headers were read.
    let arrived: NIODeadline
    let deadline: Deadline?
    /// Outgoing calls never outlive a deadline that the client has named. Our own limit cancels the handler instead,
    /// and with it what it waits for.
    private let isDeadlineOfClient: Bool
    private let tracing: TraceSampling?
    /// Set before the handler starts, and never again.
    @exclusivity(unchecked) private(set) var trace: TraceContext?
    /// As `trace`; nil where the handler runs outside of a scope.
    @exclusivity(unchecked) private(set) var waits: CallWaits?
    private let clientAcceptsGzip: Bool
    // Exclusive access to what every call touches is not checked at run time: each access is one operation of a value
    // that calls nothing, on the one thread of the loop, so that no other can begin before it ends.
    @exclusivity(unchecked) private var state: ServerCallState
    @exclusivity(unchecked) private(set) var loopCounters = CallCounters()
    private var compresses = false
    private var encodingAnnounced = false
    @exclusivity(unchecked) private var initialMetadata = Metadata()
    @exclusivity(unchecked) private var trailingMetadata = Metadata()
    @exclusivity(unchecked) private var stagedResponse: [UInt8]?
    /// Runs the handler; nil before and after.
    @exclusivity(unchecked) private var task: LoopTask?
    /// Bytes of the request that the connection's budget counts.
    @exclusivity(unchecked) private var held = 0
    /// Whether the budget was told last that a message is incomplete.
    @exclusivity(unchecked) private var needsMore = false
    // Taken out before they are resumed, so once. Not checked ones: those have no size that is known when we are
    // compiled.
    @exclusivity(unchecked) private var reader: UnsafeContinuation<[UInt8]?, any Error>?
    @exclusivity(unchecked) private var writer: UnsafeContinuation<Void, any Error>?
    /// Why the call ended early; what waiting and later reads and writes throw.
    @exclusivity(unchecked) private var ended: RPCError?

    init(
        request: AcceptedRequest, headers: HeaderBlock, connection: HTTP2Connection, stream: HTTP2Stream,
        handler: NextHandler, unaryTimeout: TimeAmount?, tracing: TraceSampling?
    ) {
        requestHeaders = headers
        self.connection = connection
        self.stream = stream
        self.handler = handler
        route = request.route
        clientAcceptsGzip = request.acceptsGzip
        state = ServerCallState(
            kind: request.route.method.kind, maximumMessage: connection.limits.receiveMessageBytes,
            decompresses: request.isGzip)
        isDeadlineOfClient = request.timeout != nil
        self.tracing = tracing
        let now = connection.loopTime()
        arrived = now
        if let timeout = request.timeout {
            deadline = Deadline(timeout, from: now)
        } else if let unaryTimeout, request.route.method.kind == .unary {
            deadline = Deadline(now + unaryTimeout)
        } else {
            deadline = nil
        }
    }

    // MARK: From the stream

    func received(headers: HeaderBlock, oversized: Bool) { apply(state.accepted()) }
    func received(trailers: HeaderBlock) {}

    func received(data: UnsafeBufferPointer<UInt8>) {
        var credit = 0
        let action = state.received(data, credit: &credit)
        // Before it may be withheld: a message that is whole now frees its place.
        countHeld()
        if connection.refuses(holding: held) {
            return apply(.fail(RPCError(code: .resourceExhausted, message: Self.noRoom)))
        }
        if state.isInsideMessage { connection.credit(credit, to: stream) } else { stream.consume(credit) }
        apply(action)
    }

    private static let noRoom =
        "The server holds as much of unfinished requests as it may (inbound-server-bytes); call again later."

    /// Tells the connection how much of the request is held now.
    private func countHeld() {
        let now = state.heldBytes
        let isInside = state.isInsideMessage
        // The end of a message is told also where it held nothing: it may have been the one to go on.
        guard now != held || isInside != needsMore else { return }
        let change = now - held
        held = now
        needsMore = isInside
        connection.held(by: stream, changed: change, needsMore: isInside)
    }

    func receivedEnd() { apply(state.receivedEnd()) }

    func outboundDrained() {
        writer.take()?.resume()
    }

    func deadlineExceeded() {
        let error = RPCError(code: .deadlineExceeded, message: "The deadline of the call has passed.")
        end(early: error)
        // Half-sent replies are cut off, others get the status (PROTOCOL-HTTP2, "Deadline").
        if stream.queuedBytes > 0 {
            if state.finish() {
                countHeld()
                stream.reset(.cancel)
            }
        } else {
            finish(error)
        }
    }

    func closed(_ end: StreamEnd) {
        guard state.finish() else { return }
        countHeld()
        self.end(early: RPCError(code: .cancelled, message: "The client has cancelled the call or is gone."))
    }

    private func end(early error: RPCError) {
        guard ended == nil else { return }
        ended = error
        task?.cancel()
        reader.take()?.resume(throwing: error)
        writer.take()?.resume(throwing: error)
    }

    private func apply(_ action: ServerCallState.InboundAction) {
        switch action {
        case .nothing: break
        case .start: start()
        case .wake:
            // Taken out first: a message that cannot be decompressed ends the call, which wakes who is waiting.
            guard let waiting = reader.take() else { return }
            if let next = nextAvailable() { waiting.resume(with: next) } else { reader = waiting }
        case .fail(let error):
            end(early: error)
            finish(error)
        }
    }

    // MARK: The handler

    private func start() {
        connection.handlerStarted()
        // Runs as soon as everything that was read has been delivered, and resumes on this loop: no hop for a handler
        // that does not wait.
        connection.executor.start(self)
    }

    nonisolated(nonsending) func run(in task: LoopTask) async {
        // Nobody is waiting for the work of a call that has ended meanwhile.
        guard ended == nil else { return ended(handlerWith: nil) }
        self.task = task
        if let tracing { trace = TraceContext.continuing(sampling: tracing) { requestHeaders.first($0) } }
        let context = ServerContext(call: self)
        do {
            if tracing != nil || isDeadlineOfClient {
                let waits = CallWaits()
                self.waits = waits
                try await handle(
                    context, in: CallScope(deadline: isDeadlineOfClient ? deadline : nil, trace: trace, waits: waits))
            } else {
                try await handler(context)
            }
            ended(handlerWith: nil)
        } catch {
            ended(handlerWith: Self.status(of: error))
        }
    }

    /// On the task's preferred executor, which is the loop: `withValue` asks for that at each of its steps, and for a
    /// function that is bound to nothing else the compiler leaves two of these five questions.
    @concurrent
    private func handle(_ context: ServerContext, in scope: CallScope) async throws {
        try await CallScope.$current.withValue(scope) { try await handler(context) }
    }

    private func ended(handlerWith error: RPCError?) {
        connection.eventLoop.assertInEventLoop()
        finish(error)
        connection.handlerEnded()
        task = nil
    }

    /// What a thrown error is told to the client as, where no interceptor has said it better.
    static func status(of error: any Error) -> RPCError {
        if let error = error as? RPCError { return error }
        if error is CancellationError { return RPCError(code: .cancelled, message: "The call was cancelled.") }
        return RPCError(code: .unknown, message: "The server failed in an unexpected way.")
    }

    private func onLoop(_ body: @escaping @Sendable (ServerCall) -> Void) {
        if connection.eventLoop.inEventLoop {
            body(self)
        } else {
            connection.eventLoop.execute { body(self) }
        }
    }

    // MARK: For the handler: requests

    /// Messages and bytes so far; read by interceptors, which run on the loop.
    var counters: CallCounters { connection.eventLoop.inEventLoop ? loopCounters : CallCounters() }

    /// The only request of a unary or server-streaming call; it is complete when the handler starts.
    @inlinable
    func decodeSingleRequest<T>(_ decode: ([UInt8]) throws -> T) throws -> T {
        let bytes = try takeSingleRequest()
        do { return try decode(bytes) } catch { throw undecodable() }
    }

    @usableFromInline
    func takeSingleRequest() throws -> [UInt8] {
        guard connection.eventLoop.inEventLoop else {
            throw RPCError(code: .internal, message: "An interceptor called the next one outside of the call's task.")
        }
        guard let frame = try state.take() else {
            throw RPCError(code: .internal, message: "The request is gone.")
        }
        countHeld()
        loopCounters.messagesReceived += 1
        if frame.isCompressed { loopCounters.compressedMessagesReceived += 1 }
        loopCounters.bytesReceived += frame.bytes.count
        return frame.bytes
    }

    func decoding<T>(_ bytes: [UInt8], by decode: ([UInt8]) throws -> T) throws -> T {
        do { return try decode(bytes) } catch { throw undecodable() }
    }

    @usableFromInline
    func undecodable() -> RPCError {
        RPCError(code: .internal, message: "A request is not a valid message of the type that \(route.method) takes.")
    }

    /// The next request of a stream, nil after the last.
    func nextRequest() async throws -> [UInt8]? {
        if connection.eventLoop.inEventLoop, let next = nextAvailable() { return try next.get() }
        return try await withUnsafeThrowingContinuation { continuation in
            onLoop { call in
                if let next = call.nextAvailable() {
                    continuation.resume(with: next)
                } else {
                    precondition(call.reader == nil, "a request stream has one reader")
                    call.reader = continuation
                }
            }
        }
    }

    private func nextAvailable() -> Result<[UInt8]?, any Error>? {
        if let ended { return .failure(ended) }
        do {
            if let frame = try state.take() {
                countHeld()
                stream.consume(frame.credit)
                loopCounters.messagesReceived += 1
                if frame.isCompressed { loopCounters.compressedMessagesReceived += 1 }
                loopCounters.bytesReceived += frame.bytes.count
                return .success(frame.bytes)
            }
        } catch {
            end(early: error)
            finish(error)
            return .failure(error)
        }
        return state.inboundEnded ? .success(nil) : nil
    }

    // MARK: For the handler: responses

    func setInitialMetadata(_ metadata: Metadata) { onLoop { $0.initialMetadata.add(metadata) } }

    func addTrailingMetadata(_ metadata: Metadata) { onLoop { $0.trailingMetadata.add(metadata) } }

    func setCompression(_ enabled: Bool) { onLoop { $0.compresses = enabled && $0.clientAcceptsGzip } }

    /// Keeps the only response until the interceptors have let the call succeed; they see it counted already.
    @usableFromInline
    func stageSingleResponse(_ bytes: consuming [UInt8]) throws {
        guard connection.eventLoop.inEventLoop else { return stageLater(bytes) }
        count(sent: bytes.count)
        stagedResponse = consume bytes
    }

    private func stageLater(_ bytes: [UInt8]) {
        connection.eventLoop.execute {
            self.count(sent: bytes.count)
            self.stagedResponse = bytes
        }
    }

    private func count(sent bytes: Int) {
        loopCounters.messagesSent += 1
        loopCounters.bytesSent += bytes
    }

    /// Sends one response of a stream; waits while much is queued.
    func write(_ bytes: [UInt8]) async throws {
        if connection.eventLoop.inEventLoop {
            if let ended { throw ended }
            count(sent: bytes.count)
            send(bytes)
            if stream.queuedBytes <= connection.limits.outboundStreamBytes { return }
        }
        try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
            let sent = connection.eventLoop.inEventLoop
            onLoop { call in
                if let ended = call.ended { return continuation.resume(throwing: ended) }
                if !sent {
                    call.count(sent: bytes.count)
                    call.send(bytes)
                }
                guard call.stream.queuedBytes > call.connection.limits.outboundStreamBytes else {
                    return continuation.resume()
                }
                precondition(call.writer == nil, "a response stream has one writer")
                call.writer = continuation
                call.stream.notifyWhenDrained(to: call.connection.limits.outboundStreamBytes / 2)
            }
        }
    }

    /// Takes the bytes, so that the usual message is never held twice.
    private func send(_ bytes: consuming [UInt8]) {
        guard !state.isFinished else { return }
        sendHeaders()
        var isCompressed = false
        if compresses, encodingAnnounced, let compressed = Gzip.compress(copy bytes) {
            bytes = compressed
            isCompressed = true
        }
        let head = MessageDeframer.prefix(isCompressed: isCompressed, length: bytes.count)
        stream.send(head: head, headCount: 5, body: consume bytes)
    }

    private func sendHeaders() {
        guard state.sendHeaders() else { return }
        encodingAnnounced = compresses
        stream.respond(
            headers: Headers.response(initialMetadata, compressed: encodingAnnounced), endStream: false)
    }

    /// Sends the status; the first outcome counts.
    private func finish(_ error: RPCError?) {
        guard !state.isFinished else { return }
        if let error {
            let isTrailersOnly = !state.headersSent && initialMetadata.isEmpty
            if !isTrailersOnly { sendHeaders() }
            guard state.finish() else { return }
            countHeld()
            if isTrailersOnly {
                stream.respond(headers: Headers.trailersOnly(error, trailingMetadata), endStream: true)
            } else {
                stream.finish(trailers: Headers.trailers(error, trailingMetadata))
            }
            return
        }
        if let response = stagedResponse.take() { send(response) } else { sendHeaders() }
        guard state.finish() else { return }
        countHeld()
        stream.finish(trailers: Headers.trailers(nil, trailingMetadata))
    }
}
