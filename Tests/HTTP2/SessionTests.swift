import NIOCore
import Testing

@testable import HTTP2

/// A client's and a server's session joined back to back: the protocol without sockets.
private final class Pair {
    /// Of the server's session. An object of its own: the session holds it, and must not hold the pair.
    private final class Owner: SessionOwner {
        var opened: [HTTP2Stream] = []
        var delegate: () -> any StreamDelegate = { Recorder() }

        func sessionNeedsFlush() {}
        func sessionDeadlineSet(_ deadline: NIODeadline) {}
        func sessionClosed(_ stream: HTTP2Stream) {}
        func sessionOpened(_ stream: HTTP2Stream, headers: HeaderBlock, oversized: Bool) {
            opened.append(stream)
            stream.delegate = delegate()
        }
    }

    let client: Session
    let server: Session
    private let owner = Owner()
    var opened: [HTTP2Stream] { owner.opened }
    var serverDelegate: () -> any StreamDelegate {
        get { owner.delegate }
        set { owner.delegate = newValue }
    }
    var events: [SessionEvent] = []

    init(limits: Limits = Limits()) throws {
        client = try Session(role: .client, limits: limits, now: .now())
        server = try Session(role: .server, limits: limits, now: .now())
        server.owner = owner
    }

    /// Streams that are open hold their session.
    deinit {
        for session in [client, server] {
            session.connectionClosed()
            session.deliver { _ in }
        }
    }

    /// Moves bytes both ways until nothing moves.
    func exchange() throws {
        var moved = true
        while moved {
            moved = try move(from: client, to: server)
            moved = try move(from: server, to: client) || moved
        }
    }

    /// Bytes for the server.
    func feed(_ bytes: [UInt8]) throws {
        try ByteBuffer(bytes: bytes).withUnsafeReadableBytes { (bytes) throws(HTTP2Error) in
            try server.receive(bytes) { events.append($0) }
        }
    }

    private func move(from: Session, to: Session) throws -> Bool {
        var buffer = ByteBuffer()
        _ = try from.drain(into: &buffer, limit: 1 << 20)
        from.deliver { _ in }
        guard buffer.readableBytes > 0 else { return false }
        try buffer.withUnsafeReadableBytes { (bytes) throws(HTTP2Error) in
            try to.receive(bytes) { events.append($0) }
        }
        return true
    }
}

private final class Recorder: StreamDelegate {
    var headers: HeaderBlock?
    var oversized = false
    var data: [UInt8] = []
    var trailers: HeaderBlock?
    var ended = false
    var end: StreamEnd?
    func received(headers: HeaderBlock, oversized: Bool) {
        self.headers = headers
        self.oversized = oversized
    }
    func received(data: UnsafeBufferPointer<UInt8>) { self.data += data }
    func received(trailers: HeaderBlock) { self.trailers = trailers }
    func receivedEnd() { ended = true }
    func outboundDrained() {}
    func deadlineExceeded() {}
    func closed(_ end: StreamEnd) { self.end = end }
}

private func request(_ extra: [(String, String)] = []) -> HeaderBlock {
    var headers = HeaderBlock()
    headers.append(":method", "POST")
    headers.append(":scheme", "http")
    headers.append(":path", "/a/B")
    headers.append(":authority", "x")
    for (name, value) in extra { headers.append(name, value) }
    return headers
}

private func response() -> HeaderBlock {
    var headers = HeaderBlock()
    headers.append(":status", "200")
    return headers
}

@Suite struct SessionTests {
    @Test func carriesARequestAndAReplyWithTrailers() throws {
        let pair = try Pair()
        let atServer = Recorder()
        pair.serverDelegate = { atServer }
        let atClient = Recorder()
        let stream = try pair.client.open(headers: request(), endStream: false, delegate: atClient)
        stream.send(head: 0x0201, headCount: 2, body: [3])
        stream.finishSending()
        try pair.exchange()
        #expect(atServer.headers?.first(":path") == "/a/B")
        #expect(atServer.data == [1, 2, 3])
        #expect(atServer.ended)
        var trailers = HeaderBlock()
        trailers.append("grpc-status", "0")
        pair.opened[0].respond(headers: response(), endStream: false)
        pair.opened[0].send(head: 0, headCount: 0, body: [9])
        pair.opened[0].finish(trailers: trailers)
        try pair.exchange()
        #expect(atClient.data == [9])
        #expect(atClient.trailers?.first("grpc-status") == "0")
        #expect(atClient.end == .finished)
        #expect(atServer.end == .finished)
    }

    @Test func aReplyBeforeTheEndOfTheRequestFreesTheStream() throws {
        let pair = try Pair()
        let atServer = Recorder()
        pair.serverDelegate = { atServer }
        let atClient = Recorder()
        _ = try pair.client.open(headers: request(), endStream: false, delegate: atClient)
        try pair.exchange()
        pair.opened[0].respond(headers: response(), endStream: true)
        try pair.exchange()
        #expect(atClient.ended)
        #expect(atClient.end == .finished)
        #expect(atServer.end == .finished)
        #expect(pair.server.streams.isEmpty)
    }

    @Test func bytesBeyondTheWindowWaitUntilTheyAreConsumed() throws {
        var limits = Limits()
        limits.streamWindowBytes = 70_000
        let pair = try Pair(limits: limits)
        let atServer = Recorder()
        pair.serverDelegate = { atServer }
        try pair.exchange()
        let stream = try pair.client.open(headers: request(), endStream: false, delegate: Recorder())
        stream.send(head: 0, headCount: 0, body: [UInt8](repeating: 1, count: 200_000))
        stream.finishSending()
        try pair.exchange()
        #expect(atServer.data.count == 70_000)
        pair.opened[0].consume(70_000)
        try pair.exchange()
        #expect(atServer.data.count == 140_000)
        pair.opened[0].consume(70_000)
        try pair.exchange()
        #expect(atServer.data.count == 200_000)
        #expect(atServer.ended)
    }

