import ServiceKit

/// State of one message to one recipient; raw values are those of the contract's `DeliveryState`.
enum DeliveryState: Int, Sendable, Hashable, CaseIterable {
    case queued = 1
    case scheduled = 2
    case claimed = 3
    case sent = 4
    case retry = 5
    case deferred = 6
    case ambiguous = 7
    case failed = 8
    case cancelled = 9
    case dead = 10
    case delivered = 11
    case read = 12
    case fallback = 13

    /// Whether a sender may claim it when its moment has come.
    var waits: Bool {
        switch self {
        case .queued, .scheduled, .retry, .deferred, .fallback: true
        case .claimed, .sent, .ambiguous, .failed, .cancelled, .dead, .delivered, .read: false
        }
    }

    /// Whether it goes on by itself. A campaign is completed when none of its messages does.
    var isMoving: Bool { waits || self == .claimed }

    /// Whether it may be with its recipient, as far as anybody knows.
    var mayHaveArrived: Bool {
        switch self {
        case .claimed, .sent, .ambiguous, .delivered, .read: true
        case .queued, .scheduled, .retry, .deferred, .failed, .cancelled, .dead, .fallback: false
        }
    }

    /// Whether a person may decide about it.
    var isStuck: Bool { self == .ambiguous || self == .failed || self == .dead }
}

/// Why a try or a message failed; raw values are those of the contract's `FailureClass`.
enum FailureClass: Int, Sendable, Hashable, CaseIterable {
    case none = 0
    case unreachable = 1
    case invalidRecipient = 2
    case recipientRefused = 3
    case contentRefused = 4
    case configuration = 5
    case tls = 6
    case connection = 7
    case temporary = 8
    case rateLimited = 9
    case unconfirmed = 10
    case interrupted = 11
    case addressBlocked = 12
    case redirect = 13
    case template = 14
    case quota = 15
    case quietHours = 16
}

/// What came of one try, as the channel saw it.
struct SendOutcome: Sendable, Hashable {
    /// Raw values are those of the contract's `AttemptOutcome`.
    enum Kind: Int, Sendable, Hashable {
        case accepted = 1
        case transient = 2
        case permanent = 3
        case ambiguous = 4
    }

    var kind: Kind
    var failure: FailureClass = .none
    /// SMTP or HTTP reply code; 0: none.
    var replyCode = 0
    /// The provider's words, or what broke; no personal data but what the provider repeats.
    var detail = ""
    /// The failure concerns every message to this provider, not only this one: leave the provider alone for a while
    /// instead of using up everybody's tries.
    var concernsProvider = false
    /// The provider asked not to be called earlier.
    var retryAfter: Duration?
    /// The provider takes nothing more until then: its quota is used up, or it is night. Says nothing about the
    /// message.
    var heldUntil: Instant?
    /// The id that the provider gave the message; empty: none.
    var providerID = ""
    /// What the message costs, in đồng, if it was taken.
    var cost: Int64 = 0
    /// What the provider said of its quota.
    var quota: QuotaWord?
    /// The provider has refused the credentials, and so has not looked at the message.
    var refusesCredentials = false

    static let accepted = SendOutcome(kind: .accepted)

    /// Nothing was tried: the provider delivers nothing at this hour, or takes no more today.
    static func held(until: Instant, _ failure: FailureClass, _ detail: String) -> SendOutcome {
        SendOutcome(kind: .transient, failure: failure, detail: detail, heldUntil: until)
    }
}

/// A provider's word on how much it takes on a day.
struct QuotaWord: Sendable, Hashable {
    var perDay: Int
    var remaining: Int
}
