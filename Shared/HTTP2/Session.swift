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
/// Callbacks of nghttp2 only take notes. `deliver` passes them on once nghttp2 has returned, so that whatever the layers
/// above do (submit, reset, start a handler) never re-enters the library.
package final class Session: @unchecked Sendable {
    /// Which side we are.
    package enum Role: Sendable { case server, client }

    package let role: Role
    package let limits: Limits
    /// The connection, which owns us and takes itself out when it ends. Not weak: that would make every retain slow.
    package var owner: (any SessionOwner)?
    /// The time of the last input or tick; the connection keeps it.
    package var now: NIODeadline

    /// nil once the session is over: nothing is fed into the library after that (CVE-2026-27135).
    private var raw: OpaquePointer?
    private(set) package var streams = StreamTable()
    private var touched: [HTTP2Stream] = []
    /// The header list that is arriving: nothing else can arrive on the connection before its end.
    ///
    /// A pointer, because every field of every request passes through it: exclusive access to a property of a class is
    /// checked at each of them.
    private let collected = UnsafeMutablePointer<HeaderBlock>.allocate(capacity: 1)
    private var isOversized = false
    private var isFlushWanted = false
    private var events: [SessionEvent] = []
    private var connectionCredit = 0
    private var peerResets: TokenBucket
    private var streamErrors: TokenBucket
    private var controlFrames: TokenBucket
    private var oversizedHeaderLists = 0
    private var sentTraffic = false
    /// The library has failed, or its last GOAWAY is out: it is fed no more, and asked for nothing (CVE-2026-27135).
    private var hasFailed = false
    /// A GOAWAY is queued after which nothing is sent; nothing is read any more.
    private var isTerminating = false
    /// The peer broke a bound, which is said once.
    private var isAbused = false
    /// When the header list began that has not ended yet.
    private(set) package var headersBegun: NIODeadline?

    /// A session of a fresh connection; its SETTINGS are queued.
    package init(role: Role, limits: Limits, now: NIODeadline) throws(HTTP2Error) {
        self.role = role
        self.limits = limits
        self.now = now
        peerResets = TokenBucket(limits.peerResets, now: now)
        streamErrors = TokenBucket(limits.streamErrors, now: now)
        controlFrames = TokenBucket(limits.controlFrames, now: now)
        collected.initialize(to: HeaderBlock())
        raw = try SessionFactory.make(role: role, limits: limits, userData: Unmanaged.passUnretained(self).toOpaque())
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
        collected.deinitialize(count: 1)
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
            // The connection's window is credited at once, the stream's when its handler has taken the bytes: so one slow
            // stream does not starve its siblings.
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
        if let headers = stream.pendingHeaders {
            stream.pendingHeaders = nil
            stream.headersDelivered = true
            if role == .server { owner?.sessionOpened(stream, headers: headers, oversized: stream.oversized) }
            stream.delegate?.received(headers: headers, oversized: stream.oversized)
        }
        if !stream.pendingData.isEmpty {
            let data = stream.pendingData
            stream.pendingData.clear()
            data.withBytes { bytes in
                // What nobody takes is thrown away, and the peer may go on sending.
                if let delegate = stream.delegate {
                    delegate.received(data: bytes)
                } else {
                    stream.consume(bytes.count)
                }
            }
        }
        if let trailers = stream.pendingTrailers {
            stream.pendingTrailers = nil
            stream.delegate?.received(trailers: trailers)
        }
        if stream.pendingEnd {
            stream.pendingEnd = false
            stream.delegate?.receivedEnd()
        }
        if stream.pendingDrained {
            stream.pendingDrained = false
            stream.delegate?.outboundDrained()
        }
        if let end = stream.pendingClose {
            stream.pendingClose = nil
            let delegate = stream.delegate
            stream.delegate = nil
            delegate?.closed(end)
            owner?.sessionClosed(stream)
        }
    }

    // MARK: Output

    /// Serialises frames into a buffer until it holds `limit` bytes or nothing is left; true when more is waiting.
    package func drain(into buffer: inout ByteBuffer, limit: Int) throws(HTTP2Error) -> Bool {
        isFlushWanted = false
        guard let raw, !hasFailed else { return false }
        while buffer.readableBytes < limit {
            var pointer: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(raw, &pointer)
            if count < 0 { throw HTTP2Error(code: Int32(count)) }
            guard count > 0, let pointer else {
                noteTraffic()
                return false
            }
            // The pointer dies at the next call: copy at once.
            buffer.writeBytes(UnsafeBufferPointer(start: pointer, count: count))
            if hasFailed { return false }
        }
        noteTraffic()
        return true
    }

    private func noteTraffic() {
        if sentTraffic {
            sentTraffic = false
            events.append(.sentTraffic)
        }
    }

    /// Whether notes wait for `deliver`.
    package var hasPendingDeliveries: Bool { !touched.isEmpty || !events.isEmpty }

    /// Whether the session has nothing more to read or write.
    package var isFinished: Bool {
        guard let raw, !hasFailed else { return true }
        return nghttp2_session_want_read(raw) == 0 && nghttp2_session_want_write(raw) == 0
    }

    func setNeedsFlush() {
        guard !isFlushWanted else { return }
        isFlushWanted = true
        owner?.sessionNeedsFlush()
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
            stream.pendingClose = stream.pendingClose ?? .connectionLost
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

    /// The open stream of an id: nghttp2 keeps a pointer to it, and `streams` keeps it alive.
    package func stream(_ id: Int32) -> HTTP2Stream? {
        guard let raw, let pointer = nghttp2_session_get_stream_user_data(raw, id) else { return nil }
        return Unmanaged<HTTP2Stream>.fromOpaque(pointer).takeUnretainedValue()
    }

    private func touch(_ stream: HTTP2Stream) {
        guard !stream.isTouched else { return }
        stream.isTouched = true
        touched.append(stream)
    }
}

// MARK: - Notes taken inside nghttp2

extension Session {
    func noteBeginHeaders(id: Int32, category: nghttp2_headers_category) {
        headersBegun = now
        collected.pointee.clear()
        isOversized = false
        if role == .server, category == NGHTTP2_HCAT_REQUEST, let raw {
            let stream = HTTP2Stream(id: id, session: self)
            streams.insert(stream)
            nghttp2_session_set_stream_user_data(raw, id, Unmanaged.passUnretained(stream).toOpaque())
        }
    }

    func noteHeader(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        guard !isOversized else { return }
        // nghttp2 advertises SETTINGS_MAX_HEADER_LIST_SIZE but does not enforce it (HPACK bombs).
        if collected.pointee.listSize + name.count + value.count + 32 > limits.headerListBytes {
            isOversized = true
            oversizedHeaderLists += 1
            if oversizedHeaderLists > limits.oversizedHeaderLists { noteAbuse("header_list_size") }
            return
        }
        collected.pointee.append(name: name, value: value)
    }

    func noteFrame(_ frame: nghttp2_frame) {
        // No frame of another kind may stand between the first and the last of a header list.
        headersBegun = nil
        let flags = frame.hd.flags
        let endStream = flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch nghttp2_frame_type(UInt32(frame.hd.type)) {
        case NGHTTP2_HEADERS:
            guard let stream = stream(frame.hd.stream_id) else { return }
            noteHeadersComplete(stream, endStream: endStream)
        case NGHTTP2_DATA:
            guard let stream = stream(frame.hd.stream_id) else { return }
            if endStream {
                (stream.pendingEnd, stream.peerEnded) = (true, true)
                touch(stream)
            } else if frame.hd.length == frame.data.padlen {
                // Padding alone is as empty as nothing.
                noteControlFrame("empty_data")
            }
        case NGHTTP2_SETTINGS:
            if flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) == 0 {
                events.append(.peerSettings)
                noteControlFrame("settings")
            }
        case NGHTTP2_PING:
            if flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 {
                events.append(.pingAcknowledged)
            } else {
                events.append(.ping)
            }
        case NGHTTP2_GOAWAY:
            let debug = String(
                decoding: UnsafeBufferPointer(start: frame.goaway.opaque_data, count: frame.goaway.opaque_data_len),
                as: UTF8.self)
            events.append(
                .goAway(lastStreamID: frame.goaway.last_stream_id, code: frame.goaway.error_code, debug: debug))
        case NGHTTP2_RST_STREAM:
            stream(frame.hd.stream_id)?.wasReset = true
            if role == .server, !peerResets.take(now: now) { noteAbuse("too_many_resets") }
        case NGHTTP2_WINDOW_UPDATE: noteControlFrame("window_update")
        default: noteControlFrame("extension")
        }
    }

    /// A frame of a kind that is dropped: PRIORITY, as we announce that we do not use it, and unknown ones.
    func noteIgnoredFrame(_ name: String) { noteControlFrame(name) }

    private func noteHeadersComplete(_ stream: HTTP2Stream, endStream: Bool) {
        stream.oversized = stream.oversized || isOversized
        if !stream.headersDelivered, stream.pendingHeaders == nil {
            // An informational response (1xx) is not the response.
            let informational =
                role == .client
                && collected.pointee.withFirst(":status") { $0.first == UInt8(ascii: "1") } ?? false
            if !informational { stream.pendingHeaders = collected.pointee.copy() }
        } else {
            stream.pendingTrailers = collected.pointee.copy()
        }
        if endStream { (stream.pendingEnd, stream.peerEnded) = (true, true) }
        touch(stream)
    }

    private func noteControlFrame(_ name: String) {
        if !controlFrames.take(now: now) { noteAbuse("too_many_\(name)_frames") }
    }

    private func noteAbuse(_ name: String) {
        guard !isAbused else { return }
        isAbused = true
        events.append(.abuse(name))
    }

    func noteData(id: Int32, _ bytes: UnsafeBufferPointer<UInt8>) {
        connectionCredit += bytes.count
        guard let stream = stream(id) else { return }
        stream.pendingData.append(bytes)
        touch(stream)
    }

    func noteStreamClosed(id: Int32, code: UInt32) {
        // A request that could not be sent is closed twice: `noteNotSent` comes first.
        guard let stream = stream(id), !stream.isClosed else { return }
        streams.remove(stream)
        stream.isClosed = true
        stream.queue.removeAll()
        stream.pendingClose = code == 0 && (stream.peerEnded || !stream.wasReset) ? .finished : .reset(code)
        touch(stream)
    }

    func noteSent(_ frame: nghttp2_frame) {
        switch nghttp2_frame_type(UInt32(frame.hd.type)) {
        case NGHTTP2_HEADERS:
            sentTraffic = true
            // "Early server closure": trailers before the client's END_STREAM are followed by RST_STREAM(NO_ERROR), so that
            // the stream is freed (PROTOCOL-HTTP2; rule 13 of the wire list).
            if role == .server, frame.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0, let raw,
                nghttp2_session_get_stream_remote_close(raw, frame.hd.stream_id) == 0
            {
                nghttp2_submit_rst_stream(
                    raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), frame.hd.stream_id, UInt32(NGHTTP2_NO_ERROR.rawValue))
            }
        case NGHTTP2_DATA:
            sentTraffic = true
            controlFrames.give(2)
        case NGHTTP2_GOAWAY:
            if isTerminating { hasFailed = true }
        case NGHTTP2_RST_STREAM:
            // Resets the peer provoked (CVE-2025-8671); ours say NO_ERROR, CANCEL or REFUSED_STREAM.
            let code = frame.rst_stream.error_code
            let ours: Set<UInt32> = [0, ErrorCode.cancel.rawValue, ErrorCode.refusedStream.rawValue]
            if !ours.contains(code), !streamErrors.take(now: now) { noteAbuse("too_many_stream_errors") }
        default: break
        }
    }

    func noteNotSent(_ frame: nghttp2_frame) {
        // A request that was not sent has no stream in the library.
        guard nghttp2_frame_type(UInt32(frame.hd.type)) == NGHTTP2_HEADERS,
            let stream = streams.first(where: { $0.id == frame.hd.stream_id })
        else { return }
        if role == .client {
            streams.remove(stream)
            stream.isClosed = true
            stream.pendingClose = .unprocessed
            touch(stream)
        } else if let raw {
            nghttp2_submit_rst_stream(
                raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, ErrorCode.internalError.rawValue)
        }
    }

    func noteInvalidFrame() {
        headersBegun = nil
        if !streamErrors.take(now: now) { noteAbuse("too_many_stream_errors") }
    }

    /// Moves queued bytes into nghttp2's frame; what the data source's read callback returns.
    func readBody(
        _ stream: HTTP2Stream, _ buffer: UnsafeMutableBufferPointer<UInt8>, _ flags: UnsafeMutablePointer<UInt32>
    ) -> Int {
        let count = stream.queue.move(into: buffer)
        if count > 0 { stream.lastProgress = now }
        if let mark = stream.drainMark, stream.queue.count <= mark {
            stream.drainMark = nil
            stream.pendingDrained = true
            touch(stream)
        }
        guard stream.queue.count == 0 else { return count }
        switch stream.finish {
        case .open:
            guard count == 0 else { return count }
            stream.isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        case .endStream:
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
        case .trailers(let trailers):
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            // Documented as allowed here: HEADERS, DATA and trailers then leave in one flush.
            if let raw {
                trailers.withNameValues { fields in
                    _ = nghttp2_submit_trailer(raw, stream.id, fields.baseAddress, fields.count)
                }
            }
        }
        return count
    }
}
