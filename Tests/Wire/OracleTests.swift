import HTTP2
import Testing

/// What the conformance suite of Connect expects of a gRPC server when a request is unexpected (its suites
/// `grpc_server_unexpected`, `server_message_size` and `grpc_server_proto_subformat`), by raw frames.
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

    @Test func `A.4 errors after responses, with their message`() async throws {
        try await WireServer.connect { peer, _ in
            let chat = message("fine") + message([1, 2], flag: 1)
            let reply = try await peer.call("Chat", chat, ["grpc-encoding": "gzip"])
            #expect(reply.messages == [Array("fine".utf8)])
            #expect(reply.status == 13)
        }
    }
}
