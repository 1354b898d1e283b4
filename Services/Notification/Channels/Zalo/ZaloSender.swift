import CCurl
import ServiceKit

/// One way of an Official Account to send: a template by phone number or user id, a text, a group's text. All ways of
/// an account share its tokens.
struct ZaloSender: MessageSender {
    let kind: ChannelKind
    let tokens: ZaloTokens
    let errors: ZaloErrors
    private let handles = CurlHandles()
    private var settings: ZaloAccount { tokens.account }

    init(_ kind: ChannelKind, _ tokens: ZaloTokens, _ errors: ZaloErrors) {
        (self.kind, self.tokens, self.errors) = (kind, tokens, errors)
    }

    var account: String { settings.name }
    var unit: String? { settings.unit }
    var provider: String { kind == .zaloPhone ? settings.hosts.business : settings.hosts.openAPI }
    var ratePerSecond: Double { settings.ratePerSecond }
    /// The second time: once more with a new token.
    var timeout: Duration { settings.timeout * 2 + ZaloTokens.longestWait }
    private var isTemplate: Bool { kind == .zaloPhone || kind == .zaloUser }
    /// "Customer care and groups 24/24": only templates have a quota and quiet hours.
    var quota: DailyQuota? { isTemplate ? DailyQuota(pool: "zalo_template", perDay: settings.dailyQuota) : nil }
    var quietHours: QuietHours? { isTemplate ? settings.quietHours : nil }
    /// Zalo promises nothing; only messages by phone number carry an id of ours at all.
    var recognisesRepeats: Bool { settings.deduplicates && kind == .zaloPhone }
    var attention: Channels.Off? { tokens.attention }
    func messageID(_ delivery: UniqueID) -> String { delivery.description }

    func cost(of message: RenderedMessage) -> Int64 {
        guard isTemplate, let price = settings.prices[message.providerTemplate] ?? settings.prices["*"] else {
            return 0
        }
        return kind == .zaloPhone ? price.phone : price.user
    }

    func ready() async -> SendOutcome? { await tokens.ready() }
    func renew() async -> Bool { await tokens.renew() }

    func send(_ message: OutgoingMessage) -> SendOutcome {
        guard let token = tokens.current else {
            return SendOutcome(
                kind: .transient, failure: .configuration, detail: "there is no access token", concernsProvider: true)
        }
        guard let (path, body) = request(message) else {
            return SendOutcome(kind: .permanent, failure: .invalidRecipient, detail: "no address for \(kind.name)")
        }
        let call = HTTPCall(
            url: provider + path,
            headers: [
                "content-type: application/json; charset=utf-8", "access_token: \(token)",
                "appsecret_proof: \(settings.proof(token))",
            ], body: body.bytes(), timeout: settings.timeout,
            certificateAuthorities: settings.certificateAuthorities)
        let outcome = handles.with { transfer in
            var outcome = ZaloReply(
                answer: call.perform(transfer), channel: kind, errors: errors, now: message.now, quiet: quietHours
            ).outcome
            if outcome.refusesCredentials { tokens.refused(token) }
            outcome.detail = outcome.detail.replacing(message.address.shown, with: message.address.masked)
            if outcome.kind == .accepted || outcome.kind == .ambiguous { outcome.cost = cost(of: message.message) }
            return outcome
        }
        return outcome ?? .noTransfer
    }

    private func request(_ message: OutgoingMessage) -> (path: String, body: JSONValue)? {
        let text = JSONValue.object(["text": .text(message.message.text)])
        let values = JSONValue.object(
            Dictionary(message.message.values.map { ($0.name, .text($0.text)) }) { first, _ in first })
        let template = JSONValue.text(message.message.providerTemplate)
        switch (kind, message.address) {
        case (.zaloPhone, .phone(let phone)):
            return (
                "/message/template",
                .object([
                    "phone": .text(phone.international), "template_id": template, "template_data": values,
                    "tracking_id": .text(messageID(message.deliveryID)),
                ])
            )
        case (.zaloUser, .zaloUser(let user)):
            return (
                "/v3.0/oa/message/template",
                .object(["user_id": .text(user), "template_id": template, "template_data": values])
            )
        case (.zaloText, .zaloUser(let user)):
            return (
                "/v3.0/oa/message/cs", .object(["recipient": .object(["user_id": .text(user)]), "message": text])
            )
        case (.zaloGroup, .zaloGroup(let group)):
            return (
                "/v3.0/oa/group/message", .object(["recipient": .object(["group_id": .text(group)]), "message": text])
            )
        default: return nil
        }
    }
}

extension OutgoingMessage.Address {
    /// As a provider would repeat it.
    fileprivate var shown: String {
        switch self {
        case .mailbox(let mailbox): mailbox.address
        case .endpoint(let target): target.url
        case .phone(let phone): phone.international
        case .zaloUser(let id), .zaloGroup(let id): id
        }
    }
}
