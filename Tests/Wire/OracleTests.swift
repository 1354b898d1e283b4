import HTTP2
import Testing

/// What the conformance suite of Connect expects of a gRPC server, by raw frames; tests without a name of a suite are
/// of `grpc_server_unexpected`, `server_unexpected`, `server_message_size` and `grpc_server_proto_subformat`. The suite
/// `tls_client_certs` is in `TLSTests` of RPC.
@Suite(.timeLimit(.minutes(10))) struct OracleTests {
    private func expect(
        _ status: Int, _ reply: RawPeer.Stream, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(reply.status == status, sourceLocation: sourceLocation)
    }

    @Test(arguments: ["Echo", "Produce"])
    func `A.4 a method that takes one message gets none or two: UNIMPLEMENTED`(method: String) async throws {
        try await WireServer.connect { peer, server in
            let one = message("1 1")
            try await expect(0, peer.call(method, one))
            try await expect(12, peer.call(method, [], stream: 3))
            try await expect(12, peer.call(method, one + one, stream: 5))
            #expect(server.seen.now.started == 1)
        }
    }

    @Test(arguments: ["GET", "PUT", "DELETE"])
    func `A.4 another verb: HTTP 405`(verb: String) async throws {
        try await WireServer.connect { peer, _ in
            let reply = try await peer.call("Echo", message(""), [":method": verb])
            #expect(reply.http == "405")
            #expect(reply["allow"] == "POST")
        }
    }

    @Test func `A.4 an unknown service or method: UNIMPLEMENTED`() async throws {
        try await WireServer.connect { peer, _ in
            try await expect(12, peer.call("Nothing", message("")))
            try await expect(12, peer.call("Echo", message(""), stream: 3, [":path": "/wire.Other/Echo"]))
        }
    }

    /// HTTP 415, which clients report as UNKNOWN.
    @Test func `A.4 a codec nobody knows: HTTP 415`() async throws {
        try await WireServer.connect { peer, _ in
            let reply = try await peer.call("Echo", message(""), ["content-type": "application/grpc+foo"])
            #expect(reply.http == "415")
        }
    }

    @Test func `A.4 grpc and grpc+proto are the same`() async throws {
        try await WireServer.connect { peer, _ in
            for (index, type) in ["application/grpc", "application/grpc+proto"].enumerated() {
                let reply = try await peer.call(
                    "Echo", message("a"), stream: UInt32(1 + 2 * index), ["content-type": type])
                #expect(reply.messages == [[0x61]])
            }
        }
    }

    @Test func `A.4 a compression nobody knows: UNIMPLEMENTED; compressed against identity: INTERNAL`() async throws {
        try await WireServer.connect { peer, _ in
            try await expect(12, peer.call("Echo", message(""), ["grpc-encoding": "foo"]))
            let flagged = message([1], flag: 1)
            try await expect(13, peer.call("Echo", flagged, stream: 3, ["grpc-encoding": "identity"]))
        }
    }

    @Test(arguments: ["Echo", "Collect"])
    func `A.4 a message of the limit passes, one byte more: RESOURCE_EXHAUSTED`(method: String) async throws {
        var limits = Limits()
        limits.receiveMessageBytes = 200
        try await WireServer.connect(limits) { peer, _ in
            let fits = message([UInt8](repeating: 1, count: 200))
            let over = message([UInt8](repeating: 1, count: 201))
            try await expect(0, peer.call(method, fits))
            try await expect(8, peer.call(method, over, stream: 3))
            if method == "Collect" { try await expect(8, peer.call(method, fits + over, stream: 5)) }
        }
    }

    /// Suite `duplicate_metadata`: values of one key keep their number and their order, on the way in and out.
    @Test func `A.4 duplicate metadata, text and binary`() async throws {
        try await WireServer.connect { peer, _ in
            let sent: Fields = [
                ("x-initial-a", "1"), ("x-b-bin", "AQ"), ("x-initial-a", "2"), ("x-b-bin", "Ag"), ("x-initial-a", "1"),
            ]
            try await peer.send(
                .headers(1, RawPeer.request("Echo") + sent), .data(1, message(""), end: true))
            let reply = try await peer.outcome(1)
            func values(_ fields: Fields, _ name: String) -> [String] {
                // A list in one field is the same as several fields (RFC 9110, section 5.2).
                fields.filter { $0.name == name }.flatMap { $0.value.split(separator: ",").map(String.init) }
            }
            #expect(values(reply.headers, "x-initial-a") == ["1", "2", "1"])
            #expect(values(reply.trailers, "x-initial-a") == ["1", "2", "1"])
            #expect(values(reply.trailers, "x-b-bin") == ["AQ", "Ag"])
        }
    }

    /// Suite `deadline_propagation`: the handler of each kind of call sees what is left; without grpc-timeout only a
    /// unary call has a deadline, that of `Limits.unaryTimeout`.
    @Test(arguments: ["Echo", "Collect", "Produce", "Chat"])
    func `A.4 deadline propagation`(method: String) async throws {
        var limits = Limits()
        limits.unaryTimeout = nil
        try await WireServer.connect(limits) { peer, server in
            let body = message("1 1")
            try await expect(0, peer.call(method, body, ["grpc-timeout": "1000S"]))
            try await expect(0, peer.call(method, body, stream: 3))
            let seen = server.seen.now.timeouts
            try #require(seen.count == 2)
            let left = try #require(seen[0])
            #expect(left > .seconds(500) && left <= .seconds(1000))
            #expect(seen[1] == nil)
        }
    }

    /// Suite `basic`: no response, one to each request as it comes, all of them at the end.
    @Test func `A.4 basic`() async throws {
        try await WireServer.connect { peer, _ in
            for (stream, method, body) in [(UInt32(1), "Produce", message("0 0")), (3, "Chat", [])] {
                let none = try await peer.call(method, body, stream: stream)
                expect(0, none)
                #expect(none.messages.isEmpty)
            }
            let half = try await peer.call("Chat", message("a") + message("b"), stream: 5)
            expect(0, half)
            #expect(half.messages == [Array("a".utf8), Array("b".utf8)])
            try await peer.send(.headers(7, RawPeer.request("Chat")))
            for count in 1...3 {
                try await peer.send(.data(7, message("\(count)")))
                #expect(try await peer.wait { $0.streams[7]?.messages.count == count })
            }
            try await peer.send(.data(7, [], end: true))
            try await expect(0, peer.outcome(7))
        }
    }

    /// Suite `server_empty`: a message of no bytes is a message.
    @Test func `A.4 server_empty`() async throws {
        try await WireServer.connect { peer, _ in
            #expect(try await peer.call("Echo", message("")).messages == [[]])
            #expect(try await peer.call("Collect", message(""), stream: 3).messages == [Array("0".utf8)])
            #expect(try await peer.call("Chat", message(""), stream: 5).messages == [[]])
            // Its handler has seen it, and wants two numbers.
            try await expect(3, peer.call("Produce", message(""), stream: 7))
        }
    }

    /// Suite `timeouts`: calls of every kind end at their deadline, and their handlers with them.
    @Test(arguments: [("Wait", true), ("Hang", true), ("Ignore", false), ("Chat", false), ("Ignore", true)])
    func `A.4 timeouts`(method: String, end: Bool) async throws {
        try await WireServer.connect { peer, server in
            try await peer.send(
                .headers(1, RawPeer.request(method, ["grpc-timeout": "500m"])), .data(1, message("one"), end: end))
            try await expect(4, peer.outcome(1))
            #expect(try await server.seen.eventually { $0.running == 0 && $0.cancelled == 1 })
        }
    }

    /// Suite `errors`: every code, of a unary call and of a stream, before and after responses, with metadata.
    @Test(arguments: 1...16) func `A.4 errors`(code: Int) async throws {
        try await WireServer.connect { peer, _ in
            let unary = try await peer.call("Fail", message([UInt8(code)] + Array("lỗi 😈".utf8)))
            expect(code, unary)
            #expect(unary["grpc-message"] == "l%E1%BB%97i %F0%9F%98%88")
            #expect(unary["x-kept"] == "yes")
            for (stream, count) in [(UInt32(3), 0), (5, 2)] {
                let reply = try await peer.call("Produce", message("\(count) 3 \(code)"), stream: stream)
                expect(code, reply)
                #expect(reply.messages.count == count)
                #expect(reply["grpc-message"] == "after \(count)" && reply["x-kept"] == "yes")
            }
        }
    }

    @Test func `A.4 a request that cannot be read after responses`() async throws {
        try await WireServer.connect { peer, _ in
            let chat = message("fine") + message([1, 2], flag: 1)
            let reply = try await peer.call("Chat", chat, ["grpc-encoding": "gzip"])
            #expect(reply.messages == [Array("fine".utf8)])
            #expect(reply.status == 13)
        }
    }
}
