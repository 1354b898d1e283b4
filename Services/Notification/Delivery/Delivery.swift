import ServiceKit

/// One message to one recipient, as it is stored.
struct Delivery: Sendable, Hashable {
    var campaign: String
    var id: String
    var person: String
    /// Nil: no channel reaches the recipient.
    var channel: ChannelKind?
    /// The account of the channel.
    var account = ""
    var state: DeliveryState
    var failure: FailureClass = .none
    var detail = ""
    /// Tries begun.
    var attempts = 0
    var firstAttemptAt: Instant?
    var nextAt: Instant?
    var sentAt: Instant?
    var providerID = ""
    /// What its tries have cost, in đồng.
    var cost: Int64 = 0
    var deliveredAt: Instant?
    var readAt: Instant?
    var acknowledgedAt: Instant?
    /// The level of the relay at which the recipient is told; nil without one.
    var relayLevel: RelayLevel?
    var createdAt: Instant
    var updatedAt: Instant

    var lane: Lane? {
        get { channel.map { Lane(channel: $0, account: account) } }
        set {
            channel = newValue?.channel
            account = newValue?.account ?? ""
        }
    }

    /// "Idempotency key per (campaign, recipient)": the id follows from both, so that expanding an audience twice
    /// writes each message down once.
    static func id(campaign: String, person: String) -> String {
        UUIDv8.named(person, in: "campaigns/\(campaign)").description
    }
}

/// What a message is about.
struct DeliverySubject: Sendable, Hashable {
    var team: String
    /// Id of the obligation, the payment or the session that the audience was chosen by; empty without such a filter.
    var matter: String

    /// `obligations/{id}`; empty without a report filter.
    func obligation(in audience: Audience) -> String {
        matter.isEmpty || audience.report == nil ? "" : "obligations/\(matter)"
    }

    /// `paymentInstructions/{id}`; empty without a payment filter.
    func payment(in audience: Audience) -> String {
        matter.isEmpty || audience.payment == nil ? "" : "paymentInstructions/\(matter)"
    }

    /// `trainingSessions/{id}`; empty without a training filter.
    func session(in audience: Audience) -> String {
        matter.isEmpty || audience.training == nil ? "" : "trainingSessions/\(matter)"
    }
}

/// One try, as it is stored: before it begins, and completed after it.
struct DeliveryAttempt: Sendable, Hashable {
    var number: Int
    var lane: Lane
    var startedAt: Instant
    var endedAt: Instant?
    var outcome: SendOutcome.Kind?
    var failure: FailureClass = .none
    var replyCode = 0
    var detail = ""
    var providerID = ""
    var cost: Int64 = 0
}
