import HTTP2
import NIOCore
import TestSupport
import Testing

import class Foundation.ProcessInfo

@testable import RPC

/// How long the fuzzers run, and where they begin. `./dev fuzz` sets both; else they take the same few cases each time.
enum FuzzBudget {
    /// Seconds for each fuzzer; nil: a number of rounds.
    static let seconds = ProcessInfo.processInfo.environment["CDT_FUZZ_SECONDS"].flatMap { Int($0) }
    private static let first = ProcessInfo.processInfo.environment["CDT_FUZZ_SEED"].flatMap { UInt64($0) } ?? 0

    /// Runs a fuzzer on one seed after the other. A failure names the seed, which as CDT_FUZZ_SEED repeats it at once.
    static func rounds(_ count: Int, _ body: (_ seed: UInt64, inout SeededGenerator) async throws -> Void) async throws
    {
        let end = seconds.map { ContinuousClock.now + .seconds($0) }
        var round = 0
        while end.map({ ContinuousClock.now < $0 }) ?? (round < count) {
            // Lets other tests run: some of them have a clock.
            if round % 20 == 0 { await Task.yield() }
            let seed = first &+ UInt64(round)
            var random = SeededGenerator(seed: seed)
            try await body(seed, &random)
            round += 1
        }
        if seconds != nil { print("fuzz: \(round) rounds") }
    }
}

