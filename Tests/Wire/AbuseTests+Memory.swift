import HTTP2
import NIOCore
import RPC
import TestSupport
import Testing

/// What a connection, and what all of them, make the server hold.
extension AbuseTests {
    @Test func `B.3 giant length prefixes allocate nothing`() async throws {
        try await WireServer.connect { peer, server in
            for index in 0..<100 {
                let stream = UInt32(1 + 2 * index)
                try await peer.send(
                    .headers(stream, RawPeer.request("Collect")), .data(stream, message([], length: 0xffff_ffff)))
            }
            for index in 0..<100 { #expect(try await peer.outcome(UInt32(1 + 2 * index)).status == 8) }
            #expect(try await server.answersOthers())
        }
    }

    @Test func `B.3 decompression bombs are cut at the message limit`() async throws {
        var limits = Limits()
        limits.receiveMessageBytes = 100_000
        let bomb = message(gzip([UInt8](repeating: 0, count: 10_000_000)), flag: 1)
        try await WireServer.connect(limits) { peer, server in
            for index in 0..<10 {
                let stream = UInt32(1 + 2 * index)
                let reply = try await peer.call("Collect", bomb, stream: stream, ["grpc-encoding": "gzip"])
                #expect(reply.status == 8)
            }
            #expect(try await server.answersOthers())
        }
    }

    @Test func `B.3 a connection over the cap is closed, and a place comes free`() async throws {
        var limits = Limits()
        limits.connections = 3
        try await WireServer.run(limits) { server in
            var kept: [RawPeer] = []
            for _ in 0..<3 { kept.append(try await RawPeer.connect(port: server.port)) }
            let extra = RawPeer(try RawSocket(port: server.port))
            #expect(try await extra.wait { $0.isClosed })
            #expect(try await kept[0].call("Echo", message("")).status == 0)
            kept.removeLast().socket.abort()
            for _ in 0..<400 where server.server.connectionCount == 3 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(try await server.answersOthers())
        }
    }

    @Test func `B.3 connections of one address are capped`() async throws {
        var limits = Limits()
        limits.connectionsPerAddress = 2
        try await WireServer.run(limits) { server in
            var kept = [try await RawPeer.connect(port: server.port), try await RawPeer.connect(port: server.port)]
            let extra = RawPeer(try RawSocket(port: server.port))
            #expect(try await extra.wait { $0.isClosed })
            let elsewhere = RawPeer(try RawSocket(port: server.port, fromSecondAddress: true))
            try await elsewhere.send(bytes: RawPeer.clientPreface + Frame.settings().bytes())
            #expect(try await elsewhere.call("Echo", message("")).status == 0, "another address has places of its own")
            #expect(try await kept[0].call("Echo", message("")).status == 0)
            kept.removeLast().socket.abort()
            for _ in 0..<4000 where server.server.connectionCount == 3 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(try await server.answersOthers())
        }
    }

    /// Every unary call below sends all but the last byte of its message, so that nothing can be taken.
    @Test func `B.3 what one connection makes the server hold is bounded, and one request gets on`() async throws {
        var limits = Limits()
        limits.inboundConnectionBytes = 100_000
        limits.streamWindowBytes = 65_536
        try await WireServer.connect(limits) { peer, server in
            let size = 500_000
            let bytes = message([UInt8](repeating: 1, count: size))
            var sent: [UInt32: Int] = [:]
            for stream: UInt32 in stride(from: 1, through: 19, by: 2) {
                try await peer.send(.headers(stream, RawPeer.request("Echo")))
                sent[stream] = 0
            }
            /// Sends what the windows allow, round after round, until they are used up.
            func sendAll(_ end: Int) async throws {
                var waits = 0
                while waits < 100 {
                    var progress = false
                    for stream in sent.keys.sorted() {
                        let done = sent[stream] ?? 0
                        let window = 65_536 + (peer.windowCredit[stream] ?? 0) - done
                        let connection = 65_535 + (peer.windowCredit[0] ?? 0) - sent.values.reduce(0, +)
                        let count = min(window, connection, end - done, 16_384)
                        guard count > 0 else { continue }
                        progress = true
                        let isLast = done + count == bytes.count
                        try await peer.send(.data(stream, Array(bytes[done..<done + count]), end: isLast))
                        sent[stream] = done + count
                    }
                    try await peer.pump()
                    waits = progress ? 0 : waits + 1
                    if !progress { try await Task.sleep(for: .milliseconds(5)) }
                }
            }
            try await sendAll(size)
            // All have what their window holds; one has been let go on to its end.
            #expect(sent.values.filter { $0 == size }.count == 1)
            #expect(sent.values.reduce(0, +) <= 10 * 65_536 + 100_000 + size)
            #expect(try await server.answersOthers())
            // The last bytes: one after the other, all get through.
            for _ in 0..<40 where sent.values.contains(where: { $0 < bytes.count }) { try await sendAll(bytes.count) }
            for stream in sent.keys {
                #expect(try await peer.outcome(stream).messages.first?.count == size, "stream \(stream)")
            }
            #expect(try await peer.call("Echo", message("after"), stream: 101).status == 0)
        }
    }

    @Test func `B.3 what all connections make the server hold is bounded, and small requests get on`() async throws {
        var limits = Limits()
        limits.inboundServerBytes = 1_000_000
        try await WireServer.run(limits) { server in
            // Within the windows of its stream and its connection.
            let whole = message([UInt8](repeating: 1, count: 200_000))
            func send(_ bytes: ArraySlice<UInt8>, to peer: RawPeer, end: Bool) async throws {
                try await peer.send(.headers(1, RawPeer.request("Echo")))
                for start in stride(from: 0, to: bytes.count, by: 16_384) {
                    let part = bytes.dropFirst(start).prefix(16_384)
                    try await peer.send(.data(1, Array(part), end: end && part.endIndex == bytes.endIndex))
                    try await peer.pump()
                }
            }
            var peers: [RawPeer] = []
            var refused = 0
            for _ in 0..<20 {
                let peer = try await RawPeer.connect(port: server.port)
                peers.append(peer)
                try await send(whole.dropLast(), to: peer, end: false)
                // What was sent has been read when this is answered.
                #expect(try await peer.call("Echo", message("small"), stream: 3).status == 0)
                if peer.streams[1]?.status == 8 { refused += 1 }
            }
            // Up to 64 KiB of each connection are not counted yet.
            #expect((12...15).contains(refused), "a million bytes hold five of them, and eight at most: \(refused)")
            // Who is gone frees what it made the server hold.
            for peer in peers { peer.socket.abort() }
            try await eventually("a large request gets through") {
                let peer = try await RawPeer.connect(port: server.port)
                defer { peer.socket.abort() }
                try await send(whole[...], to: peer, end: true)
                return try await peer.outcome(1).status == 0
            }
        }
    }
}
