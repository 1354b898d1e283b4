/// The channels of this installation: each is on, with its connectors, or off, with the reason.
struct Channels: Sendable {
    struct Off: Sendable, Hashable {
        var reason: String
        var reasonVi: String
    }

    private let senders: [Lane: any MessageSender]
    let webhookSettings: WebhookSettings?
    /// By channel, in the order of the accounts' names.
    let on: [any MessageSender]
    let routes: Routes

    init(smtp: SMTPSettings?, webhook: WebhookSettings?, others: [any MessageSender] = []) {
        var all: [any MessageSender] = others
        if let smtp { all.append(SMTPSender(smtp)) }
        if let webhook { all.append(WebhookSender(webhook)) }
        self.init(all, webhook)
    }

    /// With other connectors, for tests of what lies above them.
    init(senders: [any MessageSender]) { self.init(senders, nil) }

    private init(_ senders: [any MessageSender], _ webhook: WebhookSettings?) {
        self.senders = Dictionary(senders.map { ($0.lane, $0) }) { _, last in last }
        on = self.senders.values.sorted { ($0.kind.rawValue, $0.account) < ($1.kind.rawValue, $1.account) }
        webhookSettings = webhook
        routes = Routes(on)
    }

    func sender(_ lane: Lane) -> (any MessageSender)? { senders[lane] }

    func senders(_ kind: ChannelKind) -> [any MessageSender] { on.filter { $0.kind == kind } }

    /// The lanes that a pool's quota holds together.
    func lanes(pool: String, account: String) -> [Lane] {
        on.filter { $0.quota?.pool == pool && $0.account == account }.map(\.lane)
    }

    /// "Channels without configuration are off and say so."
    func off(_ kind: ChannelKind) -> Off? {
        guard !on.contains(where: { $0.kind == kind }) else { return nil }
        switch kind {
        case .email:
            return Off(
                reason: "no mail server is configured; start the service with --smtp-url and --smtp-from",
                reasonVi: "chưa cấu hình máy chủ thư; hãy khởi động dịch vụ với --smtp-url và --smtp-from")
        case .webhook:
            return Off(
                reason: "no signing secret is configured; start the service with --webhook-secret-file",
                reasonVi: "chưa cấu hình khóa ký; hãy khởi động dịch vụ với --webhook-secret-file")
        case .sms:
            return Off(
                reason: "no SMS gateway is configured; start the service with --sms-profile",
                reasonVi: "chưa cấu hình cổng SMS; hãy khởi động dịch vụ với --sms-profile")
        case .zaloPhone, .zaloUser, .zaloText, .zaloGroup:
            return Off(
                reason: "no Zalo Official Account is configured for it; start the service with --zalo-accounts",
                reasonVi: "chưa cấu hình Zalo Official Account cho kênh này; hãy khởi động dịch vụ với --zalo-accounts")
        }
    }
}

/// Which account of a channel serves a place.
struct Routes: Sendable, Hashable {
    private struct Account: Sendable, Hashable {
        var name: String
        var unit: String?
    }

    private var accounts: [ChannelKind: [Account]] = [:]

    init(_ senders: [any MessageSender] = []) {
        for sender in senders {
            accounts[sender.kind, default: []].append(Account(name: sender.account, unit: sender.unit))
        }
    }

    /// The account of the nearest unit above a team, else the one for everywhere; nil when none serves the place. A
    /// channel that is off has no accounts: what it would carry is told of the one without a name.
    ///
    /// - Parameter path: The team's unit and those above it, nearest first.
    func lane(_ channel: ChannelKind, path: [String]) -> Lane? {
        guard let known = accounts[channel] else { return Lane(channel: channel) }
        for unit in path {
            if let account = known.first(where: { $0.unit == unit }) {
                return Lane(channel: channel, account: account.name)
            }
        }
        return known.first { $0.unit == nil }.map { Lane(channel: channel, account: $0.name) }
    }
}
