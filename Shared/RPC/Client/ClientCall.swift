import HTTP2
import NIOCore

/// One call on the client's side, over one attempt or several.
///
/// Unchecked Sendable: the constants are immutable; all else is confined to the client's event loop, and every entry
/// hops there.
final class ClientCall: StreamDelegate, @unchecked Sendable {
    private let client: RPCClient
    private let loop: any EventLoop
    private let outgoing: OutgoingCall
    private var method: MethodDescriptor { outgoing.method }
    private var options: CallOptions { outgoing.options }
    private let deadline: Deadline?
    /// The whole request, kept to be sent again; nil for a stream of requests.
    private let request: [UInt8]?

    private var stream: HTTP2Stream?
    private var response: ResponseState
    private var attempts: AttemptState
    private var timer: Scheduled<Void>?
    private var outcome: Result<Void, RPCError>?
    private var sendingFinished = false
    /// Messages of a stream have gone out; they are not kept.
    private var hasSent = false
    private var reader: CheckedContinuation<[UInt8]?, any Error>?
    private var writer: (continuation: CheckedContinuation<Void, any Error>, bytes: [UInt8])?
    private var drainWaiter: CheckedContinuation<Void, any Error>?
    private var headerWaiters: [CheckedContinuation<Metadata, any Error>] = []

    init(
        client: RPCClient, loop: any EventLoop, outgoing: OutgoingCall, deadline: Deadline?, retryPolicy: RetryPolicy,
        request: [UInt8]?
    ) {
        self.client = client
        self.loop = loop
        self.outgoing = outgoing
        self.deadline = deadline
        self.request = request
        response = ResponseState(maximumMessage: client.limits.receiveMessageBytes)
        attempts = AttemptState(policy: outgoing.options.retries && request != nil ? retryPolicy : nil)
    }

    private func onLoop(_ body: @escaping @Sendable (ClientCall) -> Void) {
        if loop.inEventLoop { body(self) } else { loop.execute { body(self) } }
    }

    // MARK: Attempts

    /// Begins; the outcome shows on the call.
    func begin() {
        onLoop { call in
            if let deadline = call.deadline {
                let left = deadline.remaining
                guard left > .zero else { return call.deadlineExceeded() }
                if let amount = TimeAmount(left) {
                    call.timer = call.loop.scheduleTask(in: amount) { call.deadlineExceeded() }
                }
            }
            call.attempt()
        }
    }

    private func attempt() {
        guard outcome == nil else { return }
        client.withConnection(waitForReady: options.waitForReady) { result in
            switch result {
            case .success(let connection): self.open(on: connection)
            case .failure(let error): self.attemptFailed(error, unprocessed: false)
            }
        }
    }

    private func open(on connection: HTTP2Connection) {
        guard outcome == nil else { return }
        response = ResponseState(maximumMessage: client.limits.receiveMessageBytes)
        do {
            let stream = try connection.session.open(headers: requestHeaders(), endStream: false, delegate: self)
            self.stream = stream
            if let request {
                send(request, on: stream)
                stream.finishSending()
            } else {
                if let writer {
                    self.writer = nil
                    hasSent = true
                    send(writer.bytes, on: stream)
                    writer.continuation.resume()
                }
                if sendingFinished { stream.finishSending() }
            }
        } catch {
            attemptFailed(
                RPCError(code: .unavailable, message: "No stream could be opened: \(error)."), unprocessed: true)
        }
    }

    private func requestHeaders() -> HeaderBlock {
        var headers = HeaderBlock()
        headers.append(":method", "POST")
        headers.append(":scheme", client.scheme)
        headers.append(":path", method.path)
        headers.append(":authority", client.authority)
        headers.append("te", "trailers")
        headers.append("content-type", "application/grpc")
        headers.append("user-agent", "cdt-swift/1")
        if let deadline { headers.append("grpc-timeout", Timeout.format(deadline.remaining)) }
        if options.compression { headers.append("grpc-encoding", "gzip") }
        headers.append("grpc-accept-encoding", "identity,gzip")
        if let trace = outgoing.trace {
            headers.append("traceparent", trace.traceparent)
            if let state = trace.state { headers.append("tracestate", state) }
        }
        MetadataCoding.append(client.metadata, to: &headers)
        MetadataCoding.append(options.metadata, to: &headers)
        return headers
    }

