import CCurl
import ServiceKit

/// A call of a provider's HTTP interface that must not be made twice by itself.
///
/// libcurl repeats a request over a new connection when a kept one turns out to be dead, also when the other side may
/// have read it. Here the body comes from a callback that cannot be rewound, so that a request whose body has been read
/// once fails instead ("necessary data rewind was not possible"), and is reported as possibly arrived.
struct HTTPCall: Sendable {
    var url: String
    var method = "POST"
    var headers: [String]
    var body: [UInt8]
    var connectTimeout: Duration = .seconds(10)
    var timeout: Duration
    var certificateAuthorities: String?

    struct Answer: Sendable, Hashable {
        /// 0: none.
        var code: Int
        var body: [UInt8]
        var retryAfter: Duration?
        /// Nil: the transfer succeeded, whatever the code.
        var failure: CurlFailure?
        /// The request may have been read, whatever is heard of it.
        var mayHaveArrived: Bool
        /// curl's words.
        var message: String
    }

    /// Blocks: call it on a sender's thread.
    func perform(_ transfer: CurlTransfer, collectingAtMost limit: Int = 16_384) -> Answer {
        transfer.set(CURLOPT_URL, url)
        transfer.set(CURLOPT_PROTOCOLS_STR, "https,http")
        transfer.set(CURLOPT_FOLLOWLOCATION, 0)
        transfer.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds: connectTimeout)
        transfer.set(CURLOPT_TIMEOUT_MS, milliseconds: timeout)
        // Servers close idle connections; a new one costs less than a request whose fate is unknown.
        transfer.set(CURLOPT_MAXAGE_CONN, 10)
        if let certificateAuthorities { transfer.set(CURLOPT_CAINFO, certificateAuthorities) }
        // Without waiting for "100 Continue": bodies are small.
        transfer.set(CURLOPT_HTTPHEADER, list: headers + ["user-agent: cdt-notification", "expect:"])
        let result: CurlResult
        if method == "GET" {
            transfer.set(CURLOPT_HTTPGET, 1)
            result = transfer.perform(sending: [], collectingAtMost: limit)
        } else {
            transfer.set(CURLOPT_POST, 1)
            if method != "POST" { transfer.set(CURLOPT_CUSTOMREQUEST, method) }
            transfer.setPostSize(body.count)
            result = transfer.perform(sending: body, collectingAtMost: limit)
        }
        return Answer(
            code: result.replyCode, body: result.exchange.received,
            retryAfter: result.retryAfter.map { min($0, .seconds(86_400)) }, failure: result.error,
            mayHaveArrived: result.error != nil && (result.exchange.hasBegun || result.requestBytes > 0),
            message: result.message)
    }
}

extension String {
    /// For one line of a record of a try: without control characters, and short.
    var shortened: String {
        String(String.UnicodeScalarView(unicodeScalars.lazy.filter { !$0.isControl }.prefix(300)))
    }

    /// RFC 3986, for the values of a query or a form.
    var percentEncoded: String {
        var out = ""
        for byte in utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                out.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                out += "%" + (hex.utf8.count == 1 ? "0" : "") + hex
            }
        }
        return out
    }
}
