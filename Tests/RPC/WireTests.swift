import HTTP2
import Testing

@testable import RPC

@Suite struct RequestFieldsTests {
    @Test(arguments: [
        ("gzip", true), ("identity, deflate, gzip", true), ("identity,gzip", true), ("  gzip", true),
        ("deflate,,gzip", true),
        ("gzip,identity", true), ("", false), ("identity", false), ("xgzip", false), ("identity gzip", false),
        ("gzi", false), ("identity,deflate,gzi", false), ("g", false), (",", false),
    ])
    func findsGzipAmongTheEncodingsAccepted(list: String, isThere: Bool) {
        var headers = HeaderBlock()
        headers.append("grpc-accept-encoding", list)
        #expect(RequestFields(headers, router: ServiceRouter()).acceptsGzip == isThere)
    }
}

@Suite struct TimeoutTests {
    private func parse(_ text: String) -> Duration? {
        Array(text.utf8).withUnsafeBufferPointer { Timeout.parse($0) }
    }

    @Test(arguments: [
        ("1H", Duration.seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("4m", .milliseconds(4)),
        ("5u", .microseconds(5)), ("6n", .nanoseconds(6)), ("99999999H", .seconds(99_999_999 * 3600)), ("0S", .zero),
    ])
    func readsEveryUnit(text: String, expected: Duration) { #expect(parse(text) == expected) }

    @Test(arguments: ["", "S", "1", "1s", "-1S", "+1S", " 1S", "1 S", "123456789S", "1.5S", "1SS"])
    func refusesWhatIsNoTimeout(text: String) { #expect(parse(text) == nil) }

    @Test(arguments: [
        (Duration.nanoseconds(5), "5n"), (.milliseconds(100), "100000u"), (.seconds(10), "10000000u"),
        (.seconds(3600), "3600000m"), (.seconds(200_000), "200000S"), (.seconds(-1), "0n"), (.zero, "0n"),
    ])
    func writesTheFinestUnitThatFits(duration: Duration, expected: String) {
        #expect(Timeout.format(duration) == expected)
        #expect(Timeout.format(duration).count <= 9)
    }

    @Test func neverWritesLessThanIsLeft() {
        for shift in 0..<60 {
            let duration = Duration.nanoseconds(Int64(1) << shift + 1)
            if let back = parse(Timeout.format(duration)) {
                #expect(back >= duration)
            } else {
                Issue.record("\(shift)")
            }
        }
    }
}

@Suite struct PercentEncodingTests {
    private func decode(_ text: String) -> String {
        Array(text.utf8).withUnsafeBufferPointer { PercentEncoding.decode($0) }
    }

    @Test(arguments: [
        ("plain text", "plain text"), ("50%", "50%25"), ("a\tb", "a%09b"), ("\r\n", "%0D%0A"), ("Tổ", "T%E1%BB%95"),
        ("😈", "%F0%9F%98%88"), ("~", "~"), ("", ""),
    ])
    func encodesAndDecodes(text: String, encoded: String) {
        #expect(String(decoding: PercentEncoding.encode(text), as: UTF8.self) == encoded)
        #expect(decode(encoded) == text)
    }

    @Test(arguments: [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("a%e1%bb%95", "aổ"), ("%%41", "%A")])
    func decodingNeverFails(text: String, expected: String) { #expect(decode(text) == expected) }
}

@Suite struct Base64Tests {
    @Test(
        arguments: [
            ([], ""), ([0xab], "qw"), ([0xab, 0xab], "q6s"), ([0xab, 0xab, 0xab], "q6ur"), ([0, 0, 0, 255], "AAAA/w"),
        ] as [([UInt8], String)])
    func sendsUnpadded(bytes: [UInt8], text: String) {
        #expect(String(decoding: Base64.encode(bytes), as: UTF8.self) == text)
        #expect(Base64.decode(text.utf8) == bytes)
    }

    @Test func acceptsPadded() { #expect(Base64.decode("qw==".utf8) == [0xab]) }
    @Test(arguments: ["a", "q*", "q=w", "qw==="]) func refusesWhatIsNoBase64(text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }
}

@Suite struct DeframerTests {
    private func framed(_ messages: [[UInt8]]) -> [UInt8] {
        messages.flatMap { message -> [UInt8] in
            let prefix = MessageDeframer.prefix(isCompressed: false, length: message.count)
            return (0..<5).map { UInt8(truncatingIfNeeded: prefix >> (8 * $0)) } + message
        }
    }

    @Test func cutsMessagesWhereverDataIsCut() throws {
        let messages: [[UInt8]] = [[], [1], Array(repeating: 7, count: 300), [], [9, 9]]
        let wire = framed(messages)
        for size in 1...wire.count {
            var deframer = MessageDeframer(limit: 1000)
            var queue = FrameQueue()
            var credited = 0
            var index = 0
            while index < wire.count {
                let end = min(index + size, wire.count)
                credited += try wire[index..<end].withUnsafeBufferPointer { try deframer.push($0, into: &queue) }
                index = end
            }
            var frames: [MessageDeframer.Frame] = []
            while let frame = queue.popFirst() { frames.append(frame) }
            #expect(frames.map(\.bytes) == messages)
            // Every byte is given back exactly once.
            #expect(credited + frames.reduce(0) { $0 + $1.credit } == wire.count)
            #expect(!deframer.isInsideMessage)
        }
    }

    @Test func refusesALengthOverTheLimitBeforeAnyBody() {
        var deframer = MessageDeframer(limit: 10)
        var frames = FrameQueue()
        #expect(throws: MessageDeframer.Failure.tooLarge(11)) {
            try [0, 0, 0, 0, 11].withUnsafeBufferPointer { try deframer.push($0, into: &frames) }
        }
    }

    @Test func refusesOtherFlags() {
        var deframer = MessageDeframer(limit: 10)
        var frames = FrameQueue()
        #expect(throws: MessageDeframer.Failure.badFlag(2)) {
            try [2, 0, 0, 0, 0].withUnsafeBufferPointer { try deframer.push($0, into: &frames) }
        }
    }
}

@Suite struct GzipTests {
    @Test(arguments: [0, 1, 100, 100_000]) func roundTrips(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 3) }
        let compressed = try #require(Gzip.compress(bytes))
        #expect(try Gzip.decompress(compressed, limit: size) == bytes)
    }

    @Test func stopsABombAtTheLimit() throws {
        let bomb = try #require(Gzip.compress([UInt8](repeating: 0, count: 10_000_000)))
        #expect(bomb.count < 20_000)
        #expect(throws: Gzip.Failure.tooLarge) { try Gzip.decompress(bomb, limit: 4096) }
    }

    @Test func refusesGarbageAndTruncation() throws {
        #expect(throws: Gzip.Failure.corrupt) { try Gzip.decompress([1, 2, 3], limit: 10) }
        let whole = try #require(Gzip.compress([UInt8](repeating: 5, count: 100)))
        #expect(throws: Gzip.Failure.corrupt) { try Gzip.decompress(Array(whole.dropLast(9)), limit: 1000) }
        #expect(throws: Gzip.Failure.corrupt) { try Gzip.decompress(whole + [0], limit: 1000) }
    }
}

@Suite struct HeadersTests {
    private func isGRPC(_ text: String) -> Bool { Array(text.utf8).withUnsafeBufferPointer { Headers.isGRPC($0) } }

