import CCurl

/// One libcurl handle with its connection cache: it makes one transfer after the other, on whichever thread asks, and
/// keeps the connection open between them.
///
/// @unchecked Sendable: a handle may be used by any thread, but by one at a time ("You must never share the same handle
/// in multiple threads", libcurl-thread(3)); `CurlHandles` lends each to one borrower.
final class CurlTransfer: @unchecked Sendable {
    private let handle: UnsafeMutableRawPointer
    private var lists: [UnsafeMutablePointer<curl_slist>] = []

    /// Nil when there is no memory for it.
    init?() {
        guard CurlLibrary.isReady, let handle = curl_easy_init() else { return nil }
        self.handle = handle
    }

    deinit {
        freeLists()
        curl_easy_cleanup(handle)
    }

    /// Forgets all options and keeps the connections.
    func reset() {
        curl_easy_reset(handle)
        freeLists()
        // Signals would be for another thread.
        set(CURLOPT_NOSIGNAL, 1)
        // No proxy from the environment: the address checked must be the address called.
        set(CURLOPT_PROXY, "")
    }

    func set(_ option: CURLoption, _ value: Int) { cdt_curl_set_long(handle, option, value) }
    func set(_ option: CURLoption, _ value: String) { cdt_curl_set_string(handle, option, value) }
    func set(_ option: CURLoption, milliseconds duration: Duration) {
        let (seconds, attoseconds) = duration.components
        set(option, Int(seconds * 1000 + attoseconds / 1_000_000_000_000_000))
    }
    func set(_ option: CURLoption, list values: [String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        for value in values { list = curl_slist_append(list, value) }
        cdt_curl_set_list(handle, option, list)
        if let list { lists.append(list) }
    }

    /// The size of a POST whose body comes from the callback of `perform`.
    func setPostSize(_ bytes: Int) { cdt_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes)) }

    /// Runs an HTTP POST. curl has a copy of the body, so that it can send it again over a new connection when a kept
    /// one turns out to be dead.
    func post(_ body: [UInt8]) -> CurlResult {
        set(CURLOPT_POST, 1)
        cdt_curl_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
        _ = body.withUnsafeBytes { bytes in
            cdt_curl_set_pointer(handle, CURLOPT_COPYPOSTFIELDS, UnsafeMutableRawPointer(mutating: bytes.baseAddress))
        }
        return perform(sending: [])
    }

    /// Runs the transfer, which sends `body` and collects the answer.
    func perform(sending body: [UInt8], collectingAtMost limit: Int = 16_384) -> CurlResult {
        let exchange = CurlExchange(body: body, limit: limit)
        return withExtendedLifetime(exchange) {
            let context = Unmanaged.passUnretained(exchange).toOpaque()
            cdt_curl_set_transfer(handle, CURLOPT_READFUNCTION, curlRead)
            cdt_curl_set_pointer(handle, CURLOPT_READDATA, context)
            cdt_curl_set_transfer(handle, CURLOPT_WRITEFUNCTION, curlWrite)
            cdt_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
            cdt_curl_set_transfer(handle, CURLOPT_HEADERFUNCTION, curlHeader)
            cdt_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
            cdt_curl_set_debug(handle, curlDebug)
            cdt_curl_set_pointer(handle, CURLOPT_DEBUGDATA, context)
            set(CURLOPT_VERBOSE, 1)
            let code = curl_easy_perform(handle)
            var replyCode = 0
            cdt_curl_get_long(handle, CURLINFO_RESPONSE_CODE, &replyCode)
            var requestBytes = 0
            cdt_curl_get_long(handle, CURLINFO_REQUEST_SIZE, &requestBytes)
            var retryAfter: curl_off_t = 0
            cdt_curl_get_offset(handle, CURLINFO_RETRY_AFTER, &retryAfter)
            // The handle outlives the exchange: nothing may call it when a kept connection is closed later.
            set(CURLOPT_VERBOSE, 0)
            cdt_curl_set_pointer(handle, CURLOPT_HEADERDATA, nil)
            cdt_curl_set_pointer(handle, CURLOPT_DEBUGDATA, nil)
            return CurlResult(
                error: CurlFailure(code), replyCode: replyCode,
                retryAfter: retryAfter > 0 ? .seconds(retryAfter) : nil, exchange: exchange,
                requestBytes: requestBytes,
                message: code == CURLE_OK ? "" : String(cString: curl_easy_strerror(code)))
        }
    }

    private func freeLists() {
        for list in lists { curl_slist_free_all(list) }
        lists = []
    }
}

