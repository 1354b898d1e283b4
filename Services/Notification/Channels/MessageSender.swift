import ServiceKit

/// A message on its way to one recipient, with everything a channel needs.
struct OutgoingMessage: Sendable, Hashable {
    enum Address: Sendable, Hashable {
        case mailbox(Mailbox)
        case endpoint(WebhookTarget)
        /// Of a mobile phone.
        case phone(PhoneNumber)
        /// Of a user of an Official Account.
        case zaloUser(String)
        /// Of a group that an Official Account manages.
        case zaloGroup(String)
    }

    /// What the message is about, for machines.
    struct Subject: Sendable, Hashable, Codable {
        var team: String
        var teamDisplayName: String
        var obligation: String
        var payment = ""
        var session = ""

        enum CodingKeys: String, CodingKey {
            case team, obligation, payment, session
            case teamDisplayName = "team_display_name"
        }
    }

    var campaign: String
    /// The same for every try: what receivers recognise the message by.
    var deliveryID: UniqueID
    /// `people/{id}`.
    var recipient: String
    var recipientName: String
    var address: Address
    var language: Language
    var message: RenderedMessage
    var subjects: [Subject]
    /// When it was written down; the same for every try.
    var createdAt: Instant
    /// When this try begins.
    var now: Instant
}

/// What a provider takes on one local day.
struct DailyQuota: Sendable, Hashable {
    /// Lanes with the same pool and account share it.
    var pool: String
    /// As the operator configured it; what the provider says at run time holds instead.
    var perDay: Int
}

/// A channel's connector, for one account. `send` blocks, on a sender's thread, and says what came of it as data.
protocol MessageSender: Sendable {
    var kind: ChannelKind { get }
    /// Empty: the only one.
    var account: String { get }
    /// Id of the unit whose subtree the account serves; nil: everywhere that no other account serves.
    var unit: String? { get }
    /// Where it sends to, without credentials.
    var provider: String { get }
    var ratePerSecond: Double { get }
    /// No try takes longer.
    var timeout: Duration { get }
    var quota: DailyQuota? { get }
    var quietHours: QuietHours? { get }
    /// Whether the receiving side recognises a message it already has, so that sending it again is safe.
    var recognisesRepeats: Bool { get }
    /// What the operator must do before it can send again.
    var attention: Channels.Off? { get }
    /// The id that receivers see.
    func messageID(_ delivery: UniqueID) -> String
    /// What a message costs, in đồng.
    func cost(of message: RenderedMessage) -> Int64
    /// Makes sure that there are credentials; what came of a message that cannot be sent for want of them, or nil.
    func ready() async -> SendOutcome?
    /// The provider has refused the credentials: gets others. Whether sending again makes sense.
    func renew() async -> Bool
    func send(_ message: OutgoingMessage) -> SendOutcome
    /// Whether the provider can be asked what became of a message, by our id.
    var knowsStatus: Bool { get }
    /// What the provider knows of a message. Blocks, as `send` does.
    func status(of delivery: UniqueID) -> StatusWord
}

/// A provider's word on a message of which nobody knows whether it was taken.
enum StatusWord: Sendable, Hashable {
    case taken
    case delivered
    case failed(detail: String)
    /// It has never had it, for certain.
    case notTaken
    /// It does not say, or was not heard.
    case unknown
}

extension MessageSender {
    var lane: Lane { Lane(channel: kind, account: account) }
    var account: String { "" }
    var unit: String? { nil }
    var quota: DailyQuota? { nil }
    var quietHours: QuietHours? { nil }
    var attention: Channels.Off? { nil }
    /// A mail's Message-ID stays the same, but no mail server promises to look at it; a CloudEvent's id is there for
    /// that.
    var recognisesRepeats: Bool { kind == .webhook }
    func cost(of message: RenderedMessage) -> Int64 { 0 }
    func ready() async -> SendOutcome? { nil }
    func renew() async -> Bool { false }
    var knowsStatus: Bool { false }
    func status(of delivery: UniqueID) -> StatusWord { .unknown }
}
