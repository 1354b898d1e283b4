/// A way by which a message reaches somebody; raw values are those of the contract's `ChannelKind`.
enum ChannelKind: Int, Sendable, Hashable, CaseIterable {
    case email = 1
    case webhook = 2

    /// As it is called in field paths and messages.
    var name: String {
        switch self {
        case .email: "email"
        case .webhook: "webhook"
        }
    }

    /// Whether the receiving side can recognise a message it already has, so that sending it again is safe. A mail's
    /// Message-ID stays the same, but no mail server promises to look at it; a CloudEvent's id is there for that.
    var receiverDeduplicates: Bool { self == .webhook }

    /// Limits of the contract, in characters after NFC.
    var limits: (subject: Int, text: Int) {
        switch self {
        case .email: (200, 100_000)
        case .webhook: (200, 4_000)
        }
    }

    /// The names of the two fields of this channel's body.
    var fields: (subject: String, text: String) {
        switch self {
        case .email: ("subject", "text")
        case .webhook: ("title", "text")
        }
    }
}
