import RPC
import Testing

/// Our client against servers that misbehave: the eight cases of gRPC's `doc/http2-interop-test-descriptions.md`, and
/// what a connection's end means to calls.
@Suite(.timeLimit(.minutes(10))) struct HostileServerTests {
    @Test func `goaway: the next call goes over a new connection`() async throws {
        try await HostileServer.run { server in
            let first = server.client.call()
            let old = try await server.accept()
            let stream = try await old.nextRequest(after: 0)
            try await old.reply(stream, [1])
            try await old.send(.goAway(last: stream))
            #expect(await first.outcome.reply == [1])
            let second = server.client.call()
            let new = try await server.accept()
            try await new.reply(new.nextRequest(after: 0), [2])
            #expect(await second.outcome.reply == [2])
            #expect(old.newestRequest(after: stream) == nil)
        }
    }

    @Test func `goaway: a call the server did not take is made again elsewhere`() async throws {
        try await HostileServer.run { server in
            let call = server.client.call()
            let old = try await server.accept()
            _ = try await old.nextRequest(after: 0)
            try await old.send(.goAway(last: 0))
            let new = try await server.accept()
            try await new.reply(new.nextRequest(after: 0), [3])
            #expect(await call.outcome.reply == [3])
        }
    }

    @Test func `goaway: a call the server has taken may finish`() async throws {
        try await HostileServer.run { server in
            let call = server.client.call()
            let peer = try await server.accept()
            let stream = try await peer.nextRequest(after: 0)
            try await peer.send(.goAway(last: stream))
            try await peer.reply(stream, [4])
            #expect(await call.outcome.reply == [4])
        }
    }

    @Test(arguments: ["rst_after_header", "rst_during_data", "rst_after_data"], [UInt32(0), 2, 8])
    func `resets in the middle fail the call once`(name: String, code: UInt32) async throws {
        try await HostileServer.run { server in
            let call = server.client.call()
            let peer = try await server.accept()
            let stream = try await peer.nextRequest(after: 0)
            try await peer.send(.headers(stream, RawPeer.responseHeaders))
            if name == "rst_during_data" { try await peer.send(.data(stream, Array(message("half of it").prefix(9)))) }
            if name == "rst_after_data" { try await peer.send(.data(stream, message("all of it"))) }
            try await peer.send(.reset(stream, code))
            let outcome = await call.outcome
            #expect(outcome.error?.code == (code == 8 ? .cancelled : .internal))
            // The response had begun: the call may have had its effect, and is not made again.
            #expect(try await peer.answersPing())
            #expect(peer.newestRequest(after: stream) == nil)
        }
    }

    @Test func `ping: every ping of the server is answered`() async throws {
        try await HostileServer.run { server in
            let call = server.client.call()
            let peer = try await server.accept()
            #expect(try await peer.answersPing())
            let stream = try await peer.nextRequest(after: 0)
            #expect(try await peer.answersPing())
            try await peer.send(.headers(stream, RawPeer.responseHeaders))
            #expect(try await peer.answersPing())
            try await peer.send(.data(stream, message("a")))
            #expect(try await peer.answersPing())
            try await peer.send(.headers(stream, RawPeer.trailers, end: true))
            #expect(await call.outcome.reply == Array("a".utf8))
            #expect(try await peer.answersPing())
        }
    }

    @Test func `max_streams: the server's bound is kept and no call is lost`() async throws {
        try await HostileServer.run { server in
            let first = server.client.call([0])
            let peer = try await server.accept(settings: [(3, 1)])
            let others = (1..<10).map { server.client.call([UInt8($0)]) }
            var last: UInt32 = 0
            for _ in 0..<10 {
                last = try await peer.nextRequest(after: last)
                // While one is open, none is added.
                #expect(try await peer.answersPing())
                #expect(peer.newestRequest(after: last) == nil)
                try await peer.reply(last, peer.streams[last]?.messages.first ?? [])
            }
            #expect(await first.outcome.reply == [0])
            for (index, call) in others.enumerated() { #expect(await call.outcome.reply == [UInt8(index + 1)]) }
        }
    }

    @Test(arguments: [true, false])
    func `data_frame_padding and no_df_padding_sanity_test`(padding: Bool) async throws {
        let body = (0..<40_000).map { UInt8(truncatingIfNeeded: $0) }
        try await HostileServer.run { server in
            let call = server.client.call()
            let peer = try await server.accept()
            let stream = try await peer.nextRequest(after: 0)
            try await peer.send(.headers(stream, RawPeer.responseHeaders))
            let bytes = message(body)
            let initial = Int(peer.settings[4] ?? 65_535)
            var sent = 0
            var stalled = false
            for start in stride(from: 0, to: bytes.count, by: 5) where !stalled {
                let piece = Array(bytes[start..<min(start + 5, bytes.count)])
                let frame = padding ? Frame.padded(stream, piece, padding: 255) : .data(stream, piece)
                // Padding counts: a client that does not credit it lets the server starve.
                sent += frame.payload.count
                stalled = try await !peer.wait { peer in
                    sent <= initial + peer.windowCredit[stream, default: 0]
                        && sent <= 65_535 + peer.windowCredit[0, default: 0]
                }
                try await peer.send(frame)
            }
            #expect(!stalled, "the windows stay closed after \(sent) bytes")
            try await peer.send(.headers(stream, RawPeer.trailers, end: true))
            #expect(await call.outcome.reply == body)
        }
    }

    @Test func `no status, no HTTP/2, no answer`() async throws {
        try await HostileServer.run { server in
            var call = server.client.call()
            let peer = try await server.accept()
            var stream = try await peer.nextRequest(after: 0)
            try await peer.send(.headers(stream, RawPeer.responseHeaders), .data(stream, message("a"), end: true))
            #expect(await call.outcome.error?.code == .unknown)
            call = server.client.call()
            stream = try await peer.nextRequest(after: stream)
            try await peer.send(.headers(stream, [(":status", "503")], end: true))
            // UNAVAILABLE may be tried again, until the attempts are used up.
            while !call.isOver {
                _ = try await peer.wait { call.isOver || $0.newestRequest(after: stream) != nil }
                guard let again = peer.newestRequest(after: stream) else { continue }
                stream = again
                try await peer.send(.headers(stream, [(":status", "503")], end: true))
            }
            #expect(await call.outcome.error?.code == .unavailable)
            call = server.client.call(timeout: .milliseconds(200))
            #expect(await call.outcome.error?.code == .deadlineExceeded)
        }
    }

    @Test(arguments: [[UInt8]([1, 2, 3]), gzip([UInt8](repeating: 0, count: 5_000_000))])
    func `a reply that cannot be decompressed fails the call, not the client`(body: [UInt8]) async throws {
        try await HostileServer.run { server in
            let call = server.client.call()
            let peer = try await server.accept()
            let stream = try await peer.nextRequest(after: 0)
            try await peer.send(.headers(stream, RawPeer.responseHeaders + [("grpc-encoding", "gzip")]))
            try await peer.send(.data(stream, message(body, flag: 1)))
            #expect(await call.outcome.error?.code == (body.count < 10 ? .internal : .resourceExhausted))
            let next = server.client.call()
            try await peer.reply(peer.nextRequest(after: stream), [1])
            #expect(await next.outcome.reply == [1])
        }
    }
}
