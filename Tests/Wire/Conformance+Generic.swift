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
                "3.3 PRIORITY of all kinds", .reply(stream: 9), .priority(1, on: 0, weight: 255), .priority(3, on: 1),
                .priority(5, on: 1 | 1 << 31), .priority(1, on: 5), .headers(9, collect, end: true), .priority(9, on: 3)
            ),
            .init("3.4 #1 RST_STREAM", .ignored, .headers(1, collect), .reset(1)),
            .init("3.5 #1 SETTINGS", .ignored, .settings([(3, 100), (6, 8192)])),
            .init("3.8 #1 GOAWAY", .reply(), .headers(1, collect), .goAway(last: 0), .data(1, [], end: true)),
            .init(
                "3.9 WINDOW_UPDATE", .reply(), .windowUpdate(0, 1), .headers(1, collect), .windowUpdate(1, 1),
                .data(1, [], end: true)),
            .init(
                "3.10 #1 CONTINUATION", .reply(), .headers(1, collect, end: true, endHeaders: false),
                .continuation(1, endHeaders: true)),
            .init("4 #1 GET", .http("405"), .headers(1, RawPeer.request("Echo", [":method": "GET"]), end: true)),
            .init("4 #2 HEAD", .http("405"), .headers(1, RawPeer.request("Echo", [":method": "HEAD"]), end: true)),
            .init("4 #3 POST", .reply(), .headers(1, echo), .data(1, message("test"), end: true)),
            .init(
                "4 #4 POST with trailers", .reply(), .headers(1, echo), .data(1, message("test")),
                .headers(1, [("x-test", "ok")], end: true)),
        ]
        + fields.map { name, more in .init(name, .reply(), .headers(1, block: HPACK.literal(collect) + more, end: true))
        }

    /// Representations of a field (RFC 7541, section 6).
    private static let fields: [(String, [UInt8])] = [
        ("5 #2 a literal with indexing, indexed name", [0x40 | 58, 4] + Array("test".utf8)),
        ("5 #3 a literal with indexing, new name", HPACK.indexed(name: "x-test", value: "ok")),
        ("5 #4 a literal without indexing, indexed name", [0x0f, 43, 4] + Array("test".utf8)),
        ("5 #5 a literal without indexing, new name", HPACK.literal(name: Array("x-test".utf8), value: [])),
        ("5 #6 a literal never indexed, indexed name", [0x1f, 43, 4] + Array("test".utf8)),
        (
            "5 #7 a literal never indexed, new name",
            [0x10] + HPACK.literal(name: Array("x-test".utf8), value: []).dropFirst()
        ),
        ("5 #8 an indexed field of the static table", [0x80 | 16]),
        ("5 #9 an indexed field of the dynamic table", HPACK.indexed(name: "x-test", value: "ok") + [0x80 | 62]),
        // "no-cache" in Huffman code (RFC 7541, appendix C.4.2).
        ("5 #10 a value in Huffman code", [0x0f, 9, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]),
    ]

    /// h2spec's "hpack": what a server must refuse.
    static let hpack: [ConformanceCase] = [
        ("2.3.3 #1 an index beyond both tables", HPACK.literal(collect) + [0xff, 0x10]),
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
