/// Sends the messages of a streaming request.
public struct RequestWriter<Message: Sendable>: Sendable {
    let call: ClientCall
    let encode: @Sendable (Message) throws -> [UInt8]

    /// Sends one message; waits while the server is slower than the client.
    public func send(_ message: Message) async throws { try await call.send(encode(message)) }

    /// Says that no message follows.
    public func finish() { call.finishSending() }
}

/// Messages of a streaming reply, in order. Iterate once. Ends normally on status OK, throws `RPCError` on any other.
public struct ResponseStream<Message: Sendable>: AsyncSequence, Sendable {
    public typealias Element = Message

    let call: ClientCall
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
        guard let bytes = try await call.nextResponse() else { return nil }
        return try call.decoding(bytes, by: decode)
    }
}

/// A call whose reply is a stream.
public struct ServerStreamingCall<Response: Sendable>: Sendable {
    /// The messages of the reply.
    public let responses: ResponseStream<Response>
    /// Metadata the server sent first; waits for it.
    public var initialMetadata: Metadata { get async throws { try await responses.call.initialMetadata() } }
    /// Metadata the server sent with the status; empty until the stream has ended.
    public var trailingMetadata: Metadata { get async { await responses.call.trailingMetadata } }
    /// Ends the call.
    public func cancel() { responses.call.cancel() }
}

/// A call whose request is a stream.
public struct ClientStreamingCall<Request: Sendable, Response: Sendable>: Sendable {
    /// Sends the request's messages.
    public let requests: RequestWriter<Request>
    let decode: @Sendable ([UInt8]) throws -> Response

    /// The reply; finishes the request stream if that has not been done.
    public func response() async throws -> Response {
        requests.finish()
        return try await requests.call.decoding(requests.call.singleResponse(), by: decode)
    }
    /// Metadata the server sent first; waits for it.
    public var initialMetadata: Metadata { get async throws { try await requests.call.initialMetadata() } }
    /// Metadata the server sent with the status; empty until the call has ended.
    public var trailingMetadata: Metadata { get async { await requests.call.trailingMetadata } }
    /// Ends the call.
    public func cancel() { requests.call.cancel() }
}

/// A call with streams both ways, independent of each other.
public struct BidirectionalCall<Request: Sendable, Response: Sendable>: Sendable {
    /// Sends the request's messages.
    public let requests: RequestWriter<Request>
    /// The messages of the reply.
    public let responses: ResponseStream<Response>
    /// Metadata the server sent first; waits for it.
    public var initialMetadata: Metadata { get async throws { try await responses.call.initialMetadata() } }
    /// Metadata the server sent with the status; empty until the call has ended.
    public var trailingMetadata: Metadata { get async { await responses.call.trailingMetadata } }
    /// Ends the call.
    public func cancel() { responses.call.cancel() }
}