    private func send(_ bytes: [UInt8], on stream: HTTP2Stream) {
        if options.compression, let compressed = Gzip.compress(bytes) {
            stream.send(
                head: MessageDeframer.prefix(isCompressed: true, length: compressed.count), headCount: 5,
                body: compressed)
        } else {
            stream.send(
                head: MessageDeframer.prefix(isCompressed: false, length: bytes.count), headCount: 5, body: bytes)
        }
    }

    private func attemptFailed(_ error: RPCError, unprocessed: Bool) {
        stream = nil
        guard outcome == nil else { return }
        // The server's clock may be read before ours: what it cancels after the deadline was not cancelled by anybody.
        if error.code == .cancelled, let deadline, deadline.remaining <= .zero { return deadlineExceeded() }
        client.throttle.failed(code: error.code, unprocessed: unprocessed, pushback: response.pushback)
        guard !response.isCommitted else { return finish(.failure(error)) }
        switch attempts.failed(
            code: error.code, unprocessed: unprocessed, resendable: request != nil || !hasSent,
            pushback: response.pushback, throttle: client.throttle)
        {
        case .giveUp: finish(.failure(error))
        case .retry(let wait):
            loop.scheduleTask(in: TimeAmount(wait) ?? .seconds(60)) { self.attempt() }
        }
    }

    private func finish(_ result: Result<Void, RPCError>) {
        guard outcome == nil else { return }
        outcome = result
        timer?.cancel()
        if case .success = result { client.throttle.succeeded() }
        stream?.reset(.cancel)
        stream = nil
        let error = result.failure
        for interceptor in client.interceptors.reversed() { interceptor.ended(outgoing, outcome: error) }
        let broken = error ?? RPCError(code: .cancelled, message: "The call has ended.")
        if let writer {
            self.writer = nil
            writer.continuation.resume(throwing: broken)
        }
        drainWaiter?.resume(throwing: broken)
        drainWaiter = nil
        let metadata = response.initialMetadata ?? [:]
        for waiter in headerWaiters {
            if let error { waiter.resume(throwing: error) } else { waiter.resume(returning: metadata) }
        }
        headerWaiters = []
        wakeReader()
    }

    // MARK: From the stream

    func received(headers: HeaderBlock, oversized: Bool) {
        if oversized {
            return finish(.failure(RPCError(code: .internal, message: "The response's headers are too large.")))
        }
        response.received(headers: headers)
        guard response.isCommitted else { return }
        let metadata = response.initialMetadata ?? [:]
        for waiter in headerWaiters { waiter.resume(returning: metadata) }
        headerWaiters = []
    }

    func received(data: UnsafeBufferPointer<UInt8>) {
        var credit = 0
        do {
            try response.received(data, credit: &credit)
            stream?.consume(credit)
        } catch {
            return finish(.failure(error))
        }
        wakeReader()
    }

    func received(trailers: HeaderBlock) { response.received(trailers: trailers) }

    func receivedEnd() {
        if let error = response.outcome() {
            let stream = stream
            attemptFailed(error, unprocessed: false)
            if outcome != nil { stream?.reset(.noError) }
        } else {
            // Our side may still be open: the server has answered without reading all of it.
            let stream = stream
            self.stream = nil
            finish(.success(()))
            stream?.reset(.noError)
        }
    }

    func outboundDrained() {
        drainWaiter?.resume()
        drainWaiter = nil
    }

    func deadlineExceeded() {
        finish(.failure(RPCError(code: .deadlineExceeded, message: "No answer within the deadline of the call.")))
    }

    func closed(_ end: StreamEnd) {
        guard outcome == nil, stream != nil else { return }
        switch end {
        case .finished:
            attemptFailed(
                RPCError(code: .unknown, message: "The server ended the call without a status."), unprocessed: false)
        case .reset(let code):
            attemptFailed(
                ResponseState.status(ofReset: code), unprocessed: code == ErrorCode.refusedStream.rawValue)
        case .unprocessed:
            attemptFailed(
                RPCError(code: .unavailable, message: "The server did not take the call before it left."),
                unprocessed: true)
        case .connectionLost:
            attemptFailed(RPCError(code: .unavailable, message: "The connection was lost."), unprocessed: false)
        }
    }

