/// What a caller holds of a streaming call. When nobody holds it any more, nobody will take the answer: the call ends,
/// and gives back its stream and its share of the flow control window.
final class CallHolder: Sendable {
    let call: ClientCall

    init(_ call: ClientCall) { self.call = call }

    deinit { call.cancel() }
}

/// Sends the messages of a streaming request.
public struct RequestWriter<Message: Sendable>: Sendable {
    let holder: CallHolder
    let encode: @Sendable (Message) throws -> [UInt8]

    /// Sends one message; waits while the server is slower than the client.
    public func send(_ message: Message) async throws { try await holder.call.send(encode(message)) }

    /// Says that no message follows.
    public func finish() { holder.call.finishSending() }
}

/// Messages of a streaming reply, in order. Iterate once. Ends normally on status OK, throws `RPCError` on any other.
public struct ResponseStream<Message: Sendable>: AsyncSequence, Sendable {
    public typealias Element = Message

    let holder: CallHolder
    let decode: @Sendable ([UInt8]) throws -> Message

    public func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

    /// Takes one message at a time.
    public struct Iterator: AsyncIteratorProtocol {
        let stream: ResponseStream

        /// The next message, nil after the last.
        public mutating func next() async throws -> Message? { try await stream.take() }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(any Error) -> Message? {
            try await stream.take()
        }
    }

    func take() async throws -> Message? {
        guard let bytes = try await holder.call.nextResponse() else { return nil }
        return try holder.call.decoding(bytes, by: decode)
    }
}

/// A call whose reply is a stream. Ends when nobody holds it, or its responses, any more.
public struct ServerStreamingCall<Response: Sendable>: Sendable {
    /// The messages of the reply.
    public let responses: ResponseStream<Response>
    /// Metadata the server sent first; waits for it.
    public var initialMetadata: Metadata { get async throws { try await responses.holder.call.initialMetadata() } }
    /// Metadata the server sent with the status; empty until the stream has ended.
    public var trailingMetadata: Metadata { get async { await responses.holder.call.trailingMetadata } }
    /// Ends the call.
    public func cancel() { responses.holder.call.cancel() }
}

/// A call whose request is a stream. Ends when nobody holds it, or its requests, any more.
public struct ClientStreamingCall<Request: Sendable, Response: Sendable>: Sendable {
    /// Sends the request's messages.
    public let requests: RequestWriter<Request>
    let decode: @Sendable ([UInt8]) throws -> Response

    /// The reply; finishes the request stream if that has not been done.
    public func response() async throws -> Response {
        requests.finish()
        return try await requests.holder.call.decoding(requests.holder.call.singleResponse(), by: decode)
    }
    /// Metadata the server sent first; waits for it.
    public var initialMetadata: Metadata { get async throws { try await requests.holder.call.initialMetadata() } }
    /// Metadata the server sent with the status; empty until the call has ended.
    public var trailingMetadata: Metadata { get async { await requests.holder.call.trailingMetadata } }
    /// Ends the call.
    public func cancel() { requests.holder.call.cancel() }
}

/// A call with streams both ways, independent of each other. Ends when nobody holds it, or one of its streams, any
/// more.
public struct BidirectionalCall<Request: Sendable, Response: Sendable>: Sendable {
    /// Sends the request's messages.
    public let requests: RequestWriter<Request>
    /// The messages of the reply.
    public let responses: ResponseStream<Response>
    /// Metadata the server sent first; waits for it.
    public var initialMetadata: Metadata { get async throws { try await responses.holder.call.initialMetadata() } }
    /// Metadata the server sent with the status; empty until the call has ended.
    public var trailingMetadata: Metadata { get async { await responses.holder.call.trailingMetadata } }
    /// Ends the call.
    public func cancel() { responses.holder.call.cancel() }
}