/// Random and mutated input to everything that reads from the wire.
@Suite(.ownThread, .timeLimit(.minutes(10 + (FuzzBudget.seconds ?? 0) / 10))) struct FuzzTests {
    @Test func `Sessions survive random and mutated frames`() async throws {
        try await FuzzBudget.rounds(400) { seed, random in
            let valid = Self.conversation(&random)
            let input = Self.mutated(valid, &random)
            let session = try Session(role: .server, limits: Limits(), now: .now())
            let owner = FuzzOwner()
            session.owner = owner
            var rest = input[...]
            do {
                while !rest.isEmpty {
                    let piece = Array(rest.prefix(Int.random(in: 1...200, using: &random)))
                    rest = rest.dropFirst(piece.count)
                    try piece.withUnsafeBytes { try session.receive($0) { _ in } }
                    var buffer = ByteBuffer()
                    _ = try session.drain(into: &buffer, limit: 1 << 16)
                }
            } catch {
                // A failure ends the session; it must still be closed in order, and fed without harm.
                session.deliver { _ in }
                try input.withUnsafeBytes { try session.receive($0) { _ in } }
            }
            session.connectionClosed()
            session.deliver { _ in }
            #expect(session.streams.isEmpty, "seed \(seed)")
            #expect(owner.opened == owner.ended, "seed \(seed): a stream was opened and never closed")
            session.owner = nil
        }
    }

    @Test func `Client sessions survive random and mutated frames`() async throws {
        try await FuzzBudget.rounds(400) { seed, random in
            let session = try Session(role: .client, limits: Limits(), now: .now())
            let delegate = FuzzDelegate(FuzzOwner())
            _ = try session.open(headers: Headers.response, endStream: true, delegate: delegate)
            var buffer = ByteBuffer()
            _ = try session.drain(into: &buffer, limit: 1 << 16)
            let input = Self.mutated(Self.reply, &random)
            do {
                try input.withUnsafeBytes { try session.receive($0) { _ in } }
            } catch {}
            session.deliver { _ in }
            session.connectionClosed()
            session.deliver { _ in }
            #expect(delegate.closed == 1, "seed \(seed)")
        }
    }

    /// What a server answers to a call.
    private static let reply =
        Frame.settings().bytes() + Frame.headers(1, RawPeer.responseHeaders).bytes()
        + Frame.data(1, message("reply")).bytes() + Frame.headers(1, RawPeer.trailers, end: true).bytes()

    /// The whole stack, handlers included.
    @Test func `A server survives mutated conversations, and ends every handler`() async throws {
        var limits = Limits()
        limits.connectionsPerAddress = 100_000
        try await WireServer.run(limits) { server in
            try await FuzzBudget.rounds(100) { seed, random in
                let method =
                    ["Echo", "Collect", "Chat", "Produce", "Fail", "Early", "Compressed"]
                    .randomElement(using: &random) ?? "Echo"
                let input = Self.mutated(Self.conversation(&random, method: method), &random)
                let peer = RawPeer(try RawSocket(port: server.port))
                try await peer.send(bytes: input)
                // Some hang up at once, others hear what there is to hear.
                if Bool.random(using: &random) { _ = try? await peer.wait(.milliseconds(5)) { $0.isClosed } }
                peer.socket.abort()
                if seed % 50 == 0 { #expect(try await server.answersOthers(), "seed \(seed)") }
            }
            #expect(try await server.seen.eventually { $0.running == 0 }, "a handler goes on")
            #expect(try await server.answersOthers())
            for _ in 0..<4000 where server.server.connectionCount > 1 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(server.server.connectionCount <= 1)
        }
    }

    @Test func `A client survives mutated replies, and every call ends`() async throws {
        try await FuzzBudget.rounds(60) { seed, random in
            let listener = try RawListener()
            let rpc = try RPCClient(host: "127.0.0.1", port: listener.port)
            let call = WireClient(rpc: rpc).call(timeout: .seconds(600), retries: false)
            let socket = try await listener.accept()
            try await socket.send(Self.mutated(Self.reply, &random))
            socket.finishSending()
            // A damaged reply may say that nobody has seen the call: it is made again then, and finds nobody.
            for _ in 0..<10_000 where !call.isOver {
                if let again = try? await listener.accept(within: .milliseconds(5)) { again.abort() }
            }
            #expect(call.isOver, "seed \(seed)")
            socket.abort()
            await rpc.close(grace: .zero)
        }
    }

    /// Some requests, as a client would send them.
    private static func conversation(_ random: inout SeededGenerator, method: String = "Echo") -> [UInt8] {
        var bytes = RawPeer.clientPreface + Frame.settings([(3, 100), (4, 65_535)]).bytes()
        for index in 0..<Int.random(in: 1...6, using: &random) {
            let stream = UInt32(1 + 2 * index)
            bytes += Frame.headers(stream, RawPeer.request(method, ["x-a": "b"])).bytes()
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes += Frame.padded(stream, random.bytes(Int.random(in: 0...40, using: &random)), padding: 3).bytes()
            }
            switch Int.random(in: 0...7, using: &random) {
            case 0: bytes += Frame.reset(stream).bytes()
            case 1: bytes += Frame.windowUpdate(stream, UInt32.random(in: 0...0x7fff_ffff, using: &random)).bytes()
            case 2: bytes += Frame.ping().bytes()
            case 3:
                bytes += Frame(
                    kind: UInt8.random(in: 0...12, using: &random), flags: UInt8.random(in: 0...255, using: &random),
                    stream: stream, payload: random.bytes(Int.random(in: 0...30, using: &random))
                ).bytes()
            case 4:
                bytes += Frame.headers(stream, block: random.bytes(Int.random(in: 0...60, using: &random)), end: true)
                    .bytes()
            case 5: bytes += Frame.goAway(last: 0, debug: "bye").bytes()
            default: bytes += Frame.data(stream, message("end"), end: true).bytes()
            }
        }
        return bytes
    }

    /// Flips, drops, doubles or inserts some bytes after the preface; sometimes leaves them alone.
    private static func mutated(_ input: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = input
        for _ in 0..<Int.random(in: 0...6, using: &random) where bytes.count > 60 {
            let place = Int.random(in: 30..<bytes.count, using: &random)
            switch Int.random(in: 0...3, using: &random) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            default:
                let end = min(bytes.count, place + Int.random(in: 1...30, using: &random))
                bytes.insert(contentsOf: bytes[place..<end], at: place)
            }
        }
        return bytes
    }

    @Test func `Decoders take any bytes`() async throws {
        let alphabet = Array("0123456789HMSmun%ABCDEFabcdef+/=-_ ,\u{e9}application/grpc+proto;".utf8)
        try await FuzzBudget.rounds(8000) { seed, random in
            let count = Int.random(in: 0...24, using: &random)
            let bytes =
                seed % 2 == 0
                ? random.bytes(count)
                : (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
            bytes.withUnsafeBufferPointer { buffer in
                if let timeout = Timeout.parse(buffer) { #expect(timeout >= .zero && count <= 9, "\(bytes)") }
                _ = Headers.isGRPC(buffer)
                _ = PercentEncoding.decode(buffer)
            }
            if let decoded = Base64.decode(bytes) {
                #expect(Base64.decode(Base64.encode(decoded)) == decoded, "\(bytes)")
            }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            // What we encode, we decode: any text.
            let text = String(decoding: bytes, as: UTF8.self)
            let encoded = PercentEncoding.encode(text)
            #expect(encoded.allSatisfy { $0 >= 0x20 && $0 <= 0x7e })
            #expect(encoded.withUnsafeBufferPointer(PercentEncoding.decode) == text)
            var block = HeaderBlock()
            bytes.withUnsafeBufferPointer { value in
                "x-bin".utf8.withContiguousStorageIfAvailable { block.append(name: $0, value: value) }
                "grpc-status".utf8.withContiguousStorageIfAvailable { block.append(name: $0, value: value) }
            }
            _ = MetadataCoding.decode(block)
            _ = Headers.outcome(block)
            _ = try? Gzip.decompress(bytes, limit: 1000)
        }
    }

    @Test func `Damaged gzip is refused or cut, never more than the limit`() async throws {
        let original = gzip((0..<2000).map { UInt8(truncatingIfNeeded: $0 / 7) })
        try await FuzzBudget.rounds(2000) { seed, random in
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if let plain = try? Gzip.decompress(bytes, limit: 3000) { #expect(plain.count <= 3000, "seed \(seed)") }
        }
    }

    @Test func `Messages are cut the same wherever their bytes are`() async throws {
        try await FuzzBudget.rounds(400) { seed, random in
            let messages = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                random.bytes(Int.random(in: 0...50, using: &random))
            }
            let bytes = messages.flatMap { message($0) }
            var rest = bytes[...]
            var deframer = MessageDeframer(limit: 50)
            var found: [[UInt8]] = []
            var credited = 0
            while !rest.isEmpty {
                let piece = Array(rest.prefix(Int.random(in: 1...30, using: &random)))
                rest = rest.dropFirst(piece.count)
                var frames = FrameQueue()
                credited += try piece.withUnsafeBufferPointer { try deframer.push($0, into: &frames) }
                while let frame = frames.popFirst() {
                    found.append(frame.bytes)
                    credited += frame.credit
                }
            }
            #expect(found == messages, "seed \(seed)")
            #expect(credited == bytes.count, "seed \(seed): every byte is credited once")
            #expect(!deframer.isInsideMessage)
        }
    }
}

extension SeededGenerator {
    fileprivate mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}

/// Answers every stream at its end.
private final class FuzzOwner: SessionOwner {
    var opened = 0
    var ended = 0
    func sessionNeedsFlush() {}
    func sessionDeadlineSet(_ deadline: NIODeadline) {}
    func sessionClosed(_ stream: HTTP2Stream) {}
    func sessionOpened(_ stream: HTTP2Stream, headers: HeaderBlock, oversized: Bool) {
        opened += 1
        stream.delegate = FuzzDelegate(self, stream)
    }
}

private final class FuzzDelegate: StreamDelegate {
    private let owner: FuzzOwner
    private let stream: HTTP2Stream?
    private(set) var closed = 0
    init(_ owner: FuzzOwner, _ stream: HTTP2Stream? = nil) { (self.owner, self.stream) = (owner, stream) }

    func received(headers: HeaderBlock, oversized: Bool) {}
    func received(data: UnsafeBufferPointer<UInt8>) {
        stream?.consume(data.count)
        stream?.send(head: 0, headCount: 5, body: Array(data))
    }
    func received(trailers: HeaderBlock) {}
    func receivedEnd() {
        stream?.respond(headers: Headers.response, endStream: false)
        stream?.finish(trailers: Headers.okTrailers)
    }
    func outboundDrained() {}
    func deadlineExceeded() {}
    func closed(_ end: StreamEnd) {
        closed += 1
        owner.ended += 1
    }
}
