import CCurl
import ServiceKit

/// A profile with the secrets that it names.
struct SMSSettings: Sendable {
    var profile: SMSProfile
    var secrets: [String: String] = [:]
    /// Certificates to trust instead of the system's, a PEM file.
    var certificateAuthorities: String?
}

/// Short messages through the HTTP gateway of a brandname provider, as its profile says.
struct SMSSender: MessageSender {
    let settings: SMSSettings
    private let handles = CurlHandles()

    init(_ settings: SMSSettings) { self.settings = settings }

    private var profile: SMSProfile { settings.profile }

    var kind: ChannelKind { .sms }
    var provider: String { profile.name }
    var ratePerSecond: Double { profile.ratePerSecond ?? 10 }
    var timeout: Duration { .seconds(profile.timeoutSeconds ?? 30) }
    var quota: DailyQuota? { profile.dailyQuota.map { DailyQuota(pool: "sms", perDay: $0) } }
    /// Notices are not advertising, for which Decree 91/2020/NĐ-CP sets hours; they wait for the morning all the same.
    var quietHours: QuietHours? { QuietHours(profile.quietHours ?? "22:00-06:00", spread: 5) }
    var recognisesRepeats: Bool { profile.deduplicates ?? false }
    func messageID(_ delivery: UniqueID) -> String { delivery.description }

    func cost(of message: RenderedMessage) -> Int64 {
        guard let sms = message.sms, let cost = profile.cost else { return 0 }
        return Int64(sms.segments) * (sms.encoding == .gsm7 ? cost.gsm7 : cost.ucs2)
    }

    func send(_ message: OutgoingMessage) -> SendOutcome {
        guard case .phone(let phone) = message.address else {
            return SendOutcome(kind: .permanent, failure: .invalidRecipient, detail: "no mobile number")
        }
        guard let sms = message.message.sms, let call = call(message, phone, sms) else {
            return SendOutcome(kind: .permanent, failure: .template, detail: "the message cannot be written as SMS")
        }
        let outcome = handles.with { transfer in
            var outcome = SMSReply(call.perform(transfer), profile.reply, now: message.now, quiet: quietHours).outcome
            // Gateways like to repeat the number; what is stored of a try names nobody.
            for form in [phone.international, phone.national, String(phone.national.dropFirst())] {
                outcome.detail = outcome.detail.replacing(form, with: phone.masked)
            }
            if outcome.kind == .accepted || outcome.kind == .ambiguous { outcome.cost = cost(of: message.message) }
            return outcome
        }
        return outcome ?? .noTransfer
    }

    var knowsStatus: Bool { profile.status != nil }

    func status(of delivery: UniqueID) -> StatusWord {
        guard let status = profile.status else { return .unknown }
        var values = operatorValues
        values["id"] = messageID(delivery)
        let headers = headers(values)
        guard !headers.contains(where: { $0.unicodeScalars.contains(where: \.isControl) }) else { return .unknown }
        let call = HTTPCall(
            url: Self.filled(status.url, values, \.percentEncoded), method: "GET", headers: headers, body: [],
            timeout: timeout, certificateAuthorities: settings.certificateAuthorities)
        guard let answer = handles.with({ call.perform($0) }), answer.failure == nil, (200..<300).contains(answer.code),
            let code = JSONValue(answer.body)?.at(status.code)?.shown
        else { return .unknown }
        return switch status.codes[code] {
        case .taken: .taken
        case .delivered: .delivered
        case .failed: .failed(detail: "not delivered: \(code)".shortened)
        case .notTaken: .notTaken
        case nil: .unknown
        }
    }

    private var operatorValues: [String: String] {
        (profile.values ?? [:]).merging(settings.secrets) { _, secret in secret }
    }

    private func headers(_ values: [String: String]) -> [String] {
        (profile.headers ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key): \(Self.filled($0.value, values))" }
    }

    private static func filled(
        _ text: String, _ values: [String: String], _ encode: (String) -> String = { $0 }
    ) -> String {
        // Checked when the profile was read.
        (try? TemplateText(parsing: text))?.filled { values[$0].map(encode) } ?? ""
    }

