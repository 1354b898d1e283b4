import ServiceKit
import Synchronization

@testable import Notification

/// A channel that does what the test says and remembers what it was given.
final class RecordingSender: MessageSender {
    private let answers: @Sendable (OutgoingMessage) -> SendOutcome
    private let messages = Mutex<[OutgoingMessage]>([])
    let kind: ChannelKind

    init(kind: ChannelKind = .email, answers: @escaping @Sendable (OutgoingMessage) -> SendOutcome = { _ in .accepted })
    {
        self.kind = kind
        self.answers = answers
    }

    var sent: [OutgoingMessage] { messages.withLock { $0 } }
    var provider: String { "test" }
    var ratePerSecond: Double { 1_000 }
    var timeout: Duration { .seconds(60) }
    func messageID(_ delivery: UniqueID) -> String { delivery.description }

    func send(_ message: OutgoingMessage) -> SendOutcome {
        messages.withLock { $0.append(message) }
        return answers(message)
    }
}