private enum CurlLibrary {
    /// curl_global_init must run once, before anything else.
    static let isReady = cdt_curl_global_init() == CURLE_OK
}

/// What a transfer left behind.
struct CurlResult {
    /// Nil: it succeeded.
    var error: CurlFailure?
    /// The last SMTP or HTTP reply code; 0: none.
    var replyCode: Int
    /// The header of that name in an HTTP answer, as seconds or as a date.
    var retryAfter: Duration?
    var exchange: CurlExchange
    /// Bytes of HTTP requests that were given to the connection; 0: none was.
    var requestBytes: Int
    /// curl's words for the error.
    var message: String
}

/// The kinds of failure that are treated differently.
enum CurlFailure: Sendable, Hashable {
    case resolve, connect, tls, login, timeout, other

    init?(_ code: CURLcode) {
        switch code {
        case CURLE_OK: return nil
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: self = .resolve
        case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED: self = .connect
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_USE_SSL_FAILED, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_ENGINE_INITFAILED,
            CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CRL_BADFILE:
            self = .tls
        case CURLE_LOGIN_DENIED: self = .login
        case CURLE_OPERATION_TIMEDOUT: self = .timeout
        default: self = .other
        }
    }
}

/// Both directions of one transfer, filled by curl's callbacks on the thread that performs it.
final class CurlExchange {
    let body: [UInt8]
    private let limit: Int
    private var sent = 0
    /// curl has fetched the whole body: from here on the receiver may have the message, whatever is heard of it.
    private(set) var bodyHandedOver = false
    /// curl has fetched some of the body.
    var hasBegun: Bool { sent > 0 }
    /// What came back, cut to the limit.
    private(set) var received: [UInt8] = []
    /// Header lines of an HTTP answer, or the reply lines of the last SMTP command.
    private(set) var replyLines: [String] = []
    /// The SMTP command under way.
    private(set) var phase = SMTPPhase.greeting
    /// We have said goodbye, on this connection or on a kept one that is being closed: what is answered to that is not
    /// about the message.
    private var isLeaving = false

    init(body: [UInt8], limit: Int) {
        self.body = body
        self.limit = limit
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, body.count - sent)
        guard count > 0 else {
            bodyHandedOver = true
            phase = .message
            replyLines = []
            return 0
        }
        body.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[sent..<sent + count])) }
        sent += count
        return count
    }

    func receive(_ bytes: UnsafeRawBufferPointer) {
        received += bytes.prefix(max(0, limit - received.count))
    }

    func reply(_ line: String) {
        guard !isLeaving, replyLines.count < 100 else { return }
        replyLines.append(line)
    }

    func command(_ text: String) {
        isLeaving = text.hasPrefix("QUIT")
        guard !isLeaving, let phase = SMTPPhase(command: text) else { return }
        self.phase = phase
        replyLines = []
    }
}

private func curlRead(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
)
    -> Int
{
    guard let context, let buffer else { return 0 }
    let exchange = Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
    return exchange.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
}

private func curlWrite(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
)
    -> Int
{
    guard let context, let buffer else { return size * count }
    let exchange = Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
    exchange.receive(UnsafeRawBufferPointer(start: buffer, count: size * count))
    return size * count
}

private func curlHeader(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
)
    -> Int
{
    guard let context, let buffer else { return size * count }
    let exchange = Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
    exchange.reply(String(decoding: UnsafeRawBufferPointer(start: buffer, count: size * count), as: UTF8.self))
    return size * count
}

private func curlDebug(
    _ handle: UnsafeMutableRawPointer?, _ type: curl_infotype, _ text: UnsafeMutablePointer<CChar>?, _ size: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    guard type == CURLINFO_HEADER_OUT, let context, let text else { return 0 }
    let exchange = Unmanaged<CurlExchange>.fromOpaque(context).takeUnretainedValue()
    // The verb is enough; what follows AUTH is a secret.
    exchange.command(String(decoding: UnsafeRawBufferPointer(start: text, count: min(size, 10)), as: UTF8.self))
    return 0
}
