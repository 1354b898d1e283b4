import ServiceKit

/// A message on its way to one recipient, with everything a channel needs.
struct OutgoingMessage: Sendable, Hashable {
    enum Address: Sendable, Hashable {
        case mailbox(Mailbox)
        case endpoint(WebhookTarget)
    }

    /// What the message is about, for machines.
    struct Subject: Sendable, Hashable, Codable {
        var team: String
        var teamDisplayName: String
        var obligation: String

        enum CodingKeys: String, CodingKey {
            case team, obligation
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

/// A channel's connector. `send` blocks, on a sender's thread, and says what came of it as data.
protocol MessageSender: Sendable {
    var kind: ChannelKind { get }
    /// Where it sends to, without credentials.
    var provider: String { get }
    var ratePerSecond: Double { get }
    /// No try takes longer.
    var timeout: Duration { get }
    /// The id that receivers see.
    func messageID(_ delivery: UniqueID) -> String
    func send(_ message: OutgoingMessage) -> SendOutcome
}