    private func call(_ message: OutgoingMessage, _ phone: PhoneNumber, _ sms: SMSText) -> HTTPCall? {
        var values = operatorValues
        values["phone"] =
            switch profile.phone ?? .international {
            case .national: phone.national
            case .international: phone.international
            case .plus: "+" + phone.international
            }
        values["text"] = sms.text
        values["id"] = messageID(message.deliveryID)
        values["unicode"] = sms.encoding == .ucs2 ? "1" : "0"
        values["segments"] = String(sms.segments)
        var headers = headers(values)
        guard !headers.contains(where: { $0.unicodeScalars.contains(where: \.isControl) }) else { return nil }
        let body: [UInt8]
        if let json = profile.json {
            headers.append("content-type: application/json; charset=utf-8")
            body = json.mapTexts { Self.filled($0, values) }.bytes()
        } else {
            headers.append("content-type: application/x-www-form-urlencoded; charset=utf-8")
            let pairs = (profile.form ?? [:]).sorted { $0.key < $1.key }.map {
                "\($0.key.percentEncoded)=\(Self.filled($0.value, values).percentEncoded)"
            }
            body = Array(pairs.joined(separator: "&").utf8)
        }
        return HTTPCall(
            url: Self.filled(profile.url, values, \.percentEncoded), method: profile.method ?? "POST", headers: headers,
            body: body,
            timeout: timeout, certificateAuthorities: settings.certificateAuthorities)
    }
}

/// What became of a short message, read from the gateway's answer as the profile says.
struct SMSReply: Sendable, Hashable {
    let answer: HTTPCall.Answer
    let reply: SMSProfile.Reply
    let now: Instant
    let quiet: QuietHours?

    init(_ answer: HTTPCall.Answer, _ reply: SMSProfile.Reply, now: Instant, quiet: QuietHours?) {
        (self.answer, self.reply, self.now, self.quiet) = (answer, reply, now, quiet)
    }

    var outcome: SendOutcome {
        guard answer.failure == nil else {
            if answer.mayHaveArrived {
                return SendOutcome(kind: .ambiguous, failure: .unconfirmed, detail: answer.message)
            }
            return SendOutcome(
                kind: .transient, failure: answer.failure == .tls ? .tls : .connection, detail: answer.message,
                concernsProvider: true)
        }
        let json = JSONValue(answer.body)
        let code = reply.code.isEmpty ? nil : json?.at(reply.code)?.shown
        let words = json?.at(reply.text)?.shown ?? ""
        let detail = "\(code ?? String(answer.code)) \(words)".shortened
        let meaning = code.flatMap { reply.codes[$0] } ?? reply.statuses[String(answer.code)] ?? meaningOfStatus(code)
        var outcome = outcome(meaning, detail)
        outcome.replyCode = code.flatMap { Int($0) } ?? answer.code
        if meaning == .accepted { outcome.providerID = String((json?.at(reply.messageID)?.shown ?? "").prefix(200)) }
        return outcome
    }

    /// Of an answer that the profile does not tell: what HTTP says for certain; all else is unknown. "Unknown code,
    /// HTTP 5xx, non-JSON: AMBIGUOUS".
    private func meaningOfStatus(_ code: String?) -> SMSProfile.Meaning {
        guard code == nil else { return .ambiguous }
        switch answer.code {
        case 429: return .rateLimited
        case 401, 403, 404, 405, 407: return .configuration
        case 400, 413, 415, 422: return .contentRefused
        default: return .ambiguous
        }
    }

    private func outcome(_ meaning: SMSProfile.Meaning, _ detail: String) -> SendOutcome {
        func failed(_ kind: SendOutcome.Kind, _ failure: FailureClass, all: Bool = false) -> SendOutcome {
            SendOutcome(
                kind: kind, failure: failure, detail: detail, concernsProvider: all, retryAfter: answer.retryAfter)
        }
        switch meaning {
        case .accepted: return SendOutcome(kind: .accepted, detail: detail)
        case .invalidRecipient: return failed(.permanent, .invalidRecipient)
        case .recipientRefused: return failed(.permanent, .recipientRefused)
        case .contentRefused: return failed(.permanent, .contentRefused)
        case .configuration: return failed(.transient, .configuration, all: true)
        case .temporary: return failed(.transient, .temporary)
        case .rateLimited: return failed(.transient, .rateLimited, all: true)
        case .quota: return .held(until: Instant(now.localDate.next), .quota, detail)
        case .quiet:
            return .held(until: quiet?.end(at: now) ?? now.adding(seconds: 3_600), .quietHours, detail)
        case .ambiguous: return failed(.ambiguous, .unconfirmed)
        }
    }
}
