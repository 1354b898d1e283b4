import Foundation
import TestSupport
import Testing

/// What attacks cost a whole server at its default limits, measured from outside: a process of its own, its memory and
/// its processor time, and whether others are answered while the attack runs.
@Suite(.timeLimit(.minutes(10)), .serialized) struct AbuseCostTests {
    /// A server in a process of its own.
    private struct Victim {
        let process: BackgroundProcess
        let port: Int
        let pid: Int

        /// Kilobytes of memory, now or at its highest (`VmRSS`, `VmHWM`).
        func kilobytes(_ name: String) throws -> Int {
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("\(name):") })
            return try #require(Int(line.split(separator: "\t")[1].filter(\.isNumber)))
        }

        /// Seconds of processor time used.
        func cpu() throws -> Double {
            let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
            return Double((Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)) / Double(sysconf(Int32(_SC_CLK_TCK)))
        }

        /// Whether a call on a connection of its own is answered.
        func answers() async throws -> Bool {
            let peer = try await RawPeer.connect(port: port)
            let fields = RawPeer.request("x", [":path": "/grpc.testing.TestService/EmptyCall"])
            try await peer.send(.headers(1, fields), .data(1, message(""), end: true))
            return try await peer.outcome(1).status == 0
        }
    }

    private func withVictim(_ arguments: [String] = [], _ body: (Victim) async throws -> Void) async throws {
        let process = try BackgroundProcess(["\(PackageFolder.products)/interop-server"] + arguments)
        do {
            let port = try #require(Int(try await process.line(after: "listening on 127.0.0.1:")))
            try await body(Victim(process: process, port: port, pid: Int(process.id)))
        } catch {
            await process.stop()
            throw error
        }
        await process.stop()
    }

    /// Runs attacks from several connections, one after the other, with an honest call between them.
    private func expectBounded(
        megabytes: Int, seconds: Double, connections: Int = 3, _ attack: (RawPeer) async throws -> Void
    ) async throws {
        try await withVictim { victim in
            #expect(try await victim.answers())
            let before = try (memory: victim.kilobytes("VmRSS"), cpu: victim.cpu())
            var kept: [RawPeer] = []
            for _ in 0..<connections {
                let peer = try await RawPeer.connect(port: victim.port)
                try await attack(peer)
                kept.append(peer)
                #expect(try await victim.answers())
            }
            let grown = try (victim.kilobytes("VmHWM") - before.memory) / 1024
            let used = try victim.cpu() - before.cpu
            #expect(grown < megabytes, "memory grew by \(grown) MB")
            #expect(used < seconds, "\(used) s of processor time")
            withExtendedLifetime(kept) {}
        }
    }

    /// An integer as protobuf writes it.
    private func varint(_ value: Int) -> [UInt8] {
        value < 128 ? [UInt8(value)] : [UInt8(value & 127 | 128)] + varint(value >> 7)
    }

    private static let streaming = RawPeer.request("x", [":path": "/grpc.testing.TestService/StreamingInputCall"])
    private static let unary = RawPeer.request("x", [":path": "/grpc.testing.TestService/UnaryCall"])

    @Test func `B.3 rapid reset`() async throws {
        let pairs = (0..<3000).flatMap { index -> [UInt8] in
            let stream = UInt32(1 + 2 * index)
            return Frame.headers(stream, Self.streaming).bytes() + Frame.reset(stream).bytes()
        }
        try await expectBounded(megabytes: 40, seconds: 10) { try await $0.send(bytes: pairs) }
    }

    @Test func `B.3 HPACK bomb`() async throws {
        let bomb =
            HPACK.literal(Self.unary) + HPACK.indexed(name: "x", value: String(repeating: "v", count: 4000))
            + [UInt8](repeating: 0x80 | 62, count: 5_000)
        try await expectBounded(megabytes: 40, seconds: 10) { peer in
            for index in 0..<20 where !peer.isSentAway {
                try await peer.send(.headers(UInt32(1 + 2 * index), block: bomb, end: true))
            }
            #expect(try await peer.wait { $0.isSentAway })
        }
    }

    /// Resets that the server is made to send.
    @Test(arguments: ["window overflow", "upper-case name"]) func `B.3 MadeYouReset`(kind: String) async throws {
        try await expectBounded(megabytes: 40, seconds: 10) { peer in
            for index in 0..<3000 where !peer.isSentAway {
                let stream = UInt32(1 + 2 * index)
                if kind == "window overflow" {
                    try await peer.send(
                        .headers(stream, Self.streaming), .windowUpdate(stream, 0x7fff_ffff),
                        .windowUpdate(stream, 0x7fff_ffff))
                } else {
                    try await peer.send(.headers(stream, Self.unary + [("Upper", "a")]))
                }
                try await peer.pump()
            }
            #expect(try await peer.wait { $0.isSentAway })
        }
    }

    @Test func `B.3 CONTINUATION flood`() async throws {
        try await expectBounded(megabytes: 40, seconds: 10) { peer in
            try await peer.send(.headers(1, Self.unary, endHeaders: false))
            try await peer.flood(Frame.continuation(1, endHeaders: false).bytes(), times: 50_000)
            #expect(try await peer.wait { $0.isClosed })
        }
    }

    @Test func `B.3 header lists over the limit`() async throws {
        let long = Self.unary + [("x", String(repeating: "v", count: 9000))]
        try await expectBounded(megabytes: 40, seconds: 10) { peer in
            for index in 0..<50 where !peer.isSentAway {
                try await peer.send(.headers(UInt32(1 + 2 * index), long, end: true))
                try await peer.pump()
            }
            #expect(try await peer.wait { $0.isSentAway })
        }
    }

    @Test func `B.3 giant length prefixes`() async throws {
        try await expectBounded(megabytes: 40, seconds: 10) { peer in
            for index in 0..<200 {
                let stream = UInt32(1 + 2 * index)
                try await peer.send(
                    .headers(stream, Self.streaming), .data(stream, message([], length: 0xffff_ffff)))
                try await peer.pump()
            }
            #expect(try await peer.outcome(399).status == 8)
        }
    }

    @Test func `B.3 empty DATA flood`() async throws {
        try await expectBounded(megabytes: 40, seconds: 10) { peer in
            try await peer.send(.headers(1, Self.streaming))
            try await peer.flood(Frame.data(1, []).bytes(), times: 50_000)
            #expect(try await peer.wait { $0.isSentAway })
        }
    }

    @Test func `B.3 PING and SETTINGS floods, answers not read`() async throws {
        for frame in [Frame.ping(), .settings()] {
            let flood = Array(repeatElement(frame.bytes(), count: 100_000).joined())
            try await expectBounded(megabytes: 40, seconds: 10) { peer in
                try await peer.socket.send(flood, within: .seconds(2))
            }
        }
    }

    @Test func `B.3 floods of control frames`() async throws {
        for frame in [Frame.ping(), .settings([(4, 65_535)]), .windowUpdate(0, 1), .priority(1, on: 0)] {
            try await expectBounded(megabytes: 40, seconds: 10, connections: 1) {
                try await $0.flood(frame.bytes(), times: 50_000)
            }
        }
    }

    /// As many entries as a frame holds, and as many as are let through; each frame changes the windows of all streams.
    @Test(arguments: [2_730, 32]) func `B.3 SETTINGS with many entries`(count: Int) async throws {
        let frames = [UInt32(65_535), 70_000].flatMap { value in
            Frame.settings((0..<count).map { $0.isMultiple(of: 2) ? (4, value) : (1, value) }).bytes()
        }
        try await expectBounded(megabytes: 40, seconds: 10) { peer in
            for index in 0..<200 { try await peer.send(.headers(UInt32(1 + 2 * index), Self.streaming)) }
            try await peer.flood(frames, times: 25_000)
            #expect(try await peer.wait { $0.isSentAway })
        }
    }

    @Test func `B.3 decompression bombs queued for a handler`() async throws {
        // 4 MB each when decompressed, 4 KB on the wire: as many as the window takes.
        // StreamingInputCallRequest { payload { body } }
        let body = [0x12] + varint(4_000_000) + [UInt8](repeating: 0, count: 4_000_000)
        let bomb = message(gzip([0x0a] + varint(body.count) + body), flag: 1)
        try await expectBounded(megabytes: 120, seconds: 20, connections: 2) { peer in
            var fields = Self.streaming
            fields.append(("grpc-encoding", "gzip"))
            try await peer.send(.headers(1, fields))
            for _ in 0..<40 { try await peer.send(.data(1, bomb)) }
            try await peer.send(.data(1, [], end: true))
            _ = try await peer.outcome(1)
        }
    }

    @Test func `B.3 slow readers of large replies`() async throws {
        // SimpleRequest { response_size: 4_000_000 }
        let request = message([0x10, 0x80, 0x92, 0xf4, 0x01])
        try await expectBounded(megabytes: 400, seconds: 20, connections: 1) { peer in
            peer.credits = false
            for index in 0..<50 {
                let stream = UInt32(1 + 2 * index)
                try await peer.send(.headers(stream, Self.unary), .data(stream, request, end: true))
            }
            _ = try await peer.wait { $0.streams.count > 0 }
        }
    }

    /// A client of another process holds 10,000 connections that say nothing after their SETTINGS.
    @Test func `B.3 10,000 idle connections`() async throws {
        try await withVictim(["--connections", "10100", "--connections-per-address", "10100"]) { victim in
            #expect(try await victim.answers())
            let before = try (memory: victim.kilobytes("VmRSS"), cpu: victim.cpu())
            let client = try BackgroundProcess([
                "/usr/bin/python3", "\(PackageFolder.path)/Tests/Wire/Clients/idle.py", "\(victim.port)", "10000",
            ])
            let connected = try? await client.line(after: "connected ", within: .seconds(400))
            #expect(connected == "10000", "\(client.printed)")
            #expect(try await victim.answers())
            let each = try Double(victim.kilobytes("VmRSS") - before.memory) / 10_000
            #expect(each < 64, "\(each) KB for each connection")
            // Idle is idle.
            let idle = try victim.cpu()
            try await Task.sleep(for: .milliseconds(500))
            #expect(try victim.cpu() - idle < 0.4)
            await client.stop()
            // The server notices that they are gone.
            var answered = false
            for _ in 0..<100 where !answered { answered = (try? await victim.answers()) ?? false }
            #expect(answered)
        }
    }
}