    @Test func headerListsOverTheLimitAreMarkedAndNotKept() throws {
        let pair = try Pair()
        let atServer = Recorder()
        pair.serverDelegate = { atServer }
        let value = String(repeating: "v", count: 3000)
        _ = try pair.client.open(
            headers: request((0..<4).map { ("k\($0)", value) }), endStream: true, delegate: Recorder())
        try pair.exchange()
        #expect(atServer.oversized)
        #expect((atServer.headers?.listSize ?? .max) <= Limits().headerListBytes)
    }

    @Test func resetsReachTheOtherSideWithTheirCode() throws {
        let pair = try Pair()
        let atServer = Recorder()
        pair.serverDelegate = { atServer }
        let stream = try pair.client.open(headers: request(), endStream: false, delegate: Recorder())
        try pair.exchange()
        stream.reset(.cancel)
        try pair.exchange()
        #expect(atServer.end == .reset(ErrorCode.cancel.rawValue))
    }

    @Test func rapidResetsAreReportedAsAbuse() throws {
        var limits = Limits()
        limits.peerResets = .init(burst: 10, perSecond: 1)
        let pair = try Pair(limits: limits)
        try pair.exchange()
        for _ in 0..<12 {
            let stream = try pair.client.open(headers: request(), endStream: false, delegate: Recorder())
            try pair.exchange()
            stream.reset(.cancel)
            try pair.exchange()
        }
        #expect(pair.events.contains(.abuse("too_many_resets")))
    }

    /// CVE-2023-35945: libnghttp2 before 1.55.1 leaks HEADERS that cannot be sent any more when `on_stream_close`
    /// fails; ours never does. The run under AddressSanitizer (`./dev fuzz --address`) would see the leak.
    @Test func aReplyWhoseStreamIsGoneEndsOnceAndLeaksNothing() throws {
        let pair = try Pair()
        try pair.exchange()
        for round in 1...200 {
            let recorder = Recorder()
            pair.serverDelegate = { recorder }
            let stream = try pair.client.open(headers: request(), endStream: false, delegate: Recorder())
            try pair.exchange()
            let served = try #require(pair.opened.last)
            // The reply is queued; before it is written the reset arrives.
            served.respond(headers: response(), endStream: false)
            served.send(head: 0, headCount: 5, body: [1, 2, 3])
            served.finish(trailers: response())
            stream.reset(.cancel)
            var buffer = ByteBuffer()
            _ = try pair.client.drain(into: &buffer, limit: 1 << 20)
            try buffer.withUnsafeReadableBytes { (bytes) throws(HTTP2Error) in
                try pair.server.receive(bytes) { _ in }
            }
            try pair.exchange()
            #expect(recorder.end == .reset(8), "round \(round)")
            #expect(pair.server.streams.isEmpty)
        }
    }

    /// CVE-2026-27135: libnghttp2 before 1.52.0-1+deb12u3 aborts the process when it is fed malformed frames after it
    /// was told to terminate. After our last GOAWAY nothing is fed to it.
    @Test(
        arguments: [
            [0, 0, 0, 9, 0, 0, 0, 0, 1], [0, 0, 5, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5],
            [0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0],
            [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0, 0, 0, 0, 0x80],
        ] as [[UInt8]])
    func malformedFramesAfterTheLastGoAwayAreNotLookedAt(frame: [UInt8]) throws {
        let pair = try Pair()
        try pair.exchange()
        _ = try pair.client.open(headers: request(), endStream: false, delegate: Recorder())
        try pair.exchange()
        pair.server.terminate(.enhanceYourCalm, debug: "too_many_pings")
        // Before the GOAWAY is written, and after.
        try pair.feed(frame)
        var buffer = ByteBuffer()
        _ = try pair.server.drain(into: &buffer, limit: 1 << 20)
        #expect(buffer.readableBytes > 0)
        for _ in 0..<3 {
            try pair.feed(frame)
            pair.server.deliver { _ in }
            _ = try pair.server.drain(into: &buffer, limit: 1 << 20)
        }
        #expect(pair.server.isFinished)
        pair.server.connectionClosed()
        pair.server.deliver { _ in }
    }

    @Test func allStreamsEndWithTheConnection() throws {
        let pair = try Pair()
        let atServer = Recorder()
        pair.serverDelegate = { atServer }
        _ = try pair.client.open(headers: request(), endStream: false, delegate: Recorder())
        try pair.exchange()
        pair.server.connectionClosed()
        pair.server.deliver { _ in }
        #expect(atServer.end == .connectionLost)
    }

    /// They may be sent again: the second waits, as the server allows one at once.
    @Test func requestsThatDidNotGoOutAreUnprocessedWhenTheConnectionEnds() throws {
        var limits = Limits()
        limits.concurrentStreams = 1
        let pair = try Pair(limits: limits)
        try pair.exchange()
        let calls = [Recorder(), Recorder(), Recorder()]
        for call in calls.dropLast() {
            _ = try pair.client.open(headers: request(), endStream: true, delegate: call)
            try pair.exchange()
        }
        _ = try pair.client.open(headers: request(), endStream: true, delegate: calls[2])
        pair.client.connectionClosed()
        pair.client.deliver { _ in }
        #expect(calls.map(\.end) == [.connectionLost, .unprocessed, .unprocessed])
        #expect(pair.opened.count == 1)
    }
}
