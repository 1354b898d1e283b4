extension ConformanceCase {
    private static let echo = RawPeer.request("Echo")
    private static let collect = RawPeer.request("Collect")

    /// h2spec's "generic": what a server must take.
    static let generic: [ConformanceCase] =
        [
            .init("1 #1 the preface", .ignored) { _ in },
            .init("2 #1 idle: PRIORITY", .ignored, .priority(1, on: 0)),
            .init(
                "2 #2 half-closed (remote): WINDOW_UPDATE", .reply(), .headers(1, collect, end: true),
                .windowUpdate(1, 1)),
            .init(
                "2 #3 half-closed (remote): PRIORITY", .reply(), .headers(1, collect, end: true), .priority(1, on: 0)),
            .init(
                "2 #4 half-closed (remote): RST_STREAM", .ignored, .headers(1, RawPeer.request("Wait")),
                .data(1, message(""), end: true), .reset(1)),
            .init("2 #5 closed: PRIORITY", .ignored) {
                try await $0.finish()
                try await $0.send(.priority(1, on: 0))
            },
            .init("3.1 #1 DATA", .reply(), .headers(1, echo), .data(1, message("test"), end: true)),
            .init(
                "3.1 #2 several DATA", .reply(), .headers(1, echo), .data(1, message("test")), .data(1, [], end: true)),
            .init(
                "3.1 #3 DATA with padding", .reply(), .headers(1, echo),
                .padded(1, message("test"), padding: 200, end: true)),
            .init("3.2 #1 HEADERS", .reply(), .headers(1, collect, end: true)),
            .init("3.2 #2 HEADERS with padding", .reply()) {
                var frame = Frame.headers(1, collect, end: true)
                frame.flags |= Frame.Flag.padded
                frame.payload = [6] + frame.payload + [UInt8](repeating: 0, count: 6)
                try await $0.send(frame)
            },
            .init("3.2 #3 HEADERS with a priority", .reply()) {
                var frame = Frame.headers(1, collect, end: true)
                frame.flags |= Frame.Flag.priority
                frame.payload = bigEndian(0) + [255] + frame.payload
                try await $0.send(frame)
            },
            .init(
                "3.3 #1 PRIORITY of the least weight", .reply(), .priority(1, on: 0, weight: 0),
                .headers(1, collect, end: true)),
            .init(
                "3.3 #2 PRIORITY of the greatest weight", .reply(), .priority(1, on: 0, weight: 255),
                .headers(1, collect, end: true)),
            .init(
                "3.3 #3 PRIORITY that depends on a stream", .reply(), .priority(3, on: 1),
                .headers(1, collect, end: true)),
            .init(
                "3.3 #4 PRIORITY that is exclusive", .reply(), .priority(1, on: 1 << 31),
                .headers(1, collect, end: true)),
            .init(
                "3.3 #5 PRIORITY of an idle stream, then HEADERS of one below", .reply(), .priority(3, on: 0),
                .headers(1, collect, end: true)),
            .init(
                "3.3 PRIORITY in a circle", .reply(stream: 9), .priority(3, on: 1), .priority(5, on: 1 | 1 << 31),
                .priority(1, on: 5), .headers(9, collect, end: true), .priority(9, on: 3)),
            .init("3.4 #1 RST_STREAM", .ignored, .headers(1, collect), .reset(1)),
            .init("3.5 #1 SETTINGS", .ignored, .settings([(3, 100), (6, 8192)])),
            .init("3.7 #1 PING", .ignored, .ping()),
            .init("3.8 #1 GOAWAY", .reply(), .headers(1, collect), .goAway(last: 0), .data(1, [], end: true)),
            .init(
                "3.9 #1 WINDOW_UPDATE of the connection", .reply(), .windowUpdate(0, 1), .headers(1, collect, end: true)
            ),
            .init(
                "3.9 #2 WINDOW_UPDATE of a stream", .reply(), .headers(1, collect), .windowUpdate(1, 1),
                .data(1, [], end: true)),
            .init(
                "3.10 #1 CONTINUATION", .reply(), .headers(1, collect, end: true, endHeaders: false),
                .continuation(1, endHeaders: true)),
            .init(
                "3.10 #2 several CONTINUATION", .reply(), .headers(1, collect, end: true, endHeaders: false),
                .continuation(1, endHeaders: false), .continuation(1, endHeaders: true)),
            .init("4 #1 GET", .http("405"), .headers(1, RawPeer.request("Echo", [":method": "GET"]), end: true)),
            .init("4 #2 HEAD", .http("405"), .headers(1, RawPeer.request("Echo", [":method": "HEAD"]), end: true)),
            .init("4 #3 POST", .reply(), .headers(1, echo), .data(1, message("test"), end: true)),
            .init(
                "4 #4 POST with trailers", .reply(), .headers(1, echo), .data(1, message("test")),
                .headers(1, [("x-test", "ok")], end: true)),
        ]
        + fields.map { name, more in .init(name, .reply(), .headers(1, block: HPACK.literal(collect) + more, end: true))
        }
        + [
            .init(
                "5 #14 a table size update", .reply(), .headers(1, block: [0x20] + HPACK.literal(collect), end: true)),
            .init(
                "5 #15 several table size updates", .reply(),
                .headers(1, block: [0x20, 0x3f, 0xe1, 0x1f] + HPACK.literal(collect), end: true)),
        ]

    /// Representations of a field (RFC 7541, section 6).
    private static let fields: [(String, [UInt8])] = [
        ("5 #1 an indexed field", [0x80 | 16]),
        ("5 #2 a literal with indexing, indexed name", [0x40 | 58] + value),
        ("5 #3 the same in Huffman code", [0x40 | 58] + valueInHuffman),
        ("5 #4 a literal with indexing, new name", [0x40] + name + value),
        ("5 #5 the same in Huffman code", [0x40] + nameInHuffman + valueInHuffman),
        ("5 #6 a literal without indexing, indexed name", [0x0f, 43] + value),
        ("5 #7 the same in Huffman code", [0x0f, 43] + valueInHuffman),
        ("5 #8 a literal without indexing, new name", [0x00] + name + value),
        ("5 #9 the same in Huffman code", [0x00] + nameInHuffman + valueInHuffman),
        ("5 #10 a literal never indexed, indexed name", [0x1f, 43] + value),
        ("5 #11 the same in Huffman code", [0x1f, 43] + valueInHuffman),
        ("5 #12 a literal never indexed, new name", [0x10] + name + value),
        ("5 #13 the same in Huffman code", [0x10] + nameInHuffman + valueInHuffman),
        ("5 an indexed field of the dynamic table", [0x40] + name + value + [0x80 | 62]),
    ]

    private static let name: [UInt8] = [6] + Array("x-test".utf8)
    private static let value: [UInt8] = [4] + Array("test".utf8)
    private static let nameInHuffman: [UInt8] = [0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff]
    private static let valueInHuffman: [UInt8] = [0x83, 0x49, 0x50, 0x9f]

    /// h2spec's "hpack": what a server must refuse.
    static let hpack: [ConformanceCase] = [
        ("2.3.3 #1 an index beyond both tables", HPACK.literal(collect) + [0xff, 0x10]),
        ("2.3.3 #2 the index of a name beyond both tables", HPACK.literal(collect) + [0x7f, 7] + value),
        ("4.2 #1 a table size update at the end of a block", HPACK.literal(collect) + [0x21]),
        (
            "5.2 #1 Huffman padding of more than 7 bits",
            HPACK.literal(collect) + [0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff]
        ),
        (
            "5.2 #2 Huffman padding of zeros",
            HPACK.literal(collect) + [0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90]
        ),
        (
            "5.2 #3 Huffman code with EOS",
            HPACK.literal(collect) + [
                0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x87, 0x49, 0x51, 0xff, 0xff, 0xff, 0xfa, 0x7f,
            ]
        ),
        ("6.1 #1 the index 0", HPACK.literal(collect) + [0x80]),
        ("6.3 #1 a table size over the one announced", [0x3f, 0xe2, 0x1f] + HPACK.literal(collect)),
    ].map { name, block in .init(name, .connectionError([Code.compression]), .headers(1, block: block, end: true)) }
}
