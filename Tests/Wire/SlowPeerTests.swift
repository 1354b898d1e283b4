import HTTP2
import NIOCore
import RPC
import TestSupport
import Testing

/// Peers that take their time (table B.3, "slowloris"): each is given up by a clock, and others are served meanwhile.
@Suite(.timeLimit(.minutes(10))) struct SlowPeerTests {
    /// Impatient in one thing, so that a slow machine is not given up for another.
    private static func impatient(
        in what: WritableKeyPath<Limits, TimeAmount>, after time: TimeAmount = .milliseconds(300)
    ) -> Limits {
        var limits = Limits()
        limits[keyPath: what] = time
        return limits
    }

    @Test(arguments: ["", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
    func `B.3 half-open handshakes end`(sent: String) async throws {
        try await WireServer.run(Self.impatient(in: \.handshake)) { server in
            let peer = RawPeer(try RawSocket(port: server.port))
            try await peer.send(bytes: Array(sent.utf8))
            #expect(try await server.answersOthers())
            #expect(try await peer.wait { $0.isClosed })
        }
    }

    @Test func `B.3 half-open TLS handshakes end`() async throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let made = try await ChildProcess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days",
                "2", "-subj", "/CN=localhost", "-keyout", scratch.path("key"), "-out", scratch.path("certificate"),
            ])
        try #require(made.status == 0, "\(made.errors)")
        let server = RPCServer(
            configuration: .init(
                tls: TLS(certificateChainFile: scratch.path("certificate"), privateKeyFile: scratch.path("key")),
                limits: Self.impatient(in: \.handshake)), services: [WireService()])
        let port = try await server.start()
        // Nothing, the beginning of a ClientHello, and what is no TLS at all.
        for sent: [UInt8] in [[], [0x16, 3, 1, 2, 0, 1, 0], Array("GET / HTTP/1.1\r\n\r\n".utf8)] {
            let peer = RawPeer(try RawSocket(port: port))
            try await peer.send(bytes: sent)
            #expect(try await peer.wait { $0.isClosed })
        }
        await server.shutdown(grace: .zero)
    }

    @Test func `B.3 headers that never end`() async throws {
        try await WireServer.connect(Self.impatient(in: \.headerBlock)) { peer, server in
            try await peer.send(.headers(1, RawPeer.request("Echo"), endHeaders: false))
            #expect(try await server.answersOthers())
            #expect(try await peer.wait { $0.isClosed })
        }
    }

    @Test func `B.3 a stream window that stays closed`() async throws {
        try await WireServer.connect(Self.impatient(in: \.writeStall), settings: [(4, 0)]) { peer, server in
            peer.credits = false
            try await peer.send(.headers(1, RawPeer.request("Produce")), .data(1, message("1000 10000"), end: true))
            #expect(try await peer.outcome(1).reset == 8)
            #expect(try await server.seen.eventually { $0.running == 0 })
            // The writer waited: nothing near all of it was made.
            #expect(server.seen.now.written < 50)
            #expect(try await peer.answersPing(), "only the stream is given up")
            #expect(try await server.answersOthers())
        }
    }

    @Test func `B.3 a connection window that stays closed`() async throws {
        try await WireServer.connect(Self.impatient(in: \.writeStall), settings: [(4, 1_000_000)]) { peer, server in
            peer.credits = false
            for stream: UInt32 in [1, 3, 5] {
                try await peer.send(
                    .headers(stream, RawPeer.request("Produce")), .data(stream, message("1000 10000"), end: true))
            }
            for stream: UInt32 in [1, 3, 5] { #expect(try await peer.outcome(stream).reset == 8) }
            #expect(try await server.seen.eventually { $0.running == 0 })
            #expect(try await server.answersOthers())
        }
    }

    @Test func `B.3 a slow reader that makes progress is served to the end`() async throws {
        try await WireServer.connect(Self.impatient(in: \.writeStall, after: .seconds(5)), settings: [(4, 1000)]) {
            peer, _ in
            peer.credits = false
            try await peer.send(.headers(1, RawPeer.request("Produce")), .data(1, message("20 1000"), end: true))
            for _ in 0..<21 {
                try await Task.sleep(for: .milliseconds(500))
                try await peer.pump()
                try await peer.send(.windowUpdate(1, 1000))
            }
            #expect(try await peer.outcome(1).messages.count == 20)
        }
    }

    @Test func `B.3 a peer that reads nothing from its socket`() async throws {
        try await WireServer.run(Self.impatient(in: \.writeStall, after: .seconds(2))) { server in
            let socket = try RawSocket(port: server.port, receiveBuffer: 4096)
            var bytes = RawPeer.clientPreface + Frame.settings([(4, 0x7fff_ffff)]).bytes()
            bytes += Frame.windowUpdate(0, 0x7fff_0000 - 65535).bytes()
            for stream: UInt32 in [1, 3, 5] {
                bytes += Frame.headers(stream, RawPeer.request("Produce")).bytes()
                bytes += Frame.data(stream, message("1000000 100000"), end: true).bytes()
            }
            try await socket.send(bytes)
            #expect(try await server.seen.eventually { $0.running == 3 })
            #expect(try await server.answersOthers())
            #expect(try await server.seen.eventually { $0.running == 0 }, "the handlers are let go")
            for _ in 0..<1000 where server.server.connectionCount > 0 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(server.server.connectionCount == 0, "and so is the connection")
            // Kernel buffers hold some megabytes; our own stays below its mark.
            #expect(server.seen.now.written < 1000)
            withExtendedLifetime(socket) {}
        }
    }

    /// "No read means no new work": above its mark of what waits to be sent, the server stops reading.
    @Test func `B.3 outbound queue growth: who does not read is not read`() async throws {
        try await WireServer.run { server in
            let socket = try RawSocket(port: server.port, receiveBuffer: 4096)
            var bytes = RawPeer.clientPreface + Frame.settings([(4, 0x7fff_ffff)]).bytes()
            bytes += Frame.windowUpdate(0, 0x7fff_0000 - 65535).bytes()
            bytes += Frame.headers(1, RawPeer.request("Produce")).bytes()
            bytes += Frame.data(1, message("1000000 100000"), end: true).bytes()
            try await socket.send(bytes)
            // Until the writer waits.
            var written = -1
            try await eventually("the writer does not stop") {
                defer { written = server.seen.now.written }
                try await Task.sleep(for: .milliseconds(200))
                return written > 0 && server.seen.now.written == written
            }
            // 64 MB that no window bounds: what the kernel's buffers hold is taken, and the rest is not.
            let piece = Array(
                repeatElement(Frame(kind: 0x0b, payload: [UInt8](repeating: 0, count: 16_000)).bytes(), count: 64)
                    .joined())
            var taken = 0
            for _ in 0..<64 {
                let count = try await socket.send(piece, within: .seconds(2))
                taken += count
                if count < piece.count { break }
            }
            #expect(taken < 64 * piece.count)
            #expect(!socket.isClosed)
            #expect(server.seen.now.running == 1)
            #expect(try await server.answersOthers())
            withExtendedLifetime(socket) {}
        }
    }

    @Test func `B.3 a slow writer of a unary request`() async throws {
        var limits = Limits()
        limits.unaryTimeout = .milliseconds(300)
        try await WireServer.connect(limits) { peer, server in
            try await peer.send(.headers(1, RawPeer.request("Echo")), .data(1, message([1], length: 1000)))
            #expect(try await peer.outcome(1).status == 4)
            #expect(server.seen.now.started == 0)
            #expect(try await server.answersOthers())
        }
    }

    @Test func `B.3 a handler that reads nothing holds no more than the window`() async throws {
        try await WireServer.connect { peer, server in
            try await peer.send(.headers(1, RawPeer.request("Ignore")))
            let chunk = message([UInt8](repeating: 1, count: 16_000))
            // What the stream's window holds may be sent, and not a byte of it is credited to the stream.
            for _ in 0..<(Int(Limits().streamWindowBytes) / chunk.count) { try await peer.send(.data(1, chunk)) }
            #expect(try await peer.answersPing())
            #expect(peer.windowCredit[1, default: 0] == 0)
            // The connection's window is for others, and is.
            #expect(try await peer.call("Echo", message([UInt8](repeating: 2, count: 16_000)), stream: 3).status == 0)
            #expect(try await server.answersOthers())
        }
    }
}
