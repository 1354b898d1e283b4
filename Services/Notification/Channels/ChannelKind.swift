/// A way by which a message reaches somebody; raw values are those of the contract's `ChannelKind`.
enum ChannelKind: Int, Sendable, Hashable, CaseIterable {
    case email = 1
    case webhook = 2
    case sms = 3
    case zaloPhone = 4
    case zaloUser = 5
    case zaloText = 6
    case zaloGroup = 7

    /// As it is called in messages for people.
    var name: String {
        switch self {
        case .email: "email"
        case .webhook: "webhook"
        case .sms: "sms"
        case .zaloPhone: "zalo_phone"
        case .zaloUser: "zalo_user"
        case .zaloText: "zalo_text"
        case .zaloGroup: "zalo_group"
        }
    }

    /// Who carries it, as far as receipts tell.
    var provider: String {
        switch self {
        case .zaloPhone, .zaloUser, .zaloText, .zaloGroup: "zalo"
        case .email, .webhook, .sms: name
        }
    }

    /// Which body of a template it sends: both ways to send a Zalo template share one.
    var body: BodyKind {
        switch self {
        case .email: .email
        case .webhook: .webhook
        case .sms: .sms
        case .zaloPhone, .zaloUser: .zaloTemplate
        case .zaloText: .zaloText
        case .zaloGroup: .zaloGroup
        }
    }

    /// Whether who answers may depend on where a team is: then the units above it are looked up.
    var dependsOnPlace: Bool {
        switch self {
        case .email: false
        case .webhook, .sms, .zaloPhone, .zaloUser, .zaloText, .zaloGroup: true
        }
    }
}

/// The bodies that a template may have; raw values order them in lists of violations.
enum BodyKind: Int, Sendable, Hashable, CaseIterable {
    case email = 1
    case webhook = 2
    case sms = 3
    case zaloTemplate = 4
    case zaloText = 5
    case zaloGroup = 6

    /// As the field of `TemplateContent` is called.
    var name: String {
        switch self {
        case .email: "email"
        case .webhook: "webhook"
        case .sms: "sms"
        case .zaloTemplate: "zalo_template"
        case .zaloText: "zalo_text"
        case .zaloGroup: "zalo_group"
        }
    }
}

/// A channel and the account it is sent from: what has a rate, a quota and a pause of its own.
struct Lane: Sendable, Hashable {
    var channel: ChannelKind
    /// Empty: the only one.
    var account = ""

    /// As it is written in logs.
    var name: String { account.isEmpty ? channel.name : "\(channel.name)/\(account)" }
}
