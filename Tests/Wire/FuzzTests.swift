import HTTP2
import NIOCore
import TestSupport
import Testing

import class Foundation.ProcessInfo

@testable import RPC

/// Random and mutated input to everything that reads from the wire. Always the same cases; a failure names its own.
@Suite(.ownThread, .timeLimit(.minutes(10))) struct FuzzTests {
    /// Rounds of each test; `CDT_FUZZ` multiplies them, for a longer run.
    private static let rounds = 400 * (ProcessInfo.processInfo.environment["CDT_FUZZ"].flatMap { Int($0) } ?? 1)

    /// Lets other tests run: some of them have a clock.
    private static func breathe(_ round: Int) async { if round % 20 == 0 { await Task.yield() } }

    @Test func `Sessions survive random and mutated frames`() async throws {
        for round in 0..<Self.rounds {
            await Self.breathe(round)
            var random = SplitMix(seed: UInt64(round))
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
                    try piece.withUnsafeBytes { try session.receive($0) }
                    session.deliver { _ in }
                    var buffer = ByteBuffer()
                    _ = try session.drain(into: &buffer, limit: 1 << 16)
                }
            } catch {
                // A failure ends the session; it must still be closed in order, and fed without harm.
                session.deliver { _ in }
                try input.withUnsafeBytes { try session.receive($0) }
            }
            session.connectionClosed()
            session.deliver { _ in }
            #expect(session.streams.isEmpty, "round \(round)")
            #expect(owner.opened == owner.ended, "round \(round): a stream was opened and never closed")
            session.owner = nil
        }
    }

    @Test func `Client sessions survive random and mutated frames`() async throws {
        for round in 0..<Self.rounds {
            await Self.breathe(round)
            var random = SplitMix(seed: UInt64(round) | 1 << 40)
            let session = try Session(role: .client, limits: Limits(), now: .now())
            let delegate = FuzzDelegate(FuzzOwner())
            _ = try session.open(headers: Headers.response, endStream: true, delegate: delegate)
            var buffer = ByteBuffer()
            _ = try session.drain(into: &buffer, limit: 1 << 16)
            var frames = Frame.settings().bytes() + Frame.headers(1, RawPeer.responseHeaders).bytes()
            frames += Frame.data(1, message("reply")).bytes() + Frame.headers(1, RawPeer.trailers, end: true).bytes()
            let input = Self.mutated(frames, &random)
            do {
                try input.withUnsafeBytes { try session.receive($0) }
            } catch {}
            session.deliver { _ in }
            session.connectionClosed()
            session.deliver { _ in }
            #expect(delegate.closed == 1, "round \(round)")
        }
    }

    /// Some requests, as a client would send them.
    private static func conversation(_ random: inout SplitMix) -> [UInt8] {
        var bytes = RawPeer.clientPreface + Frame.settings([(3, 100), (4, 65_535)]).bytes()
        for index in 0..<Int.random(in: 1...6, using: &random) {
            let stream = UInt32(1 + 2 * index)
            bytes += Frame.headers(stream, RawPeer.request("Echo", ["x-a": "b"])).bytes()
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
    private static func mutated(_ input: [UInt8], _ random: inout SplitMix) -> [UInt8] {
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

    @Test func `Decoders take any bytes`() async {
        var random = SplitMix(seed: 7)
        let alphabet = Array("0123456789HMSmun%ABCDEFabcdef+/=-_ ,\u{e9}application/grpc+proto;".utf8)
        for round in 0..<Self.rounds * 20 {
            await Self.breathe(round)
            let count = Int.random(in: 0...24, using: &random)
            let bytes =
                round % 2 == 0
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

    @Test func `Damaged gzip is refused or cut, never more than the limit`() async {
        var random = SplitMix(seed: 11)
        let original = gzip((0..<2000).map { UInt8(truncatingIfNeeded: $0 / 7) })
        for round in 0..<Self.rounds * 5 {
            await Self.breathe(round)
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if let plain = try? Gzip.decompress(bytes, limit: 3000) { #expect(plain.count <= 3000, "round \(round)") }
        }
    }

    @Test func `Messages are cut the same wherever their bytes are`() async throws {
        for round in 0..<Self.rounds {
            await Self.breathe(round)
            var random = SplitMix(seed: UInt64(round) | 1 << 41)
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
                credited += try deframer.push(piece, into: &frames)
                while let frame = frames.popFirst() {
                    found.append(frame.bytes)
                    credited += frame.credit
                }
            }
            #expect(found == messages, "round \(round)")
            #expect(credited == bytes.count, "round \(round): every byte is credited once")
            #expect(!deframer.isInsideMessage)
        }
    }
}

/// Random numbers that are the same on every run (Steele, Lea and Flood's SplitMix64).
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) } }
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
    func received(data: [UInt8]) {
        stream?.consume(data.count)
        stream?.send(head: 0, headCount: 5, body: data)
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
