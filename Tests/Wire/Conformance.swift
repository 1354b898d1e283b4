import Testing

/// A case of HTTP/2 conformance: what a client sends, and what the server must make of it.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    enum Outcome: Sendable {
        /// GOAWAY with one of the codes, then the end of the connection.
        case connectionError([UInt32])
        /// RST_STREAM with one of the codes on the stream; the connection goes on.
        case streamError([UInt32], stream: UInt32 = 1)
        /// A gRPC reply of status OK on the stream.
        case reply(stream: UInt32 = 1)
        /// An HTTP status on the stream.
        case http(String)
        /// The connection goes on.
        case ignored
    }

    let name: String
    let outcome: Outcome
    let play: @Sendable (RawPeer) async throws -> Void

    init(_ name: String, _ outcome: Outcome, _ play: @escaping @Sendable (RawPeer) async throws -> Void) {
        self.name = name
        self.outcome = outcome
        self.play = play
    }

    /// Frames, one after the other.
    init(_ name: String, _ outcome: Outcome, _ frames: Frame...) {
        self.init(name, outcome) { try await $0.send(frames) }
    }

    var testDescription: String { name }

    /// Plays the case, and says what is wrong with the answer; nil: nothing.
    func problem(with peer: RawPeer) async throws -> String? {
        try await play(peer)
        switch outcome {
        case .connectionError(let codes):
            guard try await peer.wait(until: { $0.isClosed }) else { return "the connection stays open" }
            guard let goAway = peer.goAways.last else { return "no GOAWAY" }
            return codes.contains(goAway.code) ? nil : "GOAWAY has the code \(goAway.code)"
        case .streamError(let codes, let stream):
            _ = try await peer.wait { $0.streams[stream]?.reset != nil || $0.isSentAway }
            guard let code = peer.streams[stream]?.reset else { return "no RST_STREAM; GOAWAY: \(peer.goAways)" }
            guard codes.contains(code) else { return "RST_STREAM has the code \(code)" }
            return try await peer.answersPing() ? nil : "the connection has ended"
        case .reply(let stream):
            let reply = try await peer.outcome(stream)
            return reply.status == 0 ? nil : "\(reply), GOAWAY: \(peer.goAways)"
        case .http(let status):
            let reply = try await peer.outcome(1)
            return reply.http == status ? nil : "\(reply)"
        case .ignored:
            return try await peer.answersPing() && peer.goAways.isEmpty ? nil : "GOAWAY: \(peer.goAways)"
        }
    }
}

/// HTTP/2 error codes of RFC 9113, section 7.
enum Code {
    static let protocolError: UInt32 = 1
    static let flowControl: UInt32 = 3
    static let streamClosed: UInt32 = 5
    static let frameSize: UInt32 = 6
    static let refused: UInt32 = 7
    static let compression: UInt32 = 9
}

extension RawPeer {
    /// Opens a stream that stays open.
    func open(_ stream: UInt32 = 1) async throws { try await send(.headers(stream, Self.request("Collect"))) }

    /// A whole call, to its end.
    func finish(_ stream: UInt32 = 1) async throws { _ = try await call("Echo", message(""), stream: stream) }
}

/// The cases of h2spec that apply to a server, as tests in raw frames; named by the section in h2spec, whose "http2"
/// part follows the sections of RFC 7540.
///
/// Where this server answers otherwise than h2spec wants, and why:
/// - http2 4.2 #2, 5.1.2 #1, 5.1 #5 to #7, 6.9 #2: h2spec takes a stream error; libnghttp2 ends the connection, which
///   RFC 9113 section 5.4.1 leaves to each side.
/// - http2 5.1 #8, #9, #11, #12 and 5.1.1 #2: frames of streams that are gone. Closed streams are not remembered, so
///   that they cost nothing; what still comes for them may have crossed a reset on the wire, and is dropped.
/// - http2 5.3.1 #2 and 6.3 #1: PRIORITY of a stream that depends on itself, or of stream 0. We announce
///   SETTINGS_NO_RFC7540_PRIORITIES, priorities are no longer part of the protocol (RFC 9113, section 5.3.2), and
///   PRIORITY is only counted. In HEADERS (5.3.1 #1) the library still looks, and ends the connection.
/// - http2 6.9.2 #3: an initial window that overflows the window of an open stream resets that stream only.
/// - generic 4 #1 and #2 (GET and HEAD): a gRPC server takes POST; the answer is HTTP 405 or 415.
@Suite(.timeLimit(.minutes(10))) struct ConformanceTests {
    @Test(arguments: ConformanceCase.generic) func `h2spec generic`(test: ConformanceCase) async throws {
        try await run(test)
    }

    @Test(arguments: ConformanceCase.http2) func `h2spec http2`(test: ConformanceCase) async throws {
        try await run(test)
    }

    @Test(arguments: ConformanceCase.http2Messages) func `h2spec http2, messages`(test: ConformanceCase) async throws {
        try await run(test)
    }

    @Test(arguments: ConformanceCase.hpack) func `h2spec hpack`(test: ConformanceCase) async throws {
        try await run(test)
    }

    private func run(_ test: ConformanceCase) async throws {
        try await WireServer.connect { peer, server in
            let problem = try await test.problem(with: peer)
            #expect(problem == nil)
            #expect(try await server.answersOthers())
        }
    }

    @Test func `h2spec http2 3.5 #2 an invalid preface ends the connection`() async throws {
        try await WireServer.run { server in
            for preface in ["INVALID CONNECTION PREFACE\r\n\r\n", "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"] {
                let peer = RawPeer(try RawSocket(port: server.port))
                try await peer.send(bytes: Array(preface.utf8))
                #expect(try await peer.wait { $0.isClosed })
            }
            // The preface is followed by SETTINGS, by nothing else (RFC 9113, section 3.4).
            let peer = RawPeer(try RawSocket(port: server.port))
            try await peer.send(bytes: RawPeer.clientPreface + Frame.ping().bytes())
            #expect(try await peer.wait { $0.isClosed })
        }
    }
}