    @Test(arguments: [
        "application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "Application/GRPC",
    ])
    func takesGRPC(text: String) { #expect(isGRPC(text)) }

    @Test(arguments: ["application/grpc-web", "application/grpcfoo", "application/json", "", "application/grpc+json"])
    func refusesOtherTypes(text: String) { #expect(!isGRPC(text)) }

    @Test func statusAndDetailsSurviveTheWire() throws {
        let error = RPCError(
            code: .notFound, message: "không có tổ “x”\n50%", metadata: ["k": "v"], details: [1, 2, 0xff])
        let trailers = Headers.trailers(error, [:])
        let outcome = try #require(Headers.outcome(trailers))
        #expect(outcome.error == error)
    }

    @Test func metadataKeepsOrderAndBytesAndDropsWhatIsReserved() {
        var metadata: Metadata = ["a": "1", "grpc-status": "5", "bad": "line\nbreak"]
        metadata.add([0, 255], for: "b-bin")
        metadata.add("2", for: "a")
        var block = HeaderBlock()
        MetadataCoding.append(metadata, to: &block)
        let back = MetadataCoding.decode(block)
        #expect(back.strings("a") == ["1", "2"])
        #expect(back[binary: "b-bin"] == [0, 255])
        #expect(back.count == 3)
    }

    @Test func binaryValuesJoinedWithCommasAreSplit() {
        var block = HeaderBlock()
        block.append("k-bin", "qw==, AQ,")
        #expect(MetadataCoding.decode(block).binaries("k-bin") == [[0xab], [1], []])
    }
}

@Suite struct FrameQueueTests {
    @Test func emptyMessagesTakeMemoryToo() {
        var queue = FrameQueue()
        for _ in 0..<1000 { queue.append(.init(isCompressed: false, bytes: [], credit: 5)) }
        #expect(queue.byteCount >= 1000 * MemoryLayout<MessageDeframer.Frame>.stride)
        queue.append(.init(isCompressed: false, bytes: [1, 2, 3], credit: 8))
        while queue.popFirst() != nil {}
        #expect(queue.byteCount == 0)
    }
}
