import ServiceKit
import Storage
import Telemetry

/// One try to send a message, as a span: linked to the call that launched its campaign, and to the changes it tells of.
/// It names nobody, and no message by its id, which follows from the recipient.
struct DeliverySpan: Sendable {
    private let tracer: Tracer
    private let claimed: ClaimedMessage
    private let start: Span.Moment

    init(of claimed: ClaimedMessage, tracer: Tracer) {
        self.tracer = tracer
        self.claimed = claimed
        start = .now()
    }

    func end(_ outcome: SendOutcome) {
        guard let context = tracer.context(causedBy: claimed.causes) else { return }
        var span = Span("deliver \(claimed.lane.channel.name)", .producer, at: context, from: start, to: .now())
        span.links = claimed.causes.contexts
        span.hasFailed = outcome.kind != .accepted && outcome.heldUntil == nil
        span.attributes = [
            .init("messaging.system", claimed.lane.channel.name), .init("messaging.operation.type", "send"),
            .init("cdt.campaign", "campaigns/\(claimed.campaign.id)"), .init("cdt.attempt", claimed.attempt),
            .init("cdt.outcome", "\(outcome.kind)"),
        ]
        if outcome.failure != .none { span.attributes.append(.init("error.type", "\(outcome.failure)")) }
        tracer.record(span)
    }
}

extension Causes {
    /// What caused a message: who launched its campaign, and the newest changes of what it says and of where it goes.
    static func of(
        _ delivery: Delivery, about subjects: [OutgoingMessage.Subject], _ transaction: ReadTransaction
    ) throws -> Causes {
        var causes = Causes()
        func add(_ table: String, _ key: String, _ id: String) throws {
            let found = try transaction.queryOne(
                "SELECT traceparent FROM \(table) WHERE \(key) = ?", [.text(id)]
            ) { try $0.text(0) }
            if let found { causes.add(found) }
        }
        try add("campaign", "id", delivery.campaign)
        try add("known_contact", "person", delivery.person)
        for subject in subjects.prefix(Causes.limit) {
            if !subject.obligation.isEmpty {
                try add("known_obligation", "id", ResourceName.lastID(subject.obligation))
            }
            if !subject.payment.isEmpty {
                try add("known_payment", "id", ResourceName.lastID(subject.payment))
            }
            if !subject.session.isEmpty {
                try add("known_training", "id", ResourceName.lastID(subject.session))
            }
            try add("known_team", "id", ResourceName.lastID(subject.team))
        }
        return causes
    }
}
