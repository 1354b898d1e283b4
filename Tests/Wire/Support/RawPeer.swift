/// One end of an HTTP/2 connection in raw frames: sends what a test says, and keeps what comes.
final class RawPeer {
    /// What came on one stream.
    struct Stream {
        var headers: Fields = []
        var trailers: Fields = []
        var data: [UInt8] = []
        var ended = false
        var reset: UInt32?

        var isOver: Bool { ended || reset != nil }

        subscript(name: String) -> String? { (trailers + headers).first { $0.name == name }?.value }
        /// `grpc-status`, wherever it stands.
        var status: Int? { self["grpc-status"].flatMap { Int($0) } }
        var http: String? { headers.first { $0.name == ":status" }?.value }

        /// The gRPC messages in the DATA.
        var messages: [[UInt8]] {
            var rest = data[...]
            var found: [[UInt8]] = []
            while rest.count >= 5 {
                let length = Int(integer(rest.dropFirst()))
                found.append(Array(rest.dropFirst(5).prefix(length)))
                rest = rest.dropFirst(5 + length)
            }
            return found
        }
    }

    struct GoAway: Equatable {
        var last: UInt32
        var code: UInt32
        var debug: String
    }

    let socket: RawSocket
    private(set) var streams: [UInt32: Stream] = [:]
    private(set) var frames: [Frame] = []
    private(set) var goAways: [GoAway] = []
    private(set) var settings: [UInt16: UInt32] = [:]
    private(set) var pongs: [[UInt8]] = []
    private(set) var windowCredit: [UInt32: Int] = [:]
    private(set) var settingsAcks = 0
    /// Whether our side acknowledges PING and SETTINGS by itself.
    var answers = true
    /// Whether DATA are credited as they come.
    var credits = true
    private var input: [UInt8] = []
    private var block: (stream: UInt32, end: Bool, bytes: [UInt8])?
    private let decoder = HPACK.Decoder()
    private var preface: Int

    static let clientPreface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// `expectsPreface`: the peer is a client.
    init(_ socket: RawSocket, expectsPreface: Bool = false) {
        self.socket = socket
        preface = expectsPreface ? Self.clientPreface.count : 0
    }

    /// A client that has sent its preface and SETTINGS, and has seen the server's.
    static func connect(
        port: Int, settings: [(UInt16, UInt32)] = [], receiveBuffer: Int32? = nil
    ) async throws -> RawPeer {
        let peer = RawPeer(try RawSocket(port: port, receiveBuffer: receiveBuffer))
        try await peer.send(bytes: clientPreface + Frame.settings(settings).bytes())
        _ = try await peer.wait { !$0.settings.isEmpty && $0.settingsAcks > 0 }
        return peer
    }

    // MARK: Sending

    func send(_ frames: Frame...) async throws { try await send(bytes: frames.flatMap { $0.bytes() }) }

    func send(_ frames: [Frame]) async throws { try await send(bytes: frames.flatMap { $0.bytes() }) }

    func send(bytes: [UInt8]) async throws { try await socket.send(bytes) }

    /// Sends a flood in pieces, reading what comes meanwhile; stops when the peer hangs up.
    func flood(_ bytes: [UInt8], times: Int, within limit: Duration = .seconds(20)) async throws {
        let deadline = ContinuousClock.now + limit
        let perPiece = max(1, 64 * 1024 / max(bytes.count, 1))
        let piece = Array(repeatElement(bytes, count: perPiece).joined())
        var left = times
        while left > 0, !isClosed, goAways.isEmpty, ContinuousClock.now < deadline {
            try await socket.send(
                left >= perPiece ? piece : Array(piece.prefix(left * bytes.count)), within: .seconds(5))
            left -= perPiece
            try await pump()
        }
    }

    /// The headers of a gRPC request; `more` replaces or adds fields, nil removes one.
    static func request(_ method: String, _ more: KeyValuePairs<String, String?> = [:]) -> Fields {
        var fields: Fields = [
            (":method", "POST"), (":scheme", "http"), (":path", "/wire.Test/\(method)"), (":authority", "localhost"),
            ("te", "trailers"), ("content-type", "application/grpc"),
        ]
        for (name, value) in more {
            if let index = fields.firstIndex(where: { $0.name == name }) {
                if let value { fields[index].value = value } else { fields.remove(at: index) }
            } else if let value {
                fields.append((name, value))
            }
        }
        return fields
    }

    /// Sends a whole call and waits for its end.
    func call(
        _ method: String, _ body: [UInt8], stream: UInt32 = 1, _ more: KeyValuePairs<String, String?> = [:]
    ) async throws -> Stream {
        try await send(.headers(stream, Self.request(method, more)), .data(stream, body, end: true))
        return try await outcome(stream)
    }

