import HTTP2
import Testing

/// The rules of gRPC over HTTP/2 (PROTOCOL-HTTP2 and its neighbours), one test for each row of the project's list, by
/// raw frames. Rows 13 to 22 are in `WireRuleTests+Lifetime.swift`.
@Suite(.timeLimit(.minutes(10))) struct WireRuleTests {
    @Test func `B.1 #1 grpc-timeout has at most 8 digits and a unit`() async throws {
        try await WireServer.connect { peer, server in
            var stream: UInt32 = 1
            for good in ["1H", "99999999H", "20M", "60S", "60000m", "99999999u", "99999999n", "00000060S"] {
                #expect(
                    try await peer.call("Echo", message(""), stream: stream, ["grpc-timeout": good]).status == 0,
                    "\(good)")
                stream += 2
            }
            for bad in ["", "1", "H", "1h", "100000000S", "-1S", "+1S", " 1S", "1 S", "1.5S", "0x1S", "1SS"] {
                let reply = try await peer.call("Echo", message(""), stream: stream, ["grpc-timeout": bad])
                #expect(reply.status == 3, "\(bad)")
                #expect(reply["grpc-message"]?.contains("grpc-timeout") == true)
                stream += 2
            }
            // `m` is milliseconds, `M` minutes; nothing is infinite but for the bound of unary calls.
            let seen = try server.seen.now.timeouts.map { try #require($0) }
            #expect(seen[2] > .seconds(1100) && seen[2] <= .seconds(1200))
            #expect(seen[4] > .seconds(30) && seen[4] <= .seconds(60))
            #expect(seen[1] > .seconds(359_000_000_000))
            let zero = try await peer.call("Wait", message(""), stream: stream, ["grpc-timeout": "0S"])
            #expect(zero.status == 4)
        }
    }

    @Test func `B.1 #2 grpc-status is plain decimal and grpc-message is percent-encoded`() async throws {
        try await WireServer.connect { peer, _ in
            let text = "\t\nwhite space\r\n100% ☺ 😈 ~ +"
            let reply = try await peer.call("Fail", message([2] + Array(text.utf8)))
            #expect(reply["grpc-status"] == "2")
            #expect(
                reply["grpc-message"] == "%09%0Awhite space%0D%0A100%25 %E2%98%BA %F0%9F%98%88 ~ +")
            for (index, code) in (UInt8(1)...16).enumerated() {
                let reply = try await peer.call("Fail", message([code]), stream: UInt32(3 + 2 * index))
                #expect(reply["grpc-status"] == "\(code)")
                #expect(reply["grpc-message"] == nil, "no message, no header")
            }
        }
    }

    @Test func `B.1 #3 binary headers come padded, unpadded, joined or empty, and leave unpadded`() async throws {
        try await WireServer.connect { peer, _ in
            let reply = try await peer.call(
                "Echo", message(""), ["x-a-bin": "q6s=", "x-b-bin": "q6s", "x-c-bin": "q6s=,AQ, Ag", "x-d-bin": ""])
            #expect(reply.status == 0)
            #expect(reply["x-a-bin"] == "q6s")
            #expect(reply["x-b-bin"] == "q6s")
            #expect(reply.trailers.filter { $0.name == "x-c-bin" }.map(\.value) == ["q6s", "AQ", "Ag"])
            #expect(reply["x-d-bin"] == "")
            // What is no base64 costs the field, not the call.
            #expect(try await peer.call("Echo", message(""), stream: 3, ["x-a-bin": "*"]).status == 0)
        }
    }

    @Test func `B.1 #4 an immediate error is one HEADERS frame`() async throws {
        try await WireServer.connect { peer, _ in
            for (index, reply) in [
                try await peer.call("Nothing", message("")), try await peer.call("Fail", message([5]), stream: 3),
            ].enumerated() {
                let stream = UInt32(1 + 2 * index)
                #expect(reply.http == "200" && reply["content-type"] == "application/grpc" && reply.status != nil)
                #expect(peer.frames.count { $0.stream == stream && $0.kind == Frame.Kind.headers } == 1)
                #expect(reply.data.isEmpty && reply.trailers.isEmpty && reply.ended)
            }
        }
    }

    @Test func `B.1 #5 the status is in the trailers and HTTP says 200`() async throws {
        try await WireServer.connect { peer, _ in
            let fine = try await peer.call("Echo", message("a"))
            #expect(fine.http == "200" && fine.headers.allSatisfy { $0.name != "grpc-status" })
            #expect(fine.trailers.first { $0.name == "grpc-status" }?.value == "0")
            let late = try await peer.call("Produce", message("nonsense"), stream: 3)
            #expect(late.http == "200" && late.status == 3)
        }
    }

    @Test func `B.1 #6 other content types get HTTP 415`() async throws {
        try await WireServer.connect { peer, _ in
            var stream: UInt32 = 1
            for good in [
                "application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8",
                "application/grpc+proto; x=y",
            ] {
                #expect(
                    try await peer.call("Echo", message(""), stream: stream, ["content-type": good]).status == 0,
                    "\(good)")
                stream += 2
            }
            for bad in [
                "application/grpcfoo", "application/grpc-web", "application/grpc-web+proto", "application/json",
                "text/plain", "",
            ] {
                let reply = try await peer.call("Echo", message(""), stream: stream, ["content-type": bad])
                #expect(reply.http == "415" && reply.status == nil, "\(bad)")
                stream += 2
            }
            #expect(try await peer.call("Echo", message(""), stream: stream, ["content-type": nil]).http == "415")
        }
    }

    @Test func `B.1 #7 te is not demanded`() async throws {
        try await WireServer.connect { peer, _ in
            #expect(try await peer.call("Echo", message(""), ["te": nil]).status == 0)
            let other = try await peer.call("Echo", message(""), stream: 3, ["te": "gzip"])
            #expect(other.reset == 1, "HTTP/2 allows no other te (RFC 9113, section 8.2.2)")
        }
    }

    @Test func `B.1 #8 compression follows its flag and its header`() async throws {
        try await WireServer.connect { peer, _ in
            let zipped = gzip(Array("compressed".utf8))
            let fine = try await peer.call("Echo", message(zipped, flag: 1), ["grpc-encoding": "gzip"])
            #expect(fine.status == 0 && fine.messages == [Array("compressed".utf8)])
            #expect(try await peer.call("Echo", message("plain"), stream: 3, ["grpc-encoding": "gzip"]).status == 0)
            #expect(try await peer.call("Echo", message(zipped, flag: 1), stream: 5).status == 13)
            #expect(
                try await peer.call("Echo", message(zipped, flag: 1), stream: 7, ["grpc-encoding": "identity"]).status
                    == 13)
            let unknown = try await peer.call("Echo", message(""), stream: 9, ["grpc-encoding": "snappy"])
            #expect(unknown.status == 12 && unknown["grpc-accept-encoding"] == "identity,gzip")
            for flag: UInt8 in [2, 128, 255] {
                let reply = try await peer.call(
                    "Echo", message(zipped, flag: flag), stream: UInt32(flag) * 2 + 11, ["grpc-encoding": "gzip"])
                #expect(reply.status == 13, "flag \(flag)")
            }
            let broken = try await peer.call(
                "Echo", message([1, 2, 3], flag: 1), stream: 601, ["grpc-encoding": "gzip"])
            #expect(broken.status == 13)
            // Each message is compressed on its own.
            let two = message(zipped, flag: 1) + message(gzip(Array("again".utf8)), flag: 1) + message("plain")
            let many = try await peer.call("Collect", two, stream: 603, ["grpc-encoding": "gzip"])
            #expect(many.messages == [Array("10 5 5".utf8)])
            // The reply is compressed only for who can read it.
            let long = [UInt8](repeating: 9, count: 5000)
            let mute = try await peer.call("Compressed", message(long), stream: 605)
            #expect(mute["grpc-encoding"] == nil && mute.data.first == 0)
            let other = try await peer.call("Compressed", message(long), stream: 607, ["grpc-accept-encoding": "br"])
            #expect(other["grpc-encoding"] == nil && other.data.first == 0)
            let able = try await peer.call(
                "Compressed", message(long), stream: 609, ["grpc-accept-encoding": "identity, gzip"])
            #expect(able["grpc-encoding"] == "gzip" && able.data.first == 1 && able.data.count < 200)
        }
    }

    /// The interoperability case `server_compressed_streaming` (A.1) sees what was sent, and not how.
    @Test func `B.1 #8 each message of a stream is compressed or not, as its handler says`() async throws {
        try await WireServer.connect { peer, _ in
            let long = [UInt8](repeating: 7, count: 5000)
            let reply = try await peer.call(
                "Chat", message(long) + message("short") + message(long), ["grpc-accept-encoding": "gzip"])
            #expect(reply.status == 0 && reply["grpc-encoding"] == "gzip")
            try #require(reply.messages.count == 3)
            let flags = [0, 1, 2].map { index in
                reply.data[reply.messages.prefix(index).reduce(0) { $0 + 5 + $1.count }]
            }
            #expect(flags == [1, 0, 1])
            #expect(reply.messages[0].count < 1000 && reply.messages[1] == Array("short".utf8))
        }
    }

    @Test func `B.1 #9 messages and frames have nothing to do with each other`() async throws {
        try await WireServer.connect { peer, _ in
            let bytes = message("one") + message("") + message("three")
            // One byte in each frame.
            try await peer.send(.headers(1, RawPeer.request("Collect")))
            for byte in bytes { try await peer.send(.data(1, [byte])) }
            try await peer.send(.data(1, [], end: true))
            #expect(try await peer.outcome(1).messages == [Array("3 0 5".utf8)])
            // Everything in one; and no message at all.
            #expect(try await peer.call("Collect", bytes, stream: 3).messages == [Array("3 0 5".utf8)])
            #expect(try await peer.call("Collect", [], stream: 5).messages == [[]])
            #expect(try await peer.call("Echo", message(""), stream: 7).messages == [[]])
            // The end comes inside a prefix, or inside a message.
            #expect(try await peer.call("Echo", [0, 0, 0], stream: 9).status == 13)
            #expect(try await peer.call("Echo", message([1], length: 2), stream: 11).status == 13)
            #expect(try await peer.call("Collect", message("a") + message([1], length: 2), stream: 13).status == 13)
        }
    }

    @Test func `B.1 #10 the length of a message is checked on its prefix`() async throws {
        var limits = Limits()
        limits.receiveMessageBytes = 1000
        try await WireServer.connect(limits) { peer, _ in
            let fits = [UInt8](repeating: 1, count: 1000)
            #expect(try await peer.call("Echo", message(fits)).messages == [fits])
            // No byte of the message has come, nor the end: the prefix is enough.
            for (stream, length) in [(UInt32(3), 1001), (5, 0x7fff_ffff), (7, 0xffff_ffff)] {
                try await peer.send(
                    .headers(stream, RawPeer.request("Echo")), .data(stream, message([], length: length)))
                #expect(try await peer.outcome(stream).status == 8)
            }
            let second = message("a") + message([], length: 1001)
            #expect(try await peer.call("Collect", second, stream: 9).status == 8)
            // The size that counts is that after decompression.
            let bomb = gzip([UInt8](repeating: 0, count: 100_000))
            #expect(
                try await peer.call("Echo", message(bomb, flag: 1), stream: 11, ["grpc-encoding": "gzip"]).status == 8)
        }
    }

    @Test func `B.1 #11 field values may be what HTTP allows, and grpc- names are ours`() async throws {
        try await WireServer.connect { peer, _ in
            var fields = RawPeer.request("Echo", ["x-name_0.1-z": "  spaced  ", "grpc-foo": "bar"])
            fields.append(("x-spaced", "a, b"))
            let block = HPACK.literal(fields) + HPACK.literal(name: Array("x-latin".utf8), value: [0x61, 0xe9, 0xff])
            try await peer.send(.headers(1, block: block), .data(1, message(""), end: true))
            let reply = try await peer.outcome(1)
            #expect(reply.status == 0)
            #expect(reply["x-name_0.1-z"]?.trimmed == "spaced")
            #expect(reply["grpc-foo"] == nil)
            // A handler cannot set the status by metadata.
            let failed = try await peer.call("Fail", message([9]), stream: 3)
            #expect(failed.headers.filter { $0.name == "grpc-status" }.map(\.value) == ["9"])
            #expect(failed["x-kept"] == "yes")
        }
    }

    @Test func `B.1 #12 header lists are bounded, counted as name, value and 32`() async throws {
        var limits = Limits()
        limits.headerListBytes = 2000
        try await WireServer.connect(limits) { peer, _ in
            #expect(peer.settings[6] == 2000)
            let base = RawPeer.request("Echo").reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 32 }
            func padded(to size: Int) -> KeyValuePairs<String, String?> {
                ["x": String(repeating: "v", count: size - base - 33)]
            }
            #expect(try await peer.call("Echo", message(""), padded(to: 2000)).status == 0)
            #expect(try await peer.call("Echo", message(""), stream: 3, padded(to: 2001)).status == 8)
            // Binary values count as they come, in base64.
            let binary = try await peer.call(
                "Echo", message(""), stream: 5, ["x-bin": String(repeating: "A", count: 1900)])
            #expect(binary.status == 8)
            #expect(try await peer.call("Echo", message(""), stream: 7).status == 0, "the connection goes on")
        }
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
