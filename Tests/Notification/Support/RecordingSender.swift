import ServiceKit
import Synchronization

@testable import Notification

/// A channel that does what the test says and remembers what it was given.
final class RecordingSender: MessageSender {
    private let answers: @Sendable (OutgoingMessage) -> SendOutcome
    private let messages = Mutex<[OutgoingMessage]>([])
    private struct Settings {
        var account = ""
        var unit: String?
        var quota: DailyQuota?
        var quietHours: QuietHours?
        var price: Int64 = 0
    }

    private let settings = Mutex(Settings())
    let kind: ChannelKind

    init(kind: ChannelKind = .email, answers: @escaping @Sendable (OutgoingMessage) -> SendOutcome = { _ in .accepted })
    {
        self.kind = kind
        self.answers = answers
    }

    var sent: [OutgoingMessage] { messages.withLock { $0 } }
    var account: String { settings.withLock { $0.account } }
    var unit: String? { settings.withLock { $0.unit } }
    var quota: DailyQuota? { settings.withLock { $0.quota } }
    var quietHours: QuietHours? { settings.withLock { $0.quietHours } }
    func cost(of message: RenderedMessage) -> Int64 {
        settings.withLock { $0.price } * Int64(message.sms?.segments ?? 1)
    }

    /// Before it is used.
    func set(
        account: String = "", unit: String? = nil, quota: DailyQuota? = nil, quietHours: QuietHours? = nil,
        price: Int64 = 0
    ) {
        settings.withLock {
            $0 = Settings(account: account, unit: unit, quota: quota, quietHours: quietHours, price: price)
        }
    }

    var provider: String { "test" }
    var ratePerSecond: Double { 1_000 }
    var timeout: Duration { .seconds(60) }
    func messageID(_ delivery: UniqueID) -> String { delivery.description }

    func send(_ message: OutgoingMessage) -> SendOutcome {
        messages.withLock { $0.append(message) }
        return answers(message)
    }
}