    // MARK: Receiving

    var isClosed: Bool { socket.isClosed }

    /// Whether the peer wants no more of this connection.
    var isSentAway: Bool { isClosed || !goAways.isEmpty }

    /// Waits until something is so; false when the time is up or the connection has ended before.
    func wait(_ limit: Duration = .seconds(20), until condition: (RawPeer) -> Bool) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        while true {
            try await pump()
            if condition(self) { return true }
            if isClosed || ContinuousClock.now > deadline { return condition(self) }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    /// What came on a stream, once it is over.
    func outcome(_ stream: UInt32, within limit: Duration = .seconds(20)) async throws -> Stream {
        _ = try await wait(limit) { $0.streams[stream]?.isOver ?? false }
        return streams[stream] ?? Stream()
    }

    /// Whether the peer answers a PING.
    func answersPing() async throws -> Bool {
        let payload = (0..<8).map { _ in UInt8.random(in: 0...255) }
        try await send(.ping(payload))
        return try await wait { $0.pongs.contains(payload) }
    }

    /// Takes in what is there.
    func pump() async throws {
        while let bytes = socket.receive() { input += bytes }
        if preface > 0, input.count >= preface {
            input.removeFirst(preface)
            preface = 0
        }
        guard preface == 0 else { return }
        var offset = 0
        while input.count - offset >= 9 {
            let length = Int(input[offset]) << 16 | Int(input[offset + 1]) << 8 | Int(input[offset + 2])
            guard input.count - offset >= 9 + length else { break }
            let frame = Frame(
                kind: input[offset + 3], flags: input[offset + 4],
                stream: integer(input[(offset + 5)...]) & 0x7fff_ffff,
                payload: Array(input[offset + 9..<offset + 9 + length]))
            offset += 9 + length
            try await take(frame)
        }
        input.removeFirst(offset)
    }

    private func take(_ frame: Frame) async throws {
        if frame.kind != Frame.Kind.data { frames.append(frame) }
        switch frame.kind {
        case Frame.Kind.headers, Frame.Kind.continuation: try takeHeaders(frame)
        case Frame.Kind.data:
            streams[frame.stream, default: Stream()].data += frame.payload
            if frame.has(Frame.Flag.endStream) { streams[frame.stream]?.ended = true }
            if credits, !frame.payload.isEmpty {
                let size = UInt32(frame.payload.count)
                try await send(.windowUpdate(0, size), .windowUpdate(frame.stream, size))
            }
        case Frame.Kind.reset: streams[frame.stream, default: Stream()].reset = integer(frame.payload)
        case Frame.Kind.settings:
            if frame.has(Frame.Flag.ack) {
                settingsAcks += 1
            } else {
                for start in stride(from: 0, to: frame.payload.count - 5, by: 6) {
                    let id = UInt16(frame.payload[start]) << 8 | UInt16(frame.payload[start + 1])
                    settings[id] = integer(frame.payload[(start + 2)...])
                }
                if answers { try await send(.settingsAck) }
            }
        case Frame.Kind.ping:
            if frame.has(Frame.Flag.ack) {
                pongs.append(frame.payload)
            } else if answers {
                try await send(Frame(kind: Frame.Kind.ping, flags: Frame.Flag.ack, payload: frame.payload))
            }
        case Frame.Kind.goAway:
            goAways.append(
                GoAway(
                    last: integer(frame.payload) & 0x7fff_ffff, code: integer(frame.payload.dropFirst(4)),
                    debug: String(decoding: frame.payload.dropFirst(8), as: UTF8.self)))
        case Frame.Kind.windowUpdate: windowCredit[frame.stream, default: 0] += Int(integer(frame.payload))
        default: break
        }
    }

    private func takeHeaders(_ frame: Frame) throws {
        var payload = frame.payload
        if frame.kind == Frame.Kind.headers {
            if frame.has(Frame.Flag.padded) { payload = Array(payload.dropFirst().dropLast(Int(payload[0]))) }
            if frame.has(Frame.Flag.priority) { payload.removeFirst(5) }
            block = (frame.stream, frame.has(Frame.Flag.endStream), payload)
        } else {
            block?.bytes += payload
        }
        guard frame.has(Frame.Flag.endHeaders), let done = block else { return }
        block = nil
        let fields = try decoder.decode(done.bytes)
        var stream = streams[done.stream, default: Stream()]
        if stream.headers.isEmpty { stream.headers = fields } else { stream.trailers = fields }
        if done.end { stream.ended = true }
        streams[done.stream] = stream
    }
}
