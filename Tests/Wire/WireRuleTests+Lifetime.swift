import HTTP2
import NIOCore
import NIOPosix
import RPC
import TestSupport
import Testing

/// The second half of the list: how calls and connections end.
extension WireRuleTests {
    @Test func `B.1 #13 an early status is followed by RST_STREAM with NO_ERROR`() async throws {
        try await WireServer.connect { peer, _ in
            try await peer.send(.headers(1, RawPeer.request("Early")), .data(1, message("unread")))
            _ = try await peer.wait { $0.streams[1]?.reset != nil }
            let early = try #require(peer.streams[1])
            #expect(early.ended && early.status == 0 && early.messages == [Array("early".utf8)])
            #expect(early.reset == 0)
            // The same for a refusal; and a stream that ended by itself is not reset.
            try await peer.send(.headers(3, RawPeer.request("Nothing")))
            _ = try await peer.wait { $0.streams[3]?.reset != nil }
            #expect(peer.streams[3]?.status == 12 && peer.streams[3]?.reset == 0)
            _ = try await peer.call("Echo", message(""), stream: 5)
            #expect(try await peer.answersPing())
            #expect(peer.streams[5]?.reset == nil)
        }
    }

    @Test func `B.1 #14 the deadline ends the handler and the call`() async throws {
        try await WireServer.connect { peer, server in
            let late = try await peer.call("Wait", message(""), ["grpc-timeout": "20m"])
            #expect(late.status == 4)
            #expect(try await server.seen.eventually { $0.running == 0 && $0.cancelled == 1 })
            // Half-sent: the window is closed, so that the reply cannot be finished.
            peer.credits = false
            try await peer.send(
                .headers(3, RawPeer.request("Produce", ["grpc-timeout": "100m"])),
                .data(3, message("100 10000"), end: true))
            #expect(try await peer.outcome(3).reset == 8)
            #expect(try await server.seen.eventually { $0.running == 0 })
        }
    }

    @Test func `B.1 #15 a reset or a lost connection cancels the handler`() async throws {
        try await WireServer.run { server in
            let peer = try await RawPeer.connect(port: server.port)
            for (index, code) in [UInt32(0), 2, 8].enumerated() {
                let stream = UInt32(1 + 2 * index)
                try await peer.send(.headers(stream, RawPeer.request("Wait")), .data(stream, message(""), end: true))
                #expect(try await server.seen.eventually { $0.running == 1 })
                try await peer.send(.reset(stream, code))
                #expect(try await server.seen.eventually { $0.running == 0 && $0.cancelled == index + 1 })
            }
            try await peer.send(.headers(7, RawPeer.request("Wait")), .data(7, message(""), end: true))
            try await peer.send(.headers(9, RawPeer.request("Ignore")))
            #expect(try await server.seen.eventually { $0.running == 2 })
            peer.socket.abort()
            #expect(try await server.seen.eventually { $0.running == 0 && $0.cancelled == 5 })
        }
    }

    @Test(
        arguments: [
            (0, .internal), (1, .internal), (2, .internal), (3, .internal), (4, .internal), (5, .internal),
            (6, .internal), (7, .unavailable), (8, .cancelled), (9, .internal), (10, .internal),
            (11, .resourceExhausted),
            (12, .permissionDenied),
        ] as [(UInt32, StatusCode)])
    func `B.1 #16 resets mean these codes to our client`(reset: UInt32, code: StatusCode) async throws {
        try await HostileServer.run { server in
            let call = server.client.call()
            let peer = try await server.accept()
            var last: UInt32 = 0
            var attempts = 0
            while !call.isOver {
                _ = try await peer.wait { call.isOver || $0.newestRequest(after: last) != nil }
                guard let stream = peer.newestRequest(after: last) else { continue }
                try await peer.send(.reset(stream, reset))
                (last, attempts) = (stream, attempts + 1)
            }
            // REFUSED_STREAM was never handled: only then the call is made again.
            #expect((attempts > 1) == (reset == 7))
            let error = await call.outcome.error
            #expect(error?.code == code)
        }
    }

