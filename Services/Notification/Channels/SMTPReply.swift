/// The command of an SMTP session that a reply belongs to: the same code means different things after different ones.
enum SMTPPhase: Sendable, Hashable {
    case greeting, tls, login, sender, recipient, data, message

    /// Nil for a line that continues the command before, as those of a login do.
    init?(command: String) {
        switch command.prefix(4).uppercased() {
        case "EHLO", "HELO": self = .greeting
        case "STAR": self = .tls
        case "AUTH": self = .login
        case "MAIL": self = .sender
        case "RCPT": self = .recipient
        case "DATA": self = .data
        default: return nil
        }
    }
}

/// What became of a mail, read from the last reply and from how the transfer ended.
struct SMTPReply: Sendable, Hashable {
    var phase: SMTPPhase
    /// The last code; 0: none.
    var code: Int
    /// Enhanced status (RFC 3463) without the class digit, for example `1.1` of `5.1.1`; empty: none.
    var enhanced: String
    /// The text of the reply.
    var text: String
    var bodyHandedOver: Bool
    /// Nil: the transfer succeeded.
    var failure: CurlFailure?
    /// curl's words.
    var message: String

    init(
        phase: SMTPPhase, code: Int, text: String = "", bodyHandedOver: Bool = false, failure: CurlFailure?,
        message: String = ""
    ) {
        self.phase = phase
        self.code = code
        self.text = text
        self.bodyHandedOver = bodyHandedOver
        self.failure = failure
        self.message = message
        enhanced = SMTPReply.enhancedStatus(text)
    }

    /// From reply lines such as `550-5.1.1 …`, `550 5.1.1 …`.
    init(_ result: CurlResult) {
        let lines = result.exchange.replyLines.map { $0.filter { !$0.isNewline } }
        let last = lines.last(where: { $0.utf8.count >= 3 && Int($0.prefix(3)) != nil })
        self.init(
            phase: result.exchange.phase, code: last.flatMap { Int($0.prefix(3)) } ?? result.replyCode,
            text: lines.map { String($0.dropFirst(4)) }.joined(separator: " "),
            bodyHandedOver: result.exchange.bodyHandedOver, failure: result.error, message: result.message)
    }

    private static func enhancedStatus(_ text: String) -> String {
        let first = text.prefix { $0 != " " }
        let parts = first.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isASCII) && Int($0) != nil }) else {
            return ""
        }
        return parts[1...].joined(separator: ".")
    }

    var outcome: SendOutcome {
        if failure == nil { return SendOutcome(kind: .accepted, replyCode: code, detail: detail) }
        // "354 go ahead" is no verdict, and 2xx belongs to a command before the failure.
        switch code {
        case 400..<500: return transient
        case 500..<600: return refused
        default: return unanswered
        }
    }

    private var detail: String {
        let words = text.isEmpty ? message : (code > 0 ? "\(code) \(text)" : text)
        return String(String.UnicodeScalarView(words.unicodeScalars.lazy.filter { !$0.isControl }.prefix(300)))
    }

    /// "4yz: the command was not accepted, but the error condition is temporary" (RFC 5321, section 4.2.1), also after
    /// the final dot: then the server did not take responsibility for the message.
    private var transient: SendOutcome {
        let limited = enhanced.hasPrefix("7.") || code == 421 && phase != .message || enhanced == "5.3"
        return SendOutcome(
            kind: .transient, failure: limited ? .rateLimited : .temporary, replyCode: code, detail: detail,
            concernsProvider: [.greeting, .tls, .login, .sender].contains(phase) || code == 421)
    }

    private var refused: SendOutcome {
        func permanent(_ failure: FailureClass) -> SendOutcome {
            SendOutcome(kind: .permanent, failure: failure, replyCode: code, detail: detail)
        }
        switch phase {
        case .greeting, .tls, .login:
            return configuration
        case .sender:
            // 552 and x.3.4: too big for this server. Else our address is not welcome, whoever the recipient is.
            return code == 552 || enhanced == "3.4" ? permanent(.contentRefused) : configuration
        case .recipient:
            if code == 530 || code == 503 { return configuration }
            if enhanced.hasPrefix("1.") || enhanced.isEmpty && [550, 551, 553].contains(code) {
                return permanent(.invalidRecipient)
            }
            return permanent(.recipientRefused)
        case .data, .message:
            return permanent(.contentRefused)
        }
    }

    /// The recipient is not at fault: the message waits until the operator has acted.
    private var configuration: SendOutcome {
        SendOutcome(
            kind: .transient, failure: .configuration, replyCode: code, detail: detail, concernsProvider: true)
    }

    private var unanswered: SendOutcome {
        if bodyHandedOver {
            // "after DATA the final dot, a timeout is AMBIGUOUS": the server may have taken the message.
            return SendOutcome(kind: .ambiguous, failure: .unconfirmed, replyCode: 0, detail: detail)
        }
        let failureClass: FailureClass
        switch failure {
        case .tls: failureClass = .tls
        case .login: failureClass = .configuration
        default: failureClass = .connection
        }
        let early = [.greeting, .tls, .login].contains(phase)
        return SendOutcome(
            kind: .transient, failure: failureClass, replyCode: code, detail: detail, concernsProvider: early)
    }
}
