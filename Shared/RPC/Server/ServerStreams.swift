/// Messages of the client, in order. Iterate once.
public struct RequestStream<Message: Sendable>: AsyncSequence, Sendable {
    public typealias Element = Message

    let call: ServerCall
    let decode: @Sendable ([UInt8]) throws -> Message

    public func makeAsyncIterator() -> Iterator { Iterator(stream: self) }

    /// Takes one message at a time; what is not taken is not acknowledged to the client's flow control.
    public struct Iterator: AsyncIteratorProtocol {
        let stream: RequestStream

        /// The next message, nil after the last. Throws `RPCError` when the call ends early.
        public mutating func next() async throws -> Message? {
            guard let bytes = try await stream.call.nextRequest() else { return nil }
            return try stream.call.decoding(bytes, by: stream.decode)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws(any Error) -> Message? {
            guard let bytes = try await stream.call.nextRequest() else { return nil }
            return try stream.call.decoding(bytes, by: stream.decode)
        }
    }
}

/// Sends the messages of a streaming reply.
public struct ResponseWriter<Message: Sendable>: Sendable {
    let call: ServerCall
    let encode: @Sendable (Message) throws -> [UInt8]

    /// Sends one message; waits while the client is slower than the server.
    /// Throws `RPCError` when the call ends early.
    public func write(_ message: Message) async throws {
        try await call.write(encode(message))
    }
}
