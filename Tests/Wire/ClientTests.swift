import HTTP2
import NIOCore
import RPC
import TestSupport
import Testing

/// What our client promises its callers, against servers in raw frames: no call is lost, and none is made twice that a
/// server may have seen.
@Suite(.timeLimit(.minutes(10))) struct ClientTests {
    // MARK: Calls that no server has seen

    /// gRFC A6, "Transparent Retries": they are not repetitions, and do not ask whether repetitions are wanted.
    @Test(arguments: ["REFUSED_STREAM", "GOAWAY"])
    func `A call that was never handled is sent again, also without retries`(how: String) async throws {
        try await HostileServer.run { server in
            let call = server.client.call(retries: false)
            var peer = try await server.accept()
            let stream = try await peer.nextRequest(after: 0)
            if how == "GOAWAY" {
                try await peer.send(.goAway(last: 0))
                peer = try await server.accept()
                try await peer.reply(peer.nextRequest(after: 0), [7])
            } else {
                try await peer.send(.reset(stream, Code.refused))
                try await peer.reply(peer.nextRequest(after: stream), [7])
            }
            #expect(await call.outcome.reply == [7])
        }
    }

    /// Nothing of it has gone out, so nothing is lost by beginning anew.
    @Test func `A stream of requests begins anew until its first message is sent`() async throws {
        try await HostileServer.run { server in
            let call = try await server.client.chat()
            let first = try await server.accept()
            _ = try await first.wait { !$0.streams.isEmpty }
            try await first.send(.goAway(last: 0))
            let second = try await server.accept()
            _ = try await second.wait { !$0.streams.isEmpty }
            try await call.requests.send([1])
            #expect(try await second.wait { $0.streams[1]?.messages == [[1]] })
            // Now something of it is gone, and the call fails, once.
            try await second.send(.reset(1, Code.refused))
            let error = await #expect(throws: RPCError.self) { for try await _ in call.responses {} }
            #expect(error?.code == .unavailable)
            #expect(try await second.answersPing())
            #expect(second.streams.count == 1)
        }
    }

    /// Nor are those that the connection still kept back, with as many streams open as the server allows.
    @Test func `Calls that wait for their turn move to the next connection when theirs dies`() async throws {
        try await HostileServer.run { server in
            let open = server.client.call([0], retries: false)
            let first = try await server.accept(settings: [(3, 1)])
            _ = try await first.nextRequest(after: 0)
            let waiting = (1..<10).map { server.client.call([UInt8($0)], retries: false) }
            #expect(try await first.answersPing())
            first.socket.abort()
            #expect(await open.outcome.error?.code == .unavailable)
            let second = try await server.accept()
            var last: UInt32 = 0
            for _ in waiting {
                last = try await second.nextRequest(after: last)
                try await second.reply(last, second.streams[last]?.messages.first ?? [])
            }
            for (index, call) in waiting.enumerated() { #expect(await call.outcome.reply == [UInt8(index + 1)]) }
            #expect(try await second.answersPing())
            #expect(second.streams.count == waiting.count, "the call that was open is not made again")
        }
    }

    // MARK: Calls that a server may have seen

    @Test func `A call whose connection is lost fails, and is not made twice without retries`() async throws {
        try await HostileServer.run { server in
            let call = server.client.call(retries: false)
            let peer = try await server.accept()
            _ = try await peer.nextRequest(after: 0)
            peer.socket.abort()
            #expect(await call.outcome.error?.code == .unavailable)
            // The next call is the only one that the next connection sees.
            let next = server.client.call([2])
            let again = try await server.accept()
            let stream = try await again.nextRequest(after: 0)
            #expect(again.streams[stream]?.messages == [[2]])
            try await again.reply(stream, [2])
            #expect(await next.outcome.reply == [2])
        }
    }

    // MARK: Retries

    @Test func `Pushback says how long to wait, or not to try again`() async throws {
        try await HostileServer.run { server in
            let waits = server.client.call()
            let peer = try await server.accept()
            var stream = try await peer.nextRequest(after: 0)
            let refused = ContinuousClock.now
            try await peer.refuse(stream, pushback: "700")
            stream = try await peer.nextRequest(after: stream)
            // The usual wait would be a tenth of a second.
            #expect(ContinuousClock.now - refused >= .milliseconds(700))
            try await peer.reply(stream, [1])
            #expect(await waits.outcome.reply == [1])

            for pushback in ["-1", "soon"] {
                let stops = server.client.call()
                stream = try await peer.nextRequest(after: stream)
                try await peer.refuse(stream, pushback: pushback)
                #expect(await stops.outcome.error?.code == .unavailable)
                #expect(try await peer.answersPing())
                #expect(peer.newestRequest(after: stream) == nil)
            }
        }
    }

    @Test func `When most attempts fail, calls are no longer repeated`() async throws {
        let quick = Backoff(initial: .milliseconds(1), maximum: .milliseconds(1))
        try await HostileServer.run(.init(retryPolicy: RetryPolicy(attempts: 4, backoff: quick))) { server in
            var call = server.client.call()
            let peer = try await server.accept()
            var stream: UInt32 = 0
            var attempts: [Int] = []
            for _ in 0..<30 {
                var made = 0
                while !call.isOver {
                    _ = try await peer.wait { call.isOver || $0.newestRequest(after: stream) != nil }
                    guard let next = peer.newestRequest(after: stream) else { continue }
                    stream = next
                    made += 1
                    try await peer.refuse(next)
                }
                attempts.append(made)
                call = server.client.call()
            }
            // 100 tokens, one for each failure, and below 50 nothing is repeated.
            #expect(attempts.first == 4 && attempts.last == 1, "\(attempts)")
            #expect(attempts.reduce(0, +) < 80)
        }
    }

    // MARK: Connections

    @Test func `A server that cannot be reached is tried again after longer and longer waits`() async throws {
        let backoff = Backoff(initial: .milliseconds(200), multiplier: 2, maximum: .seconds(10), jitter: 0.2)
        try await HostileServer.run(.init(connectBackoff: backoff)) { server in
            let call = server.client.call(waitForReady: true)
            var times: [ContinuousClock.Instant] = []
            for _ in 0..<4 {
                let socket = try await server.listener.accept(within: .seconds(60))
                times.append(.now)
                socket.abort()
            }
            let waits = zip(times, times.dropFirst()).map { $1 - $0 }
            // Less is not possible with a jitter of a fifth; more is, on a slow machine.
            for (wait, least) in zip(waits, [160, 320, 640]) { #expect(wait >= .milliseconds(least - 20), "\(waits)") }
            let peer = try await server.accept()
            try await peer.reply(peer.nextRequest(after: 0), [5])
            #expect(await call.outcome.reply == [5])
        }
    }

    @Test func `A call that does not wait fails when the only server cannot be reached`() async throws {
        try await HostileServer.run { server in
            let call = server.client.call(retries: false)
            try await server.listener.accept().abort()
            #expect(await call.outcome.error?.code == .unavailable)
        }
    }

    /// gRPC doc/keepalive.md, on the client.
    @Test func `A connection that does not answer pings is given up, and its calls with it`() async throws {
        var limits = Limits()
        limits.keepalive = .milliseconds(100)
        limits.keepaliveTimeout = .seconds(3)
        try await HostileServer.run(.init(limits: limits)) { server in
            let call = server.client.call(retries: false)
            let peer = try await server.accept()
            _ = try await peer.nextRequest(after: 0)
            // Alive: it is asked, and answers.
            #expect(try await peer.wait { $0.frames.contains { $0.kind == Frame.Kind.ping } })
            #expect(!call.isOver)
            peer.answers = false
            #expect(try await peer.wait(.seconds(60)) { $0.isClosed })
            #expect(await call.outcome.error?.code == .unavailable)
            // The next call makes a new connection.
            let next = server.client.call()
            let again = try await server.accept()
            try await again.reply(again.nextRequest(after: 0), [1])
            #expect(await next.outcome.reply == [1])
        }
    }

    @Test func `A server that comes back gets its share again`() async throws {
        let services = [WireService(), WireService(), WireService()]
        let port = try FreePort.find()
        let servers = [
            RPCServer(configuration: .init(port: port), services: [services[0]]),
            RPCServer(configuration: .init(), services: [services[1]]),
        ]
        let targets = [try await servers[0].start(), try await servers[1].start()]
        let rpc = try RPCClient(
            targets: targets.map { .init(host: "127.0.0.1", port: $0) },
            options: .init(connectBackoff: Backoff(initial: .milliseconds(50), maximum: .milliseconds(200))))
        let client = WireClient(rpc: rpc)
        func calls(until condition: () -> Bool) async throws {
            try await eventually("a server gets no calls") {
                #expect(await client.call().outcome.error == nil)
                return condition()
            }
        }
        try await calls { services[0].seen.now.started > 0 && services[1].seen.now.started > 0 }
        await servers[0].shutdown(grace: .seconds(20))
        for _ in 0..<20 { #expect(await client.call().outcome.error == nil) }
        let back = RPCServer(configuration: .init(port: port), services: [services[2]])
        try await back.start()
        try await calls { services[2].seen.now.started > 0 }
        let before = services.map(\.seen.now.started)
        for _ in 0..<20 { #expect(await client.call().outcome.error == nil) }
        #expect(zip(services, before).map { $0.seen.now.started - $1 } == [0, 10, 10])
        await rpc.close()
        for server in [servers[1], back] { await server.shutdown(grace: .zero) }
    }
}

extension WireClient {
    /// A call with streams both ways.
    func chat() async throws -> BidirectionalCall<[UInt8], [UInt8]> {
        try await rpc.bidirectionalStreaming(
            MethodDescriptor(service: "wire.Test", method: "Chat", kind: .bidirectionalStreaming),
            options: CallOptions(timeout: .seconds(60)), encode: { $0 }, decode: { $0 })
    }
}