    @Test func `B.1 #17 a server leaves in two steps and loses no call`() async throws {
        try await WireServer.connect { peer, server in
            peer.answers = false
            try await peer.send(.headers(1, RawPeer.request("Chat")))
            #expect(try await server.seen.eventually { $0.running == 1 })
            let shutdown = Task { await server.server.shutdown(grace: .seconds(20)) }
            _ = try await peer.wait { !$0.goAways.isEmpty && $0.frames.contains { $0.kind == Frame.Kind.ping } }
            #expect(peer.goAways == [.init(last: 0x7fff_ffff, code: 0, debug: "")])
            // Sent before the client knew: still taken.
            #expect(try await peer.call("Echo", message("crossed"), stream: 3).status == 0)
            let ping = try #require(peer.frames.first { $0.kind == Frame.Kind.ping })
            try await peer.send(Frame(kind: Frame.Kind.ping, flags: Frame.Flag.ack, payload: ping.payload))
            _ = try await peer.wait { $0.goAways.count == 2 }
            #expect(peer.goAways.last?.last == 3 && peer.goAways.last?.code == 0)
            // What runs may finish; then the connection closes in order.
            try await peer.send(.data(1, message("last"), end: true))
            let last = try await peer.outcome(1)
            #expect(last.status == 0 && last.messages == [Array("last".utf8)])
            #expect(try await peer.wait { $0.isClosed })
            await shutdown.value
        }
    }

    @Test func `B.1 #18 too many pings are answered with too_many_pings`() async throws {
        try await WireServer.connect { peer, _ in
            // Pings beside traffic are forgiven.
            for index in 0..<10 {
                #expect(try await peer.answersPing())
                #expect(try await peer.call("Echo", message(""), stream: UInt32(1 + 2 * index)).status == 0)
            }
            for _ in 0..<6 { try await peer.send(.ping()) }
            _ = try await peer.wait { !$0.goAways.isEmpty }
            #expect(try await peer.wait { $0.isClosed })
            #expect(peer.goAways.map(\.code) == [11])
            #expect(peer.goAways.map(\.debug) == ["too_many_pings"])
        }
    }

    @Test func `B.1 #18 a silent client is pinged and given up`() async throws {
        var limits = Limits()
        limits.keepalive = .milliseconds(50)
        limits.keepaliveTimeout = .seconds(5)
        try await WireServer.run(limits) { server in
            let alive = try await RawPeer.connect(port: server.port)
            let silent = try await RawPeer.connect(port: server.port)
            silent.answers = false
            for _ in 0..<6000 where !silent.isClosed {
                try await alive.pump()
                try await silent.pump()
                try await Task.sleep(for: .milliseconds(2))
            }
            #expect(silent.isClosed && !alive.isClosed)
            #expect(alive.frames.contains { $0.kind == Frame.Kind.ping })
            #expect(try await alive.call("Echo", message("")).status == 0)
        }
    }

