/// The channels of this installation: each is on, with its connector, or off, with the reason.
struct Channels: Sendable {
    struct Off: Sendable, Hashable {
        var reason: String
        var reasonVi: String
    }

    private let senders: [ChannelKind: any MessageSender]
    let webhookSettings: WebhookSettings?

    init(smtp: SMTPSettings?, webhook: WebhookSettings?) {
        var senders: [ChannelKind: any MessageSender] = [:]
        if let smtp { senders[.email] = SMTPSender(smtp) }
        if let webhook { senders[.webhook] = WebhookSender(webhook) }
        self.senders = senders
        webhookSettings = webhook
    }

    /// With other connectors, for tests of what lies above them.
    init(senders: [any MessageSender]) {
        self.senders = Dictionary(senders.map { ($0.kind, $0) }) { _, last in last }
        webhookSettings = nil
    }

    var on: [any MessageSender] { ChannelKind.allCases.compactMap { senders[$0] } }

    func sender(_ kind: ChannelKind) -> (any MessageSender)? { senders[kind] }

    var rates: [ChannelKind: Double] { senders.mapValues(\.ratePerSecond) }

    /// "Channels without configuration are off and say so."
    func off(_ kind: ChannelKind) -> Off? {
        guard senders[kind] == nil else { return nil }
        switch kind {
        case .email:
            return Off(
                reason: "no mail server is configured; start the service with --smtp-url and --smtp-from",
                reasonVi: "chưa cấu hình máy chủ thư; hãy khởi động dịch vụ với --smtp-url và --smtp-from")
        case .webhook:
            return Off(
                reason: "no signing secret is configured; start the service with --webhook-secret-file",
                reasonVi: "chưa cấu hình khóa ký; hãy khởi động dịch vụ với --webhook-secret-file")
        }
    }
}
