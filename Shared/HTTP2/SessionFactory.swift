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
/// The callbacks capture nothing, never throw, and get the session as `user_data`, which outlives the library's session.
enum SessionFactory {
    static func make(
        role: Session.Role, limits: Limits, userData: UnsafeMutableRawPointer
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
        // Frames of unknown types are ignored (RFC 9113, section 5.5), but not without being counted: the library tells of
        // the types it has been told to expect. Up to 9 they are HTTP/2's own.
        for type in UInt8(10)...255 { nghttp2_option_set_user_recv_extension_type(options, type) }
        // Custom metadata may have space at its edges (PROTOCOL-HTTP2, "Custom-Metadata"); the library would drop it.
        nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(options, 1)
        // Ours is stricter and answers with GOAWAY ENHANCE_YOUR_CALM.
        nghttp2_option_set_stream_reset_rate_limit(
            options, UInt64(limits.peerResets.burst) * 4, UInt64(limits.peerResets.perSecond) * 4)
        var session: OpaquePointer?
        switch role {
        case .server: try check(nghttp2_session_server_new2(&session, callbacks, userData, options))
        case .client: try check(nghttp2_session_client_new2(&session, callbacks, userData, options))
        }
        guard let session else { throw HTTP2Error(code: Int32(NGHTTP2_ERR_NOMEM.rawValue)) }
        return session
    }

    static func dataProvider(_ stream: UnsafeMutableRawPointer) -> nghttp2_data_provider {
        nghttp2_data_provider(source: nghttp2_data_source(ptr: stream)) { _, _, buffer, length, flags, source, user in
            guard let buffer, let flags, let pointer = source?.pointee.ptr else {
                return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
            }
            let stream = Unmanaged<HTTP2Stream>.fromOpaque(pointer).takeUnretainedValue()
            return SessionFactory.session(user)?
                .readBody(stream, UnsafeMutableBufferPointer(start: buffer, count: length), flags)
                ?? Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
        }
    }

    private static func check(_ result: Int32) throws(HTTP2Error) {
        if result != 0 { throw HTTP2Error(code: result) }
    }

    static func session(_ user: UnsafeMutableRawPointer?) -> Session? {
        user.map { Unmanaged<Session>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func install(on callbacks: OpaquePointer?) {
        nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, user in
            // Frames that are ignored, of which the library says no more than that they begin.
            if let header {
                let type = header.pointee.type
                if type == UInt8(NGHTTP2_PRIORITY.rawValue) {
                    SessionFactory.session(user)?.noteIgnoredFrame("priority")
                } else if type > UInt8(NGHTTP2_CONTINUATION.rawValue) {
                    SessionFactory.session(user)?.noteIgnoredFrame("unknown")
                }
            }
            return 0
        }
        nghttp2_session_callbacks_set_unpack_extension_callback(callbacks) { _, _, _, _ in
            Int32(NGHTTP2_ERR_CANCEL.rawValue)
        }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
            if let frame = frame?.pointee {
                SessionFactory.session(user)?.noteBeginHeaders(id: frame.hd.stream_id, category: frame.headers.cat)
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, frame, name, nameLength, value, valueLength, _, user in
            if let frame {
                SessionFactory.session(user)?.noteHeader(
                    id: frame.pointee.hd.stream_id, name: UnsafeBufferPointer(start: name, count: nameLength),
                    value: UnsafeBufferPointer(start: value, count: valueLength))
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            if let frame { SessionFactory.session(user)?.noteFrame(frame.pointee) }
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, data, length, user in
            SessionFactory.session(user)?.noteData(id: id, UnsafeBufferPointer(start: data, count: length))
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, user in
            SessionFactory.session(user)?.noteStreamClosed(id: id, code: code)
            return 0  // always: anything else leaks in this version (CVE-2023-35945)
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
            if let frame { SessionFactory.session(user)?.noteSent(frame.pointee) }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, _, user in
            if let frame { SessionFactory.session(user)?.noteNotSent(frame.pointee) }
            return 0
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) { _, _, _, user in
            SessionFactory.session(user)?.noteInvalidFrame()
            return 0
        }
    }
}

extension HeaderBlock {
    /// Calls `body` with the fields as nghttp2 wants them; the library copies what it keeps.
    func withNameValues<T>(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> T) -> T {
        bytes.withUnsafeBufferPointer { buffer in
            withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: max(fields.count, 1)) { values in
                for (index, field) in fields.enumerated() {
                    let start = UnsafeMutablePointer(mutating: buffer.baseAddress.map { $0 + Int(field.start) })
                    // Secrets never enter the peer's compression table.
                    let secret = field.nameLength == 13 && Self.isAuthorization(start)
                    values[index] = nghttp2_nv(
                        name: start, value: start.map { $0 + Int(field.nameLength) },
                        namelen: Int(field.nameLength), valuelen: Int(field.valueLength),
                        flags: UInt8(secret ? NGHTTP2_NV_FLAG_NO_INDEX.rawValue : NGHTTP2_NV_FLAG_NONE.rawValue))
                }
                return body(UnsafeBufferPointer(rebasing: values[0..<fields.count]))
            }
        }
    }

    private static func isAuthorization(_ name: UnsafeMutablePointer<UInt8>?) -> Bool {
        UnsafeBufferPointer(start: name, count: 13).elementsEqual("authorization".utf8)
    }
}
