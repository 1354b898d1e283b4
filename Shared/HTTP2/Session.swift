import CNghttp2
import NIOCore

/// Something that concerns the whole connection.
package enum SessionEvent: Sendable, Hashable {
    /// The peer's first SETTINGS: it speaks HTTP/2.
    case peerSettings
    /// The peer answered a PING of ours.
    case pingAcknowledged
    /// The peer pinged.
    case ping
    /// The peer is leaving; streams above the id were not handled.
    case goAway(lastStreamID: Int32, code: UInt32, debug: String)
    /// The peer broke a bound: it must be sent away.
    case abuse(String)
    /// HEADERS or DATA were sent.
    case sentTraffic
}

/// What a session asks of the connection it lives in.
package protocol SessionOwner: AnyObject {
    /// There is something to send.
    func sessionNeedsFlush()
    /// A stream has a deadline.
    func sessionDeadlineSet(_ deadline: NIODeadline)
    /// A client has opened a stream: set its delegate, which is told of the headers next, or answer without one.
    func sessionOpened(_ stream: HTTP2Stream, headers: HeaderBlock, oversized: Bool)
    /// A stream has ended.
    func sessionClosed(_ stream: HTTP2Stream)
}

/// HTTP/2 over libnghttp2: bytes in, calls of delegates, bytes out. No I/O.
///
/// Unchecked Sendable: a session and its streams are confined to the event loop of their connection; references travel
/// through closures that run there, and nowhere else is anything read or written.
///
/// Callbacks of nghttp2 only take notes. `deliver` passes them on once nghttp2 has returned, so that whatever the
/// layers above do (submit, reset, start a handler) never re-enters the library.
package final class Session: @unchecked Sendable {
    /// Which side we are.
    package enum Role: Sendable { case server, client }

    package let role: Role
    package let limits: Limits
    /// The connection, which owns us and takes itself out when it ends. Not weak: that would make every retain slow.
    @exclusivity(unchecked) package var owner: (any SessionOwner)?
    /// The time of the last input or tick; the connection keeps it.
    @exclusivity(unchecked) package var now: NIODeadline

    /// nil once the session is over: nothing is fed into the library after that (CVE-2026-27135).
    @exclusivity(unchecked) var raw: OpaquePointer?
    private let memory = FrameMemory()
    // Exclusive access to what every frame touches is not checked at run time: each access is one operation of a value
    // that calls nothing, on the one thread of the loop, so that no other can begin before it ends.
    @exclusivity(unchecked) package internal(set) var streams = StreamTable()
    @exclusivity(unchecked) var touched: [HTTP2Stream] = []
    let collected = HeaderCollector()
    var isOversized = false
    @exclusivity(unchecked) var isFlushWanted = false
    @exclusivity(unchecked) var events: [SessionEvent] = []
    @exclusivity(unchecked) var connectionCredit = 0
    var peerResets: TokenBucket
    var streamErrors: TokenBucket
    @exclusivity(unchecked) var controlFrames: TokenBucket
    var oversizedHeaderLists = 0
    @exclusivity(unchecked) var sentTraffic = false
    /// The library has failed, or its last GOAWAY is out: it is fed no more, and asked for nothing (CVE-2026-27135).
    @exclusivity(unchecked) var hasFailed = false
    /// A GOAWAY is queued after which nothing is sent; nothing is read any more.
    var isTerminating = false
    /// The peer broke a bound, which is said once.
    var isAbused = false
    /// When the header list began that has not ended yet.
    @exclusivity(unchecked) package internal(set) var headersBegun: NIODeadline?

    /// A session of a fresh connection; its SETTINGS are queued.
    package init(role: Role, limits: Limits, now: NIODeadline) throws(HTTP2Error) {
        self.role = role
        self.limits = limits
        self.now = now
        peerResets = TokenBucket(limits.peerResets, now: now)
        streamErrors = TokenBucket(limits.streamErrors, now: now)
        controlFrames = TokenBucket(limits.controlFrames, now: now)
        raw = try SessionFactory.make(
            role: role, limits: limits, memory: memory, userData: Unmanaged.passUnretained(self).toOpaque())
        guard let raw else { throw HTTP2Error(code: Int32(NGHTTP2_ERR_NOMEM.rawValue)) }
        var settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: UInt32(limits.streamWindowBytes)),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(limits.headerListBytes)),
        ]
        switch role {
        case .server:
            settings.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                    value: UInt32(limits.concurrentStreams)))
            // No RFC 7540 priorities: the library then keeps neither a dependency tree nor closed streams.
            settings.append(nghttp2_settings_entry(settings_id: 0x9, value: 1))
        case .client:
            settings.append(
                nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
        }
        nghttp2_submit_settings(raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), settings, settings.count)
        nghttp2_session_set_local_window_size(raw, 0, 0, Int32(limits.connectionWindowBytes))
    }

    deinit {
        if let raw { nghttp2_session_del(raw) }
        memory.deallocate()
        collected.deallocate()
    }

    // MARK: Input

    /// Feeds bytes from the peer and delivers what they brought. Throws when the connection is to be closed at once.
    package func receive(
        _ bytes: UnsafeRawBufferPointer, _ handle: (SessionEvent) -> Void
    ) throws(HTTP2Error) {
        guard let raw, !hasFailed, !isTerminating, nghttp2_session_want_read(raw) != 0 else { return }
        let result = nghttp2_session_mem_recv(raw, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        if result < 0 { hasFailed = true }
        deliver(handle)
        if result < 0 { throw HTTP2Error(code: Int32(result)) }
    }

    /// Passes on what the last input brought. `handle` gets what concerns the connection.
    package func deliver(_ handle: (SessionEvent) -> Void) {
        if connectionCredit > 0, let raw {
            // The connection's window is credited at once, the stream's when its handler has taken the bytes: so one
            // slow stream does not starve its siblings.
            nghttp2_session_consume_connection(raw, connectionCredit)
            connectionCredit = 0
            setNeedsFlush()
        }
        if !events.isEmpty {
            let batch = events
            events.removeAll(keepingCapacity: true)
            for event in batch { handle(event) }
        }
        var index = 0
        while index < touched.count {
            let stream = touched[index]
            index += 1
            stream.isTouched = false
            deliver(stream)
        }
        touched.removeAll(keepingCapacity: true)
    }

    private func deliver(_ stream: HTTP2Stream) {
        if role == .server, !stream.headersDelivered, isAbused || stream.wasReset {
            // Reset before anybody has looked at it, or from a peer that is being sent away: no work begins
            // (CVE-2023-44487).
            stream.pendingHeaders = nil
            stream.pendingData.clear()
            if stream.pendingClose != nil { owner?.sessionClosed(stream) }
            return
        }
        let headers = stream.pendingHeaders.take()
        if let headers {
            stream.headersDelivered = true
            if role == .server { owner?.sessionOpened(stream, headers: headers, oversized: stream.oversized) }
        }
        // Held once for all of it. It stays the stream's delegate until it has been told the end, which it may be while
        // it is told something else: then it is told no more.
        let delegate = stream.delegate
        if let headers { delegate?.received(headers: headers, oversized: stream.oversized) }
        if !stream.pendingData.isEmpty {
            stream.pendingData.take().withBytes { bytes in
                // What nobody takes is thrown away, and the peer may go on sending.
                if let delegate, stream.delegate != nil {
                    delegate.received(data: bytes)
                } else {
                    stream.consume(bytes.count)
                }
            }
        }
        if let trailers = stream.pendingTrailers.take(), stream.delegate != nil {
            delegate?.received(trailers: trailers)
        }
        if stream.pendingEnd {
            stream.pendingEnd = false
            if stream.delegate != nil { delegate?.receivedEnd() }
        }
        if stream.pendingDrained {
            stream.pendingDrained = false
            if stream.delegate != nil { delegate?.outboundDrained() }
        }
        if let end = stream.pendingClose {
            stream.pendingClose = nil
            stream.delegate.take()?.closed(end)
            owner?.sessionClosed(stream)
        }
    }

    func deadlineSet(_ deadline: NIODeadline) { owner?.sessionDeadlineSet(deadline) }

    /// The connection is gone: every stream ends.
    package func connectionClosed() {
        if let raw {
            self.raw = nil
            nghttp2_session_del(raw)
        }
        for stream in streams.sorted(by: { $0.id < $1.id }) {
            stream.isClosed = true
            stream.queue.removeAll()
            // What waited for its turn, with as many streams open as the server allows, nobody has seen.
            let end: StreamEnd = role == .client && !stream.wasSent ? .unprocessed : .connectionLost
            stream.pendingClose = stream.pendingClose ?? end
            touch(stream)
        }
        streams = StreamTable()
    }

    // MARK: Connection frames

    /// Queues a PING.
    package func ping() {
        guard let raw else { return }
        nghttp2_submit_ping(raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
        setNeedsFlush()
    }

    /// Queues the first GOAWAY of a drain and the PING whose answer allows the second.
    package func announceShutdown() {
        guard let raw else { return }
        nghttp2_submit_shutdown_notice(raw)
        ping()
    }

    /// Queues a GOAWAY that refuses streams we have not handled.
    package func goAway(_ code: ErrorCode, debug: String) {
        guard let raw else { return }
        let last = nghttp2_session_get_last_proc_stream_id(raw)
        let bytes = Array(debug.utf8)
        nghttp2_submit_goaway(raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, code.rawValue, bytes, bytes.count)
        setNeedsFlush()
    }

    /// Queues a GOAWAY after which the session is over.
    package func terminate(_ code: ErrorCode, debug: String) {
        // Not nghttp2_session_terminate_session: its GOAWAY would be a second one, without our text.
        guard raw != nil, !isTerminating else { return }
        goAway(code, debug: debug)
        isTerminating = true
    }

    // MARK: Streams

    /// Opens a stream with a request (client). Throws when the connection takes no more streams.
    package func open(
        headers: HeaderBlock, endStream: Bool, delegate: any StreamDelegate
    ) throws(HTTP2Error) -> HTTP2Stream {
        guard let raw else { throw HTTP2Error(code: Int32(NGHTTP2_ERR_START_STREAM_NOT_ALLOWED.rawValue)) }
        let stream = HTTP2Stream(id: 0, session: self)
        stream.delegate = delegate
        stream.isDeferred = false
        let user = Unmanaged.passUnretained(stream).toOpaque()
        let id = headers.withNameValues { fields in
            if endStream {
                stream.finish = .endStream
                return nghttp2_submit_request(raw, nil, fields.baseAddress, fields.count, nil, user)
            }
            var provider = SessionFactory.dataProvider(user)
            return nghttp2_submit_request(raw, nil, fields.baseAddress, fields.count, &provider, user)
        }
        if id < 0 { throw HTTP2Error(code: id) }
        stream.id = id
        streams.insert(stream)
        setNeedsFlush()
        return stream
    }

    /// How many streams the peer lets us have open at once.
    package var peerConcurrentStreams: Int {
        guard let raw else { return 0 }
        return Int(nghttp2_session_get_remote_settings(raw, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
    }

    func submitResponse(_ stream: HTTP2Stream, _ headers: HeaderBlock, endStream: Bool) {
        guard let raw else { return }
        let result = headers.withNameValues { fields in
            if endStream { return nghttp2_submit_response(raw, stream.id, fields.baseAddress, fields.count, nil) }
            var provider = SessionFactory.dataProvider(Unmanaged.passUnretained(stream).toOpaque())
            return nghttp2_submit_response(raw, stream.id, fields.baseAddress, fields.count, &provider)
        }
        if result != 0 { submitReset(stream, .internalError) }
        setNeedsFlush()
    }

    func submitReset(_ stream: HTTP2Stream, _ code: ErrorCode) {
        guard let raw else { return }
        nghttp2_submit_rst_stream(raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, code.rawValue)
        setNeedsFlush()
    }

    func resume(_ stream: HTTP2Stream) {
        guard let raw else { return }
        nghttp2_session_resume_data(raw, stream.id)
        setNeedsFlush()
    }

    func consume(_ stream: HTTP2Stream, _ count: Int) {
        guard let raw else { return }
        nghttp2_session_consume_stream(raw, stream.id, count)
        setNeedsFlush()
    }

    /// Calls `body` with the open stream of an id, if there is one: nghttp2 keeps a pointer to it, and `streams` keeps
    /// it alive.
    func withStream(_ id: Int32, _ body: (HTTP2Stream) -> Void) {
        guard let raw, let pointer = nghttp2_session_get_stream_user_data(raw, id) else { return }
        Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef(body)
    }

    func touch(_ stream: HTTP2Stream) {
        guard !stream.isTouched else { return }
        stream.isTouched = true
        touched.append(stream)
    }
}