    // MARK: For the caller

    /// Ends the call.
    func cancel() {
        onLoop { $0.finish(.failure(RPCError(code: .cancelled, message: "The caller cancelled the call."))) }
    }

    /// Sends one message of a stream; waits for a connection, and while much is queued.
    func send(_ bytes: [UInt8]) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                onLoop { $0.send(bytes, continuation) }
            }
        } onCancel: {
            cancel()
        }
    }

    private func send(_ bytes: [UInt8], _ continuation: CheckedContinuation<Void, any Error>) {
        if let outcome {
            return continuation.resume(
                throwing: outcome.failure ?? RPCError(code: .cancelled, message: "The server has ended the call."))
        }
        precondition(!sendingFinished, "nothing is sent after finish()")
        precondition(writer == nil && drainWaiter == nil, "a request stream has one writer")
        guard let stream else {
            writer = (continuation, bytes)
            return
        }
        hasSent = true
        send(bytes, on: stream)
        if stream.queuedBytes <= client.limits.outboundStreamBytes { return continuation.resume() }
        drainWaiter = continuation
        stream.notifyWhenDrained(to: client.limits.outboundStreamBytes / 2)
    }

    /// Says that no message follows.
    func finishSending() {
        onLoop { call in
            call.sendingFinished = true
            call.stream?.finishSending()
        }
    }

    /// The next message of the response, nil after the last.
    func nextResponse() async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                onLoop { call in
                    if let next = call.nextAvailable() { return continuation.resume(with: next) }
                    precondition(call.reader == nil, "a response stream has one reader")
                    call.reader = continuation
                }
            }
        } onCancel: {
            cancel()
        }
    }

    private func wakeReader() {
        // Taken out first: a message that cannot be decompressed ends the call, which wakes who is waiting.
        guard let waiting = reader else { return }
        reader = nil
        if let next = nextAvailable() { waiting.resume(with: next) } else { reader = waiting }
    }

    private func nextAvailable() -> Result<[UInt8]?, any Error>? {
        do {
            if let frame = try response.take() {
                stream?.consume(frame.credit)
                return .success(frame.bytes)
            }
        } catch {
            finish(.failure(error))
            return .failure(error)
        }
        switch outcome {
        case nil: return nil
        case .success: return .success(nil)
        case .failure(let error): return .failure(error)
        }
    }

    /// The one message of the response; anything else than one is INTERNAL.
    func singleResponse() async throws -> [UInt8] {
        guard let first = try await nextResponse() else {
            throw RPCError(code: .internal, message: "The server answered OK without a message.")
        }
        if try await nextResponse() != nil {
            cancel()
            throw RPCError(code: .internal, message: "The server answered with more than one message.")
        }
        return first
    }

    func decoding<T>(_ bytes: [UInt8], by decode: ([UInt8]) throws -> T) throws -> T {
        do {
            return try decode(bytes)
        } catch {
            cancel()
            throw RPCError(code: .internal, message: "A response of \(method) is not a valid message of its type.")
        }
    }

    /// Metadata the server sent first; waits for it.
    func initialMetadata() async throws -> Metadata {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                onLoop { call in
                    if let error = call.outcome?.failure { return continuation.resume(throwing: error) }
                    if call.response.isCommitted || call.outcome != nil {
                        return continuation.resume(returning: call.response.initialMetadata ?? [:])
                    }
                    call.headerWaiters.append(continuation)
                }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Metadata sent with the status; empty until the call has ended.
    var trailingMetadata: Metadata {
        get async {
            await withCheckedContinuation { continuation in
                onLoop { continuation.resume(returning: $0.outcome == nil ? [:] : $0.response.trailingMetadata) }
            }
        }
    }
}

extension Result where Failure == RPCError {
    /// The error, if it is one.
    var failure: RPCError? {
        if case .failure(let error) = self { error } else { nil }
    }
}