    @Test func `B.1 #19 idle and old connections are drained with a reason`() async throws {
        var idle = Limits()
        idle.connectionIdle = .milliseconds(100)
        try await WireServer.connect(idle) { peer, _ in
            let closed = try await peer.wait { $0.isClosed }
            #expect(closed)
            #expect(peer.goAways.map(\.last) == [0x7fff_ffff, 0])
            #expect(peer.goAways.last?.debug == "max_idle")
        }
        // A client that does not answer delays nobody else.
        try await WireServer.connect(idle) { peer, server in
            peer.answers = false
            let announced = try await peer.wait { !$0.goAways.isEmpty }
            #expect(announced)
            for _ in 0..<3 { #expect(try await server.answersOthers()) }
        }
        var old = Limits()
        old.connectionAge = .milliseconds(1500)
        old.connectionAgeGrace = .milliseconds(500)
        try await WireServer.connect(old) { peer, server in
            try await peer.send(.headers(1, RawPeer.request("Ignore")))
            #expect(try await peer.wait { $0.goAways.count == 2 })
            #expect(peer.goAways.last == .init(last: 1, code: 0, debug: "max_age"))
            // The grace is over: what still runs is cut off.
            #expect(try await peer.wait { $0.isClosed })
            #expect(try await server.seen.eventually { $0.running == 0 })
        }
    }

    @Test func `B.1 #19 the age of a connection lies within 10 % of the limit, and no two are alike`() throws {
        var limits = Limits()
        var random = SeededGenerator(seed: 19)
        #expect(limits.ageOfOneConnection(using: &random) == nil)
        limits.connectionAge = .seconds(1000)
        let ages = (0..<10_000).compactMap { _ in limits.ageOfOneConnection(using: &random) }
        #expect(ages.count == 10_000 && Set(ages).count > 9_990)
        #expect(ages.allSatisfy { $0 >= .seconds(900) && $0 <= .seconds(1100) })
        // Spread over the whole of it, so that clients that came together leave one by one.
        for tenth in 0..<10 as Range<Int64> {
            let part = TimeAmount.seconds(900 + 20 * tenth)..<TimeAmount.seconds(920 + 20 * tenth)
            #expect((800...1200).contains(ages.count { part.contains($0) }), "\(part)")
        }

        // A connection draws its own.
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let before = NIODeadline.now()
        let due = try (0..<100).compactMap { _ in
            try HTTP2Connection(
                role: .server, eventLoop: loop, executor: LoopExecutor(loop: loop), peer: "", limits: limits
            ).ageDue
        }
        #expect(Set(due).count == 100)
        #expect(due.allSatisfy { $0 >= before + .seconds(900) && $0 <= .now() + .seconds(1100) })
    }

    @Test func `B.1 #20 the end may be an empty DATA frame or stand on the HEADERS`() async throws {
        try await WireServer.connect { peer, _ in
            try await peer.send(
                .headers(1, RawPeer.request("Echo")), .data(1, message("a")), .data(1, [], end: true))
            #expect(try await peer.outcome(1).messages == [[0x61]])
            try await peer.send(.headers(3, RawPeer.request("Echo"), end: true))
            #expect(try await peer.outcome(3).status == 12)
            try await peer.send(.headers(5, RawPeer.request("Collect"), end: true))
            #expect(try await peer.outcome(5).status == 0)
            // Trailers of a request end it too.
            try await peer.send(
                .headers(7, RawPeer.request("Echo")), .data(7, message("b")), .headers(7, [("x-late", "1")], end: true))
            #expect(try await peer.outcome(7).messages == [[0x62]])
        }
    }

    @Test func `B.1 #21 only the codes 0 to 16 leave the server`() async throws {
        try await WireServer.connect { peer, _ in
            // The handler cannot name 17: what it throws instead is UNKNOWN.
            for (index, code) in [UInt8(17), 99, 255].enumerated() {
                let reply = try await peer.call("Fail", message([code]), stream: UInt32(1 + 2 * index))
                #expect(reply.status == 2)
            }
        }
    }

    @Test func `B.1 #22 the path is exact`() async throws {
        try await WireServer.connect { peer, _ in
            var stream: UInt32 = 1
            for path in [
                "/wire.test/Echo", "/wire.Test/echo", "/wire.Test/Echo?a=b", "/wire.Test/Echo/", "//wire.Test/Echo",
                "/wire.Test", "/", "/wire.Test/", "/wire.Test/Ech%6f",
            ] {
                let reply = try await peer.call("Echo", message(""), stream: stream, [":path": path])
                #expect(reply.http == "200" && reply.status == 12, "\(path)")
                stream += 2
            }
            // `:authority` names the host; a host field beside it is only metadata of the way, and changes nothing.
            #expect(try await peer.call("Echo", message(""), stream: stream, ["host": "elsewhere"]).status == 0)
        }
    }
}
