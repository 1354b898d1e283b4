import HTTP2
import NIOCore
import RPC
import TestSupport
import Testing

/// The attacks of the project's list (table B.3), each against limits small enough to be quick. What they cost a whole
/// process at the default limits is measured in `AbuseCostTests`.
@Suite(.timeLimit(.minutes(10))) struct AbuseTests {
    /// Sends a flood; the peer must be sent away with ENHANCE_YOUR_CALM, and others must be answered meanwhile.
    private func expectSentAway(
        _ limits: Limits, debug: String?, flood: (RawPeer, WireServer) async throws -> Void
    ) async throws {
        try await WireServer.connect(limits) { peer, server in
            try await flood(peer, server)
            #expect(try await server.answersOthers())
            #expect(try await peer.wait { $0.isClosed })
            if let debug {
                #expect(peer.goAways.first?.code == 11)
                #expect(peer.goAways.first?.debug == debug)
            }
            #expect(try await server.answersOthers())
            #expect(try await server.seen.eventually { $0.running == 0 })
        }
    }

    private static var strict: Limits {
        var limits = Limits()
        limits.peerResets = .init(burst: 50, perSecond: 1)
        limits.streamErrors = .init(burst: 20, perSecond: 1)
        limits.controlFrames = .init(burst: 200, perSecond: 1)
        return limits
    }

    @Test func `B.3 rapid reset (CVE-2023-44487) is counted and starts few handlers`() async throws {
        try await expectSentAway(Self.strict, debug: "too_many_resets") { peer, server in
            var bytes: [UInt8] = []
            for index in 0..<2000 {
                let stream = UInt32(1 + 2 * index)
                bytes += Frame.headers(stream, RawPeer.request("Wait")).bytes()
                bytes += Frame.data(stream, message(""), end: true).bytes() + Frame.reset(stream).bytes()
            }
            try await peer.send(bytes: bytes)
            // A stream reset before its request is looked at starts nothing.
            #expect(server.seen.now.started <= 400)
            #expect(server.seen.now.mostRunning <= 300)
        }
    }

    @Test func `B.3 MadeYouReset (CVE-2025-8671) by window overflow`() async throws {
        try await expectSentAway(Self.strict, debug: "too_many_stream_errors") { peer, server in
            for index in 0..<200 where !peer.isSentAway {
                let stream = UInt32(1 + 2 * index)
                try await peer.send(
                    .headers(stream, RawPeer.request("Wait")), .data(stream, message(""), end: true),
                    .windowUpdate(stream, 0x7fff_ffff), .windowUpdate(stream, 0x7fff_ffff))
                try await peer.pump()
            }
            _ = try await peer.wait { $0.isSentAway }
            #expect(server.seen.now.mostRunning <= 200)
        }
    }

    @Test(arguments: ["upper-case", "connection", "content-length"])
    func `B.3 MadeYouReset by malformed requests`(kind: String) async throws {
        try await expectSentAway(Self.strict, debug: "too_many_stream_errors") { peer, _ in
            for index in 0..<200 where !peer.isSentAway {
                let stream = UInt32(1 + 2 * index)
                switch kind {
                case "upper-case": try await peer.send(.headers(stream, RawPeer.request("Wait", ["Upper": "a"])))
                case "connection": try await peer.send(.headers(stream, RawPeer.request("Wait", ["connection": "a"])))
                default:
                    try await peer.send(
                        .headers(stream, RawPeer.request("Wait", ["content-length": "1"])),
                        .data(stream, message("abc"), end: true))
                }
                try await peer.pump()
            }
            _ = try await peer.wait { $0.isSentAway }
        }
    }

    @Test func `B.3 handlers of one connection are capped, whatever resets their streams`() async throws {
        var limits = Limits()
        limits.runningHandlers = 20
        limits.concurrentStreams = 10
        limits.peerResets = .init(burst: 10_000, perSecond: 10_000)
        try await WireServer.connect(limits) { peer, server in
            for index in 0..<10 {
                let stream = UInt32(1 + 2 * index)
                try await peer.send(
                    .headers(stream, RawPeer.request("Stubborn")), .data(stream, message(""), end: true))
            }
            #expect(try await server.seen.eventually { $0.running == 10 })
            for index in 0..<10 { try await peer.send(.reset(UInt32(1 + 2 * index))) }
            for index in 10..<20 {
                let stream = UInt32(1 + 2 * index)
                try await peer.send(
                    .headers(stream, RawPeer.request("Stubborn")), .data(stream, message(""), end: true))
            }
            #expect(try await server.seen.eventually { $0.running == 20 })
            for index in 10..<20 { try await peer.send(.reset(UInt32(1 + 2 * index))) }
            // Streams are free, handlers are not: the call is refused, and safe to make again.
            #expect(try await peer.call("Echo", message(""), stream: 101).reset == Code.refused)
            #expect(server.seen.now.mostRunning == 20)
            #expect(try await server.answersOthers())
            server.seen.release()
            #expect(try await server.seen.eventually { $0.running == 0 })
            #expect(try await peer.call("Echo", message(""), stream: 103).status == 0)
        }
    }

    @Test func `B.3 CONTINUATION flood (CVE-2024-28182)`() async throws {
        try await expectSentAway(Self.strict, debug: nil) { peer, _ in
            try await peer.send(.headers(1, RawPeer.request("Echo"), endHeaders: false))
            try await peer.flood(Frame.continuation(1, endHeaders: false).bytes(), times: 10_000)
        }
    }

    @Test func `B.3 HPACK bomb`() async throws {
        var limits = Limits()
        limits.oversizedHeaderLists = 2
        // One long field in the dynamic table, then thousands of one-byte references to it.
        let bomb =
            HPACK.literal(RawPeer.request("Echo"))
            + HPACK.indexed(name: "x", value: String(repeating: "v", count: 4000))
            + [UInt8](repeating: 0x80 | 62, count: 12_000)
        try await expectSentAway(limits, debug: "header_list_size") { peer, _ in
            for stream: UInt32 in [1, 3] {
                try await peer.send(.headers(stream, block: bomb, end: true))
                #expect(try await peer.outcome(stream).status == 8, "48 MB are refused, not stored")
            }
            try await peer.send(.headers(5, block: bomb, end: true))
        }
    }

    @Test func `B.3 header lists over the limit end the connection when repeated`() async throws {
        var limits = Limits()
        limits.headerListBytes = 500
        limits.oversizedHeaderLists = 5
        try await expectSentAway(limits, debug: "header_list_size") { peer, _ in
            for index in 0..<6 {
                try await peer.send(
                    .headers(
                        UInt32(1 + 2 * index), RawPeer.request("Echo", ["x": String(repeating: "v", count: 500)]),
                        end: true))
            }
        }
    }

    @Test(arguments: [
        ("settings", Frame.settings([(4, 65_535)]).bytes()), ("window_update", Frame.windowUpdate(0, 1).bytes()),
        ("priority", Frame.priority(1, on: 0).bytes()),
    ])
    func `B.3 control frame floods`(name: String, frame: [UInt8]) async throws {
        try await expectSentAway(Self.strict, debug: "too_many_\(name)_frames") { peer, _ in
            try await peer.flood(frame, times: 20_000)
        }
    }

    @Test(arguments: [Frame.data(1, []), Frame.padded(1, [], padding: 10)])
    func `B.3 empty DATA flood`(frame: Frame) async throws {
        try await expectSentAway(Self.strict, debug: "too_many_empty_data_frames") { peer, _ in
            try await peer.open()
            try await peer.flood(frame.bytes(), times: 20_000)
        }
    }

    @Test func `B.3 PING flood, answers read`() async throws {
        try await expectSentAway(Limits(), debug: "too_many_pings") { peer, _ in
            try await peer.flood(Frame.ping().bytes(), times: 20_000)
        }
    }

    @Test(arguments: [("PING", Frame.ping()), ("SETTINGS", .settings())])
    func `B.3 PING and SETTINGS floods, answers not read`(name: String, frame: Frame) async throws {
        // Traffic would forgive the pings: the queue of answers is bounded all the same.
        try await WireServer.run { server in
            let socket = try RawSocket(port: server.port, receiveBuffer: 4096)
            let bytes =
                RawPeer.clientPreface + Frame.settings().bytes()
                + Array(repeatElement(frame.bytes(), count: 100_000).joined())
            try await socket.send(bytes, within: .seconds(2))
            #expect(try await server.answersOthers())
            try await eventually("the connection stays") { server.server.connectionCount == 0 }
            withExtendedLifetime(socket) {}
        }
    }

    /// RFC 9113, section 5.5: a few are ignored; a flood of them is work for nothing like any other.
    @Test(arguments: [UInt8(0x0a), 0x0c, 0x42, 0xff]) func `B.3 unknown frames flood`(kind: UInt8) async throws {
        let unknown = Frame(kind: kind, stream: 1, payload: [1, 2, 3]).bytes()
        try await WireServer.connect { peer, _ in
            try await peer.send(bytes: Array(repeatElement(unknown, count: 100).joined()))
            #expect(try await peer.call("Echo", message("")).status == 0)
        }
        try await expectSentAway(Self.strict, debug: "too_many_unknown_frames") { peer, _ in
            try await peer.flood(unknown, times: 20_000)
        }
    }

    /// CVE-2026-27135, over a socket: what makes the server leave and malformed frames come in one segment.
    @Test func `B.3 malformed frames after the GOAWAY (CVE-2026-27135)`() async throws {
        try await expectSentAway(Limits(), debug: nil) { peer, _ in
            let pings = Array(repeatElement(Frame.ping().bytes(), count: 10).joined())
            let malformed =
                Frame(kind: Frame.Kind.settings, payload: [1, 2, 3]).bytes() + Frame.windowUpdate(0, 0).bytes()
                + Frame.continuation(1, endHeaders: true).bytes() + Frame.headers(2, block: [0x80]).bytes()
                + [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0]
            try await peer.send(bytes: pings + malformed)
        }
    }

    /// CVE-2023-35945, over a socket: replies that can no longer be sent when their turn comes.
    @Test func `B.3 replies whose streams are gone (CVE-2023-35945)`() async throws {
        try await WireServer.connect { peer, server in
            for round in 0..<50 {
                var bytes: [UInt8] = []
                for index in 0..<10 {
                    let stream = UInt32(1 + 2 * (11 * round + index))
                    bytes += Frame.headers(stream, RawPeer.request("Echo")).bytes()
                    bytes += Frame.data(stream, message("reply"), end: true).bytes()
                }
                // Answered and reset in the same turn of the loop.
                for index in 0..<10 { bytes += Frame.reset(UInt32(1 + 2 * (11 * round + index))).bytes() }
                try await peer.send(bytes: bytes)
                #expect(try await peer.answersPing())
                // Traffic forgives the pings.
                #expect(try await peer.call("Echo", message(""), stream: UInt32(1 + 2 * (11 * round + 10))).status == 0)
            }
            #expect(try await server.seen.eventually { $0.running == 0 })
        }
    }

    /// One more than are allowed, and as many as a frame holds.
    @Test(arguments: [33, 2_730]) func `B.3 SETTINGS with many entries`(count: Int) async throws {
        try await expectSentAway(Limits(), debug: nil) { peer, _ in
            try await peer.send(.settings(Array(repeating: (4, 65_535), count: 32)))
            #expect(try await peer.call("Echo", message("")).status == 0)
            try await peer.send(.settings(Array(repeating: (4, 65_535), count: count)))
            #expect(try await peer.wait { $0.goAways.first?.code == 11 })
        }
    }

    /// A client may not know yet: what is refused is safe to repeat.
    @Test func `B.3 more streams than announced, before SETTINGS are acknowledged`() async throws {
        var limits = Limits()
        limits.concurrentStreams = 5
        try await WireServer.run(limits) { server in
            let peer = RawPeer(try RawSocket(port: server.port))
            peer.answers = false
            try await peer.send(bytes: RawPeer.clientPreface + Frame.settings().bytes())
            #expect(try await peer.wait { $0.settings[3] == 5 })
            for index in 0..<6 { try await peer.send(.headers(UInt32(1 + 2 * index), RawPeer.request("Ignore"))) }
            #expect(try await peer.outcome(11).reset == Code.refused)
            #expect(peer.goAways.isEmpty)
            #expect(server.seen.now.mostRunning <= 5)
            #expect(try await server.answersOthers())
        }
    }

    @Test func `B.3 more streams than announced`() async throws {
        var limits = Limits()
        limits.concurrentStreams = 5
        try await WireServer.connect(limits) { peer, server in
            #expect(peer.settings[3] == 5)
            for index in 0..<6 { try await peer.send(.headers(UInt32(1 + 2 * index), RawPeer.request("Ignore"))) }
            #expect(try await peer.wait { $0.isClosed })
            #expect(peer.goAways.last?.code == Code.protocolError)
            #expect(server.seen.now.mostRunning <= 5)
            #expect(try await server.seen.eventually { $0.running == 0 })
            #expect(try await server.answersOthers())
        }
    }
}
