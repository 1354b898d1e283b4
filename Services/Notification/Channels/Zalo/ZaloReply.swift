import ServiceKit

/// What became of a message, read from Zalo's envelope: "HTTP 200 with {data, error, message}; success only if error is
/// 0". Unknown code, timeout, HTTP 5xx and what is no JSON leave it open.
struct ZaloReply: Sendable, Hashable {
    let answer: HTTPCall.Answer
    let channel: ChannelKind
    let errors: ZaloErrors
    let now: Instant
    let quiet: QuietHours?

    private static let maximumID = 100

    var outcome: SendOutcome {
        guard answer.failure == nil else {
            if answer.mayHaveArrived {
                return SendOutcome(kind: .ambiguous, failure: .unconfirmed, detail: answer.message)
            }
            return SendOutcome(
                kind: .transient, failure: answer.failure == .tls ? .tls : .connection, detail: answer.message,
                concernsProvider: true)
        }
        guard let json = JSONValue(answer.body), let code = json["error"]?.integer else {
            return SendOutcome(
                kind: .ambiguous, failure: .unconfirmed, replyCode: answer.code,
                detail: "HTTP \(answer.code) without Zalo's envelope")
        }
        let detail = "\(code) \(json["message"]?.shown ?? "")".shortened
        if code == 0 { return accepted(json, detail) }
        var outcome = refused(errors.meaning(code, of: channel), detail)
        outcome.replyCode = code
        return outcome
    }

    private func accepted(_ json: JSONValue, _ detail: String) -> SendOutcome {
        var outcome = SendOutcome(kind: .accepted)
        let id = json.at("data.msg_id")?.shown ?? json.at("data.message_id")?.shown ?? ""
        outcome.providerID = String(id.prefix(Self.maximumID))
        if let perDay = json.at("data.quota.dailyQuota")?.integer,
            let remaining = json.at("data.quota.remainingQuota")?.integer, perDay > 0, remaining >= 0
        {
            outcome.quota = QuotaWord(perDay: perDay, remaining: remaining)
        }
        return outcome
    }

    private func refused(_ meaning: ZaloErrors.Meaning?, _ detail: String) -> SendOutcome {
        func failed(_ kind: SendOutcome.Kind, _ failure: FailureClass, all: Bool = false) -> SendOutcome {
            SendOutcome(
                kind: kind, failure: failure, detail: detail, concernsProvider: all, retryAfter: answer.retryAfter)
        }
        switch meaning {
        case nil: return failed(.ambiguous, .unconfirmed)
        case .refusedToken:
            var outcome = failed(.transient, .configuration, all: true)
            outcome.refusesCredentials = true
            return outcome
        case .configuration: return failed(.transient, .configuration, all: true)
        case .content: return failed(.permanent, .contentRefused)
        case .invalidRecipient: return failed(.permanent, .invalidRecipient)
        case .recipient: return failed(.permanent, .recipientRefused)
        case .quota: return .held(until: Instant(now.localDate.next), .quota, detail)
        case .quiet: return .held(until: quiet?.end(at: now) ?? now.adding(seconds: 3_600), .quietHours, detail)
        case .rate: return failed(.transient, .rateLimited, all: true)
        case .transient: return failed(.transient, .temporary)
        }
    }
}
