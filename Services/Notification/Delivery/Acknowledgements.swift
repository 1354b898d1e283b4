import ServiceKit
import Storage

/// Takes note that recipients have acknowledged; in a relay it has the next level told.
enum Acknowledgements {
    enum Result: Sendable, Hashable {
        case done, notAsked
        case notSent(DeliveryState)
    }

    /// The first time counts. Who acknowledges has read it, whatever the provider knows of that.
    static func record(_ delivery: Delivery, of campaign: Campaign, now: Instant, _ transaction: WriteTransaction)
        throws
        -> Result
    {
        guard campaign.content.asksAcknowledgement else { return .notAsked }
        guard delivery.acknowledgedAt == nil else { return .done }
        guard delivery.state.mayHaveArrived else { return .notSent(delivery.state) }
        var delivery = delivery
        delivery.acknowledgedAt = now
        delivery.sentAt = delivery.sentAt ?? now
        delivery.deliveredAt = delivery.deliveredAt ?? now
        delivery.readAt = delivery.readAt ?? now
        try DeliveryStore.update(delivery, to: .init(state: .read), now: now, transaction)
        try Releases.begin(after: delivery, of: campaign, transaction)
        return .done
    }

    /// Whether somebody who writes back acknowledges with it, in whatever case and with or without tone marks: "Dạ, em
    /// đã nhận ạ" is a reply to be read, "Dạ đã nhận ạ" is none.
    static func isAcknowledgement(_ text: String) -> Bool {
        var words = TextFolding.fold(text).split(separator: " ").map(String.init)
        if words.last == "a" { words.removeLast() }
        if isAcknowledgement(words) { return true }
        if let first = words.first, ["da", "vang"].contains(first) { words.removeFirst() }
        return isAcknowledgement(words)
    }

    private static func isAcknowledgement(_ words: [String]) -> Bool { texts.contains(words.joined(separator: " ")) }

    private static let texts: Set<String> = [
        "ok", "oke", "da nhan", "da doc", "da ro", "da biet", "xac nhan", "da xac nhan", "da truyen dat", "received",
        "read",
    ]
}
