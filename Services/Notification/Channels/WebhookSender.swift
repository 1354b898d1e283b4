import CCurl
import ServiceKit

struct WebhookSettings: Sendable {
    var signer: WebhookSigner
    /// The operator's word that endpoints may be inside: private addresses and plain http are then possible.
    var allowPrivate = false
    /// Certificates to trust instead of the system's, a PEM file.
    var certificateAuthorities: String?
    var connectTimeout: Duration = .seconds(5)
    var timeout: Duration = .seconds(15)
    var ratePerSecond: Double = 50
}

/// Messages to the systems of provinces: HTTPS POST of a signed CloudEvent.
struct WebhookSender: MessageSender {
    let settings: WebhookSettings
    private let handles = CurlHandles()

    init(_ settings: WebhookSettings) { self.settings = settings }

    var kind: ChannelKind { .webhook }
    var provider: String { "registered endpoints" }
    var ratePerSecond: Double { settings.ratePerSecond }
    var timeout: Duration { settings.timeout }
    func messageID(_ delivery: UniqueID) -> String { delivery.description }

    func send(_ message: OutgoingMessage) -> SendOutcome {
        guard case .endpoint(let target) = message.address,
            let url = WebhookURL(target.url, allowPrivate: settings.allowPrivate)
        else {
            return SendOutcome(
                kind: .permanent, failure: .addressBlocked, detail: "the endpoint's URL is not allowed any more")
        }
        guard let body = try? CloudEvent(message).bytes() else {
            return SendOutcome(kind: .permanent, failure: .template, detail: "the message cannot be written as JSON")
        }
        // "Webhook targets must resolve to public addresses, pinned for the connection": what is checked is what is
        // called, whatever the name server says a moment later.
        let found = AddressLookup.resolve(url.host)
        guard !found.isEmpty else {
            return SendOutcome(kind: .transient, failure: .connection, detail: "\(url.host) has no address")
        }
        let usable = settings.allowPrivate ? found : found.filter(\.address.isPublic)
        guard !usable.isEmpty else {
            return SendOutcome(
                kind: .permanent, failure: .addressBlocked,
                detail: "\(url.host) is not a public address; an operator may allow it with --webhook-allow-private")
        }
        let outcome = handles.with { transfer in
            configure(transfer, url: url, addresses: usable)
            sign(transfer, message: message, target: target, body: body)
            return HTTPReply(transfer.post(body)).outcome
        }
        return outcome ?? .noTransfer
    }

    private func configure(_ transfer: CurlTransfer, url: WebhookURL, addresses: [ResolvedAddress]) {
        transfer.set(CURLOPT_URL, url.text)
        transfer.set(CURLOPT_PROTOCOLS_STR, settings.allowPrivate ? "https,http" : "https")
        transfer.set(CURLOPT_FOLLOWLOCATION, 0)
        let list = addresses.map { $0.text.contains(":") ? "[\($0.text)]" : $0.text }.joined(separator: ",")
        transfer.set(CURLOPT_RESOLVE, list: ["\(url.host):\(url.port):\(list)"])
        transfer.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds: settings.connectTimeout)
        transfer.set(CURLOPT_TIMEOUT_MS, milliseconds: settings.timeout)
        if let authorities = settings.certificateAuthorities { transfer.set(CURLOPT_CAINFO, authorities) }
    }

    private func sign(_ transfer: CurlTransfer, message: OutgoingMessage, target: WebhookTarget, body: [UInt8]) {
        let id = messageID(message.deliveryID)
        let timestamp = message.now.seconds
        let signature = settings.signer.signature(id: id, timestamp: timestamp, body: body, endpoint: target.endpoint)
        transfer.set(
            CURLOPT_HTTPHEADER,
            list: [
                "content-type: \(CloudEvent.contentType)", "webhook-id: \(id)", "webhook-timestamp: \(timestamp)",
                "webhook-signature: \(signature)", "user-agent: cdt-notification",
                // Without waiting for "100 Continue": bodies are small.
                "expect:",
            ])
    }
}

/// What became of a webhook, read from the answer.
struct HTTPReply: Sendable, Hashable {
    /// 0: none.
    var code: Int
    var retryAfter: Duration?
    var body: String
    /// Nil: the transfer succeeded, whatever the code.
    var failure: CurlFailure?
    var message: String

    init(code: Int, retryAfter: Duration? = nil, body: String = "", failure: CurlFailure?, message: String = "") {
        self.code = code
        self.retryAfter = retryAfter
        self.body = body
        self.failure = failure
        self.message = message
    }

    init(_ result: CurlResult) {
        self.init(
            code: result.replyCode, retryAfter: result.retryAfter.map { min($0, .seconds(86_400)) },
            body: String(decoding: result.exchange.received.prefix(300), as: UTF8.self), failure: result.error,
            message: result.message)
    }

    var outcome: SendOutcome {
        let words = failure == nil ? "\(code) \(body)" : message
        let detail = String(String.UnicodeScalarView(words.unicodeScalars.lazy.filter { !$0.isControl }.prefix(300)))
        func result(_ kind: SendOutcome.Kind, _ failure: FailureClass, asked: Duration? = nil) -> SendOutcome {
            SendOutcome(kind: kind, failure: failure, replyCode: code, detail: detail, retryAfter: asked)
        }
        guard failure == nil else {
            switch failure {
            case .tls: return result(.transient, .tls)
            // The request may have arrived. The receiver knows its id, so that it can be sent again.
            case .timeout: return result(.ambiguous, .unconfirmed)
            default: return result(.transient, .connection)
            }
        }
        switch code {
        case 200..<300: return SendOutcome(kind: .accepted, replyCode: code)
        case 300..<400: return result(.permanent, .redirect)
        case 429: return result(.transient, .rateLimited, asked: retryAfter)
        case 408, 425, 500...: return result(.transient, .temporary, asked: retryAfter)
        case 401, 403, 407: return result(.transient, .configuration, asked: retryAfter)
        case 404, 410: return result(.permanent, .invalidRecipient)
        default: return result(.permanent, .contentRefused)
        }
    }
}
