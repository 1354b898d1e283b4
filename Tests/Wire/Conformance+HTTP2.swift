extension ConformanceCase {
    private static let echo = RawPeer.request("Echo")
    private static let collect = RawPeer.request("Collect")
    private typealias Kind = Frame.Kind
    private typealias Flag = Frame.Flag

    private static let connectionProtocolError = Outcome.connectionError([Code.protocolError])

    /// h2spec's "http2", sections 4 to 6.
    static let http2: [ConformanceCase] = frames + states + errors + frameTypes + settings + control

    private static let frames: [ConformanceCase] = [
        .init("4.1 #1 a frame of unknown type", .ignored, Frame(kind: 0xff, payload: Array(repeating: 0, count: 8))),
        .init(
            "4.1 #2 undefined flags", .ignored,
            Frame(kind: Kind.ping, flags: 0xfe, payload: Array(repeating: 0, count: 8))),
        .init(
            "4.1 #3 the reserved bit", .ignored,
            Frame(kind: Kind.ping, stream: 1 << 31, payload: Array(repeating: 0, count: 8))),
        .init(
            "4.2 #1 DATA of 2^14 bytes", .reply(), .headers(1, collect),
            .data(1, message([UInt8](repeating: 0, count: 16379)), end: true)),
        .init(
            "4.2 #2 DATA over the frame size", .connectionError([Code.frameSize]), .headers(1, collect),
            .data(1, [UInt8](repeating: 0, count: 16385))),
        .init(
            "4.2 #3 HEADERS over the frame size", .connectionError([Code.frameSize]),
            .headers(1, block: [UInt8](repeating: 0, count: 16385), end: true)),
        .init(
            "4.3 #1 an invalid header block", .connectionError([Code.compression]),
            .headers(1, block: [0x40], end: true)),
        .init(
            "4.3 #2 and 6.2 #1 PRIORITY inside a header block", connectionProtocolError,
            .headers(1, echo, endHeaders: false),
            .priority(1, on: 0)),
        .init(
            "4.3 #3 and 6.2 #2 HEADERS of another stream inside a header block", connectionProtocolError,
            .headers(1, echo, endHeaders: false), .headers(3, echo)),
    ]

    private static let states: [ConformanceCase] = [
        .init("5.1 #1 idle: DATA", connectionProtocolError, .data(1, [0])),
        .init("5.1 #2 and 6.4 #2 idle: RST_STREAM", connectionProtocolError, .reset(1)),
        .init("5.1 #3 idle: WINDOW_UPDATE", connectionProtocolError, .windowUpdate(1, 100)),
        .init("5.1 #4 idle: CONTINUATION", connectionProtocolError, .continuation(1, endHeaders: true)),
        .init(
            "5.1 #5 and 6.1 #2 half-closed (remote): DATA", .connectionError([Code.streamClosed]),
            .headers(1, RawPeer.request("Wait")), .data(1, message(""), end: true), .data(1, [0])),
        .init(
            "5.1 #6 half-closed (remote): HEADERS", .connectionError([Code.streamClosed, Code.protocolError]),
            .headers(1, RawPeer.request("Wait")), .data(1, message(""), end: true), .headers(1, echo)),
        .init(
            "5.1 #7 half-closed (remote): CONTINUATION", connectionProtocolError, .headers(1, RawPeer.request("Wait")),
            .data(1, message(""), end: true), .continuation(1, endHeaders: true)),
        .init("5.1 #8 closed by RST_STREAM: DATA", .ignored) {
            try await $0.open()
            try await $0.send(.reset(1), .data(1, [0]))
        },
        .init("5.1 #9 closed by RST_STREAM: HEADERS", .ignored) {
            try await $0.open()
            try await $0.send(.reset(1), .headers(1, echo, end: true))
        },
        .init("5.1 #10 closed by RST_STREAM: CONTINUATION", connectionProtocolError) {
            try await $0.open()
            try await $0.send(.reset(1), .continuation(1, endHeaders: true))
        },
        .init("5.1 #11 closed: DATA", .ignored) {
            try await $0.finish()
            try await $0.send(.data(1, [0]))
        },
        .init("5.1 #12 closed: HEADERS", .ignored) {
            try await $0.finish()
            try await $0.send(.headers(1, echo, end: true))
        },
        .init("5.1 #13 closed: CONTINUATION", connectionProtocolError) {
            try await $0.finish()
            try await $0.send(.continuation(1, endHeaders: true))
        },
        .init("5.1 closed: WINDOW_UPDATE and RST_STREAM may still be on the way", .ignored) {
            try await $0.finish()
            try await $0.send(.windowUpdate(1, 10), .reset(1))
        },
        .init("5.1.1 #1 an even stream id", connectionProtocolError, .headers(2, echo)),
        .init("5.1.1 #2 a stream id below an earlier one", .ignored) {
            try await $0.finish(5)
            try await $0.send(.headers(3, echo))
        },
        .init("5.1.2 #1 more streams than allowed", connectionProtocolError) { peer in
            for index in 0...256 { try await peer.send(.headers(UInt32(1 + 2 * index), RawPeer.request("Ignore"))) }
        },
        .init("5.3.1 #1 HEADERS that depend on themselves", connectionProtocolError) {
            var frame = Frame.headers(1, collect, end: true)
            frame.flags |= Flag.priority
            frame.payload = bigEndian(1) + [15] + frame.payload
            try await $0.send(frame)
        },
        .init("5.3.1 #2 PRIORITY that depends on itself", .ignored, .priority(1, on: 1)),
    ]

    private static let errors: [ConformanceCase] = [
        .init(
            "5.4.1 #1 and #2 a connection error: GOAWAY, and the end", .connectionError([Code.frameSize]), .ping([0])),
        .init(
            "5.5 #1 an unknown extension frame", .ignored,
            Frame(kind: 0x42, flags: 0xff, stream: 7, payload: [1, 2, 3])),
        .init(
            "5.5 #2 an unknown frame inside a header block", connectionProtocolError,
            .headers(1, echo, endHeaders: false), Frame(kind: 0x42, payload: [0])),
    ]

    private static let frameTypes: [ConformanceCase] = [
        .init("6.1 #1 DATA of stream 0", connectionProtocolError, .data(0, [0])),
        .init(
            "6.1 #3 DATA padded beyond its end", connectionProtocolError, .headers(1, collect),
            Frame(kind: Kind.data, flags: Flag.padded, stream: 1, payload: [6, 0, 0])),
        .init("6.2 #3 HEADERS of stream 0", connectionProtocolError, .headers(0, echo)),
        .init("6.2 #4 HEADERS padded beyond their end", connectionProtocolError) {
            var frame = Frame.headers(1, echo)
            frame.flags |= Flag.padded
            frame.payload = [255] + frame.payload.prefix(20)
            try await $0.send(frame)
        },
        .init("6.3 #1 PRIORITY of stream 0", .ignored, .priority(0, on: 0)),
        .init(
            "6.3 #2 PRIORITY of a wrong length", .connectionError([Code.frameSize]), .headers(1, collect),
            Frame(kind: Kind.priority, stream: 1, payload: [0, 0, 0, 0])),
        .init("6.4 #1 RST_STREAM of stream 0", connectionProtocolError, .reset(0)),
        .init(
            "6.4 #3 RST_STREAM of a wrong length", .connectionError([Code.frameSize]), .headers(1, collect),
            Frame(kind: Kind.reset, stream: 1, payload: [0, 0, 0])),
        .init("6.7 #1 PING is answered with its bytes", .ignored) { _ in },
        .init(
            "6.7 #2 an answer to no PING", .ignored,
            Frame(kind: Kind.ping, flags: Flag.ack, payload: Array(repeating: 7, count: 8))),
        .init(
            "6.7 #3 PING of a stream", connectionProtocolError,
            Frame(kind: Kind.ping, stream: 1, payload: Array(repeating: 0, count: 8))),
        .init("6.7 #4 PING of a wrong length", .connectionError([Code.frameSize]), .ping([0, 0, 0, 0, 0, 0])),
        .init(
            "6.8 #1 GOAWAY of a stream", connectionProtocolError,
            Frame(kind: Kind.goAway, stream: 1, payload: Array(repeating: 0, count: 8))),
        .init("6.10 #1 several CONTINUATION", .reply()) {
            let block = HPACK.literal(collect)
            try await $0.send(
                .headers(1, block: Array(block.prefix(5)), end: true, endHeaders: false),
                .continuation(1, block: Array(block[5..<20]), endHeaders: false),
                .continuation(1, block: Array(block[20...]), endHeaders: true))
        },
        .init(
            "6.10 #2 CONTINUATION followed by DATA", connectionProtocolError, .headers(1, echo, endHeaders: false),
            .continuation(1, endHeaders: false), .data(1, [0])),
        .init(
            "6.10 #3 CONTINUATION of stream 0", connectionProtocolError, .headers(1, echo, endHeaders: false),
            .continuation(0, endHeaders: true)),
        .init(
            "6.10 #4 CONTINUATION after the end of the headers", connectionProtocolError, .headers(1, collect),
            .continuation(1, endHeaders: true)),
        .init(
            "6.10 #5 CONTINUATION after a last CONTINUATION", connectionProtocolError,
            .headers(1, collect, endHeaders: false), .continuation(1, endHeaders: true),
            .continuation(1, endHeaders: true)),
        .init(
            "6.10 #6 CONTINUATION after DATA", connectionProtocolError, .headers(1, collect), .data(1, message("")),
            .continuation(1, endHeaders: true)),
    ]

    private static let settings: [ConformanceCase] = [
        .init(
            "6.5 #1 an acknowledgement with a payload", .connectionError([Code.frameSize]),
            Frame(kind: Kind.settings, flags: Flag.ack, payload: [0])),
        .init(
            "6.5 #2 SETTINGS of a stream", connectionProtocolError,
            Frame(kind: Kind.settings, stream: 1, payload: [0, 3, 0, 0, 0, 100])),
        .init(
            "6.5 #3 SETTINGS of a wrong length", .connectionError([Code.frameSize]),
            Frame(kind: Kind.settings, payload: [0, 3, 0])),
        .init("6.5.2 #1 ENABLE_PUSH of 2", connectionProtocolError, .settings([(2, 2)])),
        .init(
            "6.5.2 #2 INITIAL_WINDOW_SIZE over the maximum", .connectionError([Code.flowControl]),
            .settings([(4, 1 << 31)])),
        .init("6.5.2 #3 MAX_FRAME_SIZE below the minimum", connectionProtocolError, .settings([(5, 16383)])),
        .init("6.5.2 #4 MAX_FRAME_SIZE over the maximum", connectionProtocolError, .settings([(5, 1 << 24)])),
        .init("6.5.2 #5 an unknown setting", .ignored, .settings([(0xff, 1)])),
        .init("6.5.3 #1 values are taken in order", .reply()) { peer in
            // The last value holds: one byte fits at a time.
            peer.credits = false
            try await peer.send(.settings([(4, 100), (4, 1)]), .headers(1, echo), .data(1, message("a"), end: true))
            _ = try await peer.wait { $0.streams[1]?.data.isEmpty == false }
            guard try await peer.answersPing(), peer.streams[1]?.data.count == 1 else { return }
            try await peer.send(.windowUpdate(1, 100))
        },
        .init("6.5.3 #2 SETTINGS are acknowledged", .ignored) { peer in
            let before = peer.settingsAcks
            try await peer.send(.settings(), .settings())
            _ = try await peer.wait { $0.settingsAcks == before + 2 }
            if peer.settingsAcks != before + 2 { peer.socket.abort() }
        },
    ]

    private static let control: [ConformanceCase] = [
        .init("6.9 #1 WINDOW_UPDATE of 0 for the connection", connectionProtocolError, .windowUpdate(0, 0)),
        .init(
            "6.9 #2 WINDOW_UPDATE of 0 for a stream", connectionProtocolError, .headers(1, collect), .windowUpdate(1, 0)
        ),
        .init(
            "6.9 #3 WINDOW_UPDATE of a wrong length", .connectionError([Code.frameSize]),
            Frame(kind: Kind.windowUpdate, payload: [0, 0, 1])),
        .init("6.9.1 #1 the window is kept to", .reply()) { peer in
            peer.credits = false
            try await peer.send(.settings([(4, 1)]), .headers(1, echo), .data(1, message("abc"), end: true))
            _ = try await peer.wait { $0.streams[1]?.data.isEmpty == false }
            guard try await peer.answersPing(), peer.streams[1]?.data.count == 1 else { return }
            try await peer.send(.windowUpdate(1, 100))
        },
        .init(
            "6.9.1 #2 the connection's window over the maximum", .connectionError([Code.flowControl]),
            .windowUpdate(0, 0x7fff_ffff), .windowUpdate(0, 0x7fff_ffff)),
        .init(
            "6.9.1 #3 a stream's window over the maximum", .streamError([Code.flowControl]), .headers(1, collect),
            .windowUpdate(1, 0x7fff_ffff), .windowUpdate(1, 0x7fff_ffff)),
        .init("6.9.2 #1 windows of open streams change", .reply()) { peer in
            peer.credits = false
            try await peer.send(.settings([(4, 0)]), .headers(1, echo), .data(1, message("abc"), end: true))
            guard try await peer.answersPing(), peer.streams[1]?.data.isEmpty != false else { return }
            try await peer.send(.settings([(4, 100)]))
        },
        .init("6.9.2 #2 windows may be negative", .reply()) { peer in
            peer.credits = false
            try await peer.send(.settings([(4, 3)]), .headers(1, echo), .data(1, message("abcdef"), end: true))
            _ = try await peer.wait { $0.streams[1]?.data.count == 3 }
            try await peer.send(.settings([(4, 2)]), .windowUpdate(1, 1))
            guard try await peer.answersPing(), peer.streams[1]?.data.count == 3 else { return }
            try await peer.send(.windowUpdate(1, 100))
        },
        .init(
            "6.9.2 #3 the initial window overflows an open stream's", .streamError([Code.flowControl]),
            .headers(1, collect), .windowUpdate(1, 0x7fff_ffff - 65535), .settings([(4, 0x7fff_ffff)])),
        .init(
            "7 #1 GOAWAY with an unknown code", .reply(), .headers(1, collect), .goAway(last: 0, 0xff),
            .data(1, [], end: true)),
        .init("7 #2 RST_STREAM with an unknown code", .ignored, .headers(1, collect), .reset(1, 0xff)),
        .init(
            "8.2 #1 PUSH_PROMISE of a client", connectionProtocolError, .headers(1, collect),
            Frame(
                kind: Kind.pushPromise, flags: Flag.endHeaders, stream: 1, payload: bigEndian(2) + HPACK.literal(echo))),
    ]

    /// h2spec's "http2", section 8: malformed requests.
    static let http2Messages: [ConformanceCase] =
        [
            .init(
                "8.1 #1 second HEADERS without the end", .streamError([Code.protocolError]), .headers(1, collect),
                .headers(1, [("x-late", "1")])),
            .init(
                "8.1.2.1 #3 a pseudo-header in trailers", .streamError([Code.protocolError]), .headers(1, collect),
                .headers(1, [(":path", "/")], end: true)),
        ]
        + [
            ("8.1.2 #1 an upper-case name", echo + [("X-Test", "a")]),
            ("8.1.2.1 #1 an unknown pseudo-header", [(":test", "a")] + echo),
            ("8.1.2.1 #2 a pseudo-header of responses", [(":status", "200")] + echo),
            ("8.1.2.1 #4 a pseudo-header after a field", [("x-early", "1")] + echo),
            ("8.1.2.2 #1 connection", echo + [("connection", "keep-alive")]),
            ("8.1.2.2 #2 te other than trailers", RawPeer.request("Echo", ["te": "trailers, deflate"])),
            ("8.1.2.2 transfer-encoding", echo + [("transfer-encoding", "chunked")]),
            ("8.1.2.3 #1 an empty :path", RawPeer.request("Echo", [":path": ""])),
            ("8.1.2.3 #2 no :method", RawPeer.request("Echo", [":method": nil])),
            ("8.1.2.3 #3 no :scheme", RawPeer.request("Echo", [":scheme": nil])),
            ("8.1.2.3 #4 no :path", RawPeer.request("Echo", [":path": nil])),
            ("8.1.2.3 #5 :method twice", [(":method", "POST")] + echo),
            ("8.1.2.3 #6 :scheme twice", [(":scheme", "http")] + echo),
            ("8.1.2.3 #7 :path twice", [(":path", "/wire.Test/Echo")] + echo),
        ].map { name, fields in
            .init(name, .streamError([Code.protocolError]), .headers(1, fields), .data(1, message(""), end: true))
        } + [
            .init(
                "8.1.2.6 #1 content-length is not the length of the DATA", .streamError([Code.protocolError]),
                .headers(1, RawPeer.request("Echo", ["content-length": "1"])), .data(1, message("test"), end: true)),
            .init(
                "8.1.2.6 #2 content-length is not the length of all DATA", .streamError([Code.protocolError]),
                .headers(1, RawPeer.request("Echo", ["content-length": "100"])), .data(1, message("a")),
                .data(1, message("b"), end: true)),
        ]
}
