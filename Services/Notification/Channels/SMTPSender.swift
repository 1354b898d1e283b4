import CCurl
import Foundation
import ServiceKit

/// How to reach the mail server that takes our mail.
struct SMTPSettings: Sendable, Hashable {
    enum Security: String, Sendable, Hashable, CaseIterable {
        /// smtps://: TLS from the first byte (RFC 8314).
        case implicit
        /// STARTTLS, or nothing is sent.
        case required
        /// STARTTLS where the server offers it. For servers on this machine.
        case opportunistic
    }

    struct Login: Sendable, Hashable {
        var user: String
        var password: String
    }

    var host: String
    var port: Int
    var security: Security
    var from: Mailbox
    var login: Login?
    /// Certificates to trust instead of the system's, a PEM file.
    var certificateAuthorities: String?
    var connectTimeout: Duration = .seconds(10)
    var timeout: Duration = .seconds(60)
    var ratePerSecond: Double = 20

    var scheme: String { security == .implicit ? "smtps" : "smtp" }
    var hostInURL: String { host.contains(":") ? "[\(host)]" : host }
    var provider: String { "\(scheme)://\(hostInURL):\(port)" }
}

/// Mail by SMTP submission, through libcurl: real TLS, real authentication, kept connections.
struct SMTPSender: MessageSender {
    let settings: SMTPSettings
    private let handles = CurlHandles()

    init(_ settings: SMTPSettings) { self.settings = settings }

    var kind: ChannelKind { .email }
    var provider: String { settings.provider }
    var ratePerSecond: Double { settings.ratePerSecond }
    /// Twice: after a time-out curl still says goodbye, and waits for the answer to that.
    var timeout: Duration { settings.timeout * 2 }

    /// "Deterministic Message-ID": relays and recipients can tell that a mail sent again is the same one.
    func messageID(_ delivery: UniqueID) -> String { "\(delivery)@\(settings.from.domain)" }

    func send(_ message: OutgoingMessage) -> SendOutcome {
        guard case .mailbox(let recipient) = message.address else {
            return SendOutcome(kind: .permanent, failure: .invalidRecipient, detail: "no mail address")
        }
        let mail = EmailMessage(
            from: settings.from, to: recipient, subject: message.message.subject, text: message.message.text,
            messageID: messageID(message.deliveryID), date: message.now, language: message.language)
        guard let bytes = mail.bytes() else {
            return SendOutcome(
                kind: .permanent, failure: .template, detail: "a name or the subject holds control characters")
        }
        let outcome = handles.with { transfer in
            configure(transfer, recipient: recipient)
            var outcome = SMTPReply(transfer.perform(sending: bytes)).outcome
            // Servers like to repeat the address; what is stored of a try names nobody.
            outcome.detail = outcome.detail.replacingOccurrences(
                of: recipient.address, with: recipient.masked, options: .caseInsensitive)
            return outcome
        }
        return outcome ?? .noTransfer
    }

    private func configure(_ transfer: CurlTransfer, recipient: Mailbox) {
        // The path is the name we greet with.
        transfer.set(CURLOPT_URL, "\(settings.provider)/\(settings.from.domain)")
        transfer.set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        transfer.set(CURLOPT_UPLOAD, 1)
        transfer.set(CURLOPT_MAIL_FROM, "<\(settings.from.address)>")
        transfer.set(CURLOPT_MAIL_RCPT, list: ["<\(recipient.address)>"])
        transfer.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds: settings.connectTimeout)
        transfer.set(CURLOPT_TIMEOUT_MS, milliseconds: settings.timeout)
        transfer.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, Int(settings.timeout.components.seconds))
        // Servers close idle connections after some minutes; a new one costs less than a failed try.
        transfer.set(CURLOPT_MAXAGE_CONN, 20)
        switch settings.security {
        case .implicit: break
        case .required: transfer.set(CURLOPT_USE_SSL, Int(CURLUSESSL_ALL.rawValue))
        case .opportunistic: transfer.set(CURLOPT_USE_SSL, Int(CURLUSESSL_TRY.rawValue))
        }
        if let authorities = settings.certificateAuthorities { transfer.set(CURLOPT_CAINFO, authorities) }
        if let login = settings.login {
            transfer.set(CURLOPT_USERNAME, login.user)
            transfer.set(CURLOPT_PASSWORD, login.password)
        }
    }
}

extension SendOutcome {
    /// There was no memory for a transfer.
    static let noTransfer = SendOutcome(
        kind: .transient, failure: .connection, detail: "no transfer could be set up", concernsProvider: true)
}
