import CNghttp2

/// An error code of libnghttp2.
package struct HTTP2Error: Error, Sendable, Hashable, CustomStringConvertible {
    /// Negative, as in nghttp2.h.
    package let code: Int32
    package init(code: Int32) { self.code = code }
    /// What the library says about it.
    package var description: String { String(cString: nghttp2_strerror(code)) }
}

/// Makes nghttp2 sessions whose callbacks take notes in a `Session`.
///
/// The callbacks capture nothing, never throw, and get the session as `user_data`, which outlives the library's
/// session.
enum SessionFactory {
    static func make(
        role: Session.Role, limits: Limits, memory: FrameMemory, userData: UnsafeMutableRawPointer
    ) throws(HTTP2Error) -> OpaquePointer {
        var callbacks: OpaquePointer?
        var options: OpaquePointer?
        defer {
            nghttp2_session_callbacks_del(callbacks)
            nghttp2_option_del(options)
        }
        try check(nghttp2_session_callbacks_new(&callbacks))
        try check(nghttp2_option_new(&options))
        install(on: callbacks)
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_max_continuations(options, limits.continuations)
        nghttp2_option_set_max_settings(options, limits.settingsEntries)
        nghttp2_option_set_max_outbound_ack(options, limits.outboundAcknowledgements)
        nghttp2_option_set_no_closed_streams(options, 1)
        // Frames of unknown types are ignored (RFC 9113, section 5.5), but not without being counted: the library tells
        // of the types it has been told to expect. Up to 9 they are HTTP/2's own.
        for type in UInt8(10)...255 { nghttp2_option_set_user_recv_extension_type(options, type) }
        // Custom metadata may have space at its edges (PROTOCOL-HTTP2, "Custom-Metadata"); the library would drop it.
        nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(options, 1)
        // Ours is stricter and answers with GOAWAY ENHANCE_YOUR_CALM.
        nghttp2_option_set_stream_reset_rate_limit(
            options, UInt64(limits.peerResets.burst) * 4, UInt64(limits.peerResets.perSecond) * 4)
        var session: OpaquePointer?
        var functions = memory.functions
        switch role {
        case .server: try check(nghttp2_session_server_new3(&session, callbacks, userData, options, &functions))
        case .client: try check(nghttp2_session_client_new3(&session, callbacks, userData, options, &functions))
        }
        guard let session else { throw HTTP2Error(code: Int32(NGHTTP2_ERR_NOMEM.rawValue)) }
        return session
    }

    static func dataProvider(_ stream: UnsafeMutableRawPointer) -> nghttp2_data_provider {
        nghttp2_data_provider(source: nghttp2_data_source(ptr: stream)) { _, _, buffer, length, flags, source, user in
            guard let buffer, let flags, let pointer = source?.pointee.ptr else {
                return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
            }
            return Unmanaged<HTTP2Stream>.fromOpaque(pointer)._withUnsafeGuaranteedRef { stream in
                SessionFactory.session(user) {
                    $0.readBody(stream, UnsafeMutableBufferPointer(start: buffer, count: length), flags)
                } ?? Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
            }
        }
    }

    private static func check(_ result: Int32) throws(HTTP2Error) {
        if result != 0 { throw HTTP2Error(code: result) }
    }

    /// Calls `body` with the session a callback belongs to, which lives longer than the library's.
    @discardableResult
    private static func session<T>(_ user: UnsafeMutableRawPointer?, _ body: (Session) -> T) -> T? {
        user.map { Unmanaged<Session>.fromOpaque($0)._withUnsafeGuaranteedRef(body) }
    }

    private static func install(on callbacks: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, user in
            // Frames that are ignored, of which the library says no more than that they begin.
            if let header {
                let type = header.pointee.type
                if type == UInt8(NGHTTP2_PRIORITY.rawValue) {
                    SessionFactory.session(user) { $0.noteIgnoredFrame("priority") }
                } else if type > UInt8(NGHTTP2_CONTINUATION.rawValue) {
                    SessionFactory.session(user) { $0.noteIgnoredFrame("unknown") }
                }
            }
            return 0
        }
        nghttp2_session_callbacks_set_unpack_extension_callback(callbacks) { _, _, _, _ in
            Int32(NGHTTP2_ERR_CANCEL.rawValue)
        }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
            if let frame {
                SessionFactory.session(user) {
                    $0.noteBeginHeaders(id: frame.pointee.hd.stream_id, category: frame.pointee.headers.cat)
                }
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, _, name, nameLength, value, valueLength, _, user in
            SessionFactory.session(user) {
                $0.noteHeader(
                    name: UnsafeBufferPointer(start: name, count: nameLength),
                    value: UnsafeBufferPointer(start: value, count: valueLength))
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            if let frame { SessionFactory.session(user) { $0.noteFrame(frame.pointee) } }
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, data, length, user in
            SessionFactory.session(user) { $0.noteData(id: id, UnsafeBufferPointer(start: data, count: length)) }
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, user in
            SessionFactory.session(user) { $0.noteStreamClosed(id: id, code: code) }
            return 0  // always: anything else leaks in this version (CVE-2023-35945)
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
            if let frame { SessionFactory.session(user) { $0.noteSent(frame.pointee) } }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, _, user in
            if let frame { SessionFactory.session(user) { $0.noteNotSent(frame.pointee) } }
            return 0
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, _, _, user in
            SessionFactory.session(user) { $0.noteInvalidFrame() }
            return 0
        }
    }
}
