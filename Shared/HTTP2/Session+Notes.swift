import CNghttp2
import NIOCore

/// Notes taken inside nghttp2.
extension Session {
    func noteBeginHeaders(id: Int32, category: nghttp2_headers_category) {
        headersBegun = now
        collected.clear()
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
        if collected.listSize + name.count + value.count + 32 > limits.headerListBytes {
            isOversized = true
            oversizedHeaderLists += 1
            if oversizedHeaderLists > limits.oversizedHeaderLists { noteAbuse("header_list_size") }
            return
        }
        collected.append(name: name, value: value)
    }

    func noteFrame(_ frame: nghttp2_frame) {
        // No frame of another kind may stand between the first and the last of a header list.
        headersBegun = nil
        let flags = frame.hd.flags
        let endStream = flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch nghttp2_frame_type(UInt32(frame.hd.type)) {
        case NGHTTP2_HEADERS:
            withStream(frame.hd.stream_id) { noteHeadersComplete($0, endStream: endStream) }
        case NGHTTP2_DATA:
            withStream(frame.hd.stream_id) { stream in
                if endStream {
                    (stream.pendingEnd, stream.peerEnded) = (true, true)
                    touch(stream)
                } else if frame.hd.length == frame.data.padlen {
                    // Padding alone is as empty as nothing.
                    noteControlFrame("empty_data")
                }
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
            withStream(frame.hd.stream_id) { $0.wasReset = true }
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
            let headers = collected.block()
            // An informational response (1xx) is not the response.
            let informational =
                role == .client && headers.withFirst(":status") { $0.first == UInt8(ascii: "1") } ?? false
            if !informational { stream.pendingHeaders = headers }
        } else {
            stream.pendingTrailers = collected.block()
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
        withStream(id) { stream in
            stream.pendingData.append(bytes)
            touch(stream)
        }
    }

    func noteStreamClosed(id: Int32, code: UInt32) {
        withStream(id) { stream in
            // A request that could not be sent is closed twice: `noteNotSent` comes first.
            guard !stream.isClosed else { return }
            // First: what is touched is kept alive until it has been told.
            touch(stream)
            streams.remove(stream)
            stream.isClosed = true
            stream.queue.removeAll()
            stream.pendingClose = code == 0 && (stream.peerEnded || !stream.wasReset) ? .finished : .reset(code)
        }
    }

    func noteSent(_ frame: nghttp2_frame) {
        switch nghttp2_frame_type(UInt32(frame.hd.type)) {
        case NGHTTP2_HEADERS:
            sentTraffic = true
            if role == .client { withStream(frame.hd.stream_id) { $0.wasSent = true } }
            // "Early server closure": trailers before the client's END_STREAM are followed by RST_STREAM(NO_ERROR), so
            // that the stream is freed (PROTOCOL-HTTP2; rule 13 of the wire list).
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
