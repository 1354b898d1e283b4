import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension NotificationService {
    func listDeliveries(_ request: Cdt_Notification_V1_ListDeliveriesRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListDeliveriesResponse
    {
        let campaign = try campaign(request.parent, field: "parent")
        try admit(.read, at: campaign.content.audience.unit, context)
        let states = request.states.compactMap { DeliveryState(rawValue: $0.rawValue) }
        guard states.count == request.states.count else {
            throw ServiceError.invalid(ViolationList(violations: [.unknownValue("states")]), reason: "UNKNOWN_VALUE")
        }
        let now = clock.now
        let page = try await page(
            of: request, Method.listDeliveries, size: 100, maximum: 1_000,
            read: { [channels] after, limit, transaction -> [Shown] in
                let holds = try LaneStore.holds(at: now, transaction)
                return try DeliveryStore.page(
                    campaign: campaign.id, after: after?.first ?? "", states: states, holds: holds, limit: limit,
                    transaction
                ).map { try Self.shown($0, of: campaign, channels, holds, transaction) }
            }, position: { [$0.delivery.id] })
        return .with { ($0.deliveries, $0.nextPageToken) = (page.rows.map(\.message), page.next) }
    }

    /// A message of the outbox, and how it is shown.
    struct Shown: Sendable {
        var delivery: Delivery
        var message: Cdt_Notification_V1_Delivery
    }

    static func shown(
        _ delivery: Delivery, of campaign: Campaign, _ channels: Channels, _ holds: [LaneStore.Hold],
        _ transaction: ReadTransaction
    ) throws -> Shown {
        Shown(delivery: delivery, message: try message(delivery, of: campaign, channels, holds, transaction))
    }

    func getDelivery(_ request: Cdt_Notification_V1_GetDeliveryRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_GetDeliveryResponse
    {
        let (campaign, id) = try deliveryName(request.name)
        try admit(.read, at: campaign.content.audience.unit, context)
        let now = clock.now
        let found = try database.read { transaction in
            let holds = try LaneStore.holds(at: now, transaction)
            return try DeliveryStore.get(campaign: campaign.id, id: id, transaction).map { delivery in
                (
                    try Self.message(delivery, of: campaign, channels, holds, transaction),
                    try DeliveryStore.attempts(id, transaction)
                )
            }
        }
        guard let (message, attempts) = found else { throw ServiceError.noDelivery(request.name) }
        return .with {
            $0.delivery = message
            $0.attempts = attempts.map(\.message)
        }
    }

    func resolveDelivery(_ request: Cdt_Notification_V1_ResolveDeliveryRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ResolveDeliveryResponse
    {
        let (known, id) = try deliveryName(request.name)
        try admit(.decide, at: known.content.audience.unit, context)
        guard let decision = DeliveryMachine.Decision(rawValue: request.decision.rawValue) else {
            throw ServiceError.invalid(ViolationList(violations: [.unknownValue("decision")]), reason: "UNKNOWN_VALUE")
        }
        let (name, now) = (request.name, clock.now)
        return try await once(request.requestID, of: request, context, now: now) { [channels] transaction in
            guard let campaign = try CampaignStore.get(known.id, transaction),
                let delivery = try DeliveryStore.get(campaign: known.id, id: id, transaction)
            else { return .failure(.noDelivery(name)) }
            if decision == .resend, campaign.state == .cancelled { return .failure(.campaignCancelled(name)) }
            switch try Decisions(channels: channels, now: now).apply(decision, to: delivery, of: campaign, transaction)
            {
            case .notStuck: return .failure(.notStuck(name, delivery.state))
            case .unreachable: return .failure(.unreachable(name))
            case .done: break
            }
            if decision == .resend { try Decisions.wake(campaign, now: now, transaction) }
            guard let resolved = try DeliveryStore.get(campaign: campaign.id, id: id, transaction) else {
                return .failure(.noDelivery(name))
            }
            let holds = try LaneStore.holds(at: now, transaction)
            let message = try Self.message(resolved, of: campaign, channels, holds, transaction)
            return .success(.with { $0.delivery = message })
        }
    }

    func acknowledgeDelivery(_ request: Cdt_Notification_V1_AcknowledgeDeliveryRequest, context: ServerContext)
        async throws -> Cdt_Notification_V1_AcknowledgeDeliveryResponse
    {
        let (known, id) = try deliveryName(request.name)
        try admit(.send, at: known.content.audience.unit, context)
        let (name, now) = (request.name, clock.now)
        return try await once(request.requestID, of: request, context, now: now) { [channels] transaction in
            guard let campaign = try CampaignStore.get(known.id, transaction),
                let delivery = try DeliveryStore.get(campaign: known.id, id: id, transaction)
            else { return .failure(.noDelivery(name)) }
            switch try Acknowledgements.record(delivery, of: campaign, now: now, transaction) {
            case .notAsked: return .failure(.acknowledgementNotAsked(name))
            case .notSent(let state): return .failure(.notSent(name, state))
            case .done: break
            }
            guard let recorded = try DeliveryStore.get(campaign: campaign.id, id: id, transaction) else {
                return .failure(.noDelivery(name))
            }
            let message = try Self.message(recorded, of: campaign, channels, [], transaction)
            return .success(.with { $0.delivery = message })
        }
    }

    private func deliveryName(_ name: String) throws -> (Campaign, delivery: String) {
        guard let ids = Names.delivery(name) else {
            throw ServiceError.invalid(
                "name", "write it as `campaigns/{id}/deliveries/{id}`",
                vi: "hãy viết dạng `campaigns/{id}/deliveries/{id}`")
        }
        guard let campaign = try database.read({ try CampaignStore.get(ids.campaign, $0) }) else {
            throw ServiceError.noDelivery(name)
        }
        return (campaign, ids.delivery)
    }

    static func message(
        _ delivery: Delivery, of campaign: Campaign, _ channels: Channels, _ holds: [LaneStore.Hold],
        _ transaction: ReadTransaction
    ) throws -> Cdt_Notification_V1_Delivery {
        let subjects = try DeliveryStore.subjects(delivery.id, transaction)
        var message = Cdt_Notification_V1_Delivery.with {
            $0.name = "campaigns/\(delivery.campaign)/deliveries/\(delivery.id)"
            $0.recipient = GroupStore.id(of: delivery.person) == nil ? "people/\(delivery.person)" : delivery.person
            $0.channel = .init(delivery.channel)
            $0.account = delivery.account
            let shown = DeliveryStore.shown(delivery.state, delivery.failure, delivery.lane, holds)
            $0.state = .init(shown.state)
            $0.failureClass = .init(shown.failure)
            $0.providerID = delivery.providerID
            $0.costDong = delivery.cost
            if let deliveredAt = delivery.deliveredAt { $0.deliveredTime = deliveredAt.timestamp }
            if let readAt = delivery.readAt { $0.readTime = readAt.timestamp }
            if let acknowledgedAt = delivery.acknowledgedAt { $0.acknowledgeTime = acknowledgedAt.timestamp }
            $0.relayLevel = delivery.relayLevel.flatMap { .init(rawValue: $0.rawValue) } ?? .unspecified
            $0.detail = delivery.detail
            $0.attemptCount = Int32(delivery.attempts)
            if let nextAt = delivery.nextAt, delivery.state.waits { $0.nextAttemptTime = nextAt.timestamp }
            if let sentAt = delivery.sentAt { $0.sentTime = sentAt.timestamp }
            $0.updateTime = delivery.updatedAt.timestamp
        }
        message.subjects = try subjects.map { subject in
            let name = try AudienceStore.teamName(subject.team, transaction)
            return .with {
                $0.team = "teams/\(subject.team)"
                $0.teamDisplayName = name
                $0.obligation = subject.obligation(in: campaign.content.audience)
                $0.payment = subject.payment(in: campaign.content.audience)
                $0.session = subject.session(in: campaign.content.audience)
            }
        }
        guard let lane = delivery.lane else { return message }
        let path = try Claims.path(of: subjects, campaign, now: delivery.updatedAt, transaction)
        message.maskedAddress =
            try AddressBook(routes: channels.routes).address(
                lane.channel, person: delivery.person, path: path, transaction)?.masked ?? ""
        if let sender = channels.sender(lane), let id = UniqueID(delivery.id) {
            message.messageID = sender.messageID(id)
        }
        return message
    }
}

extension ServiceError {
    static func noDelivery(_ name: String) -> ServiceError {
        .notFound(type: Names.deliveryType, name: name, reason: "DELIVERY_NOT_FOUND", listedBy: "ListDeliveries")
    }

    static func notStuck(_ name: String, _ state: DeliveryState) -> ServiceError {
        .failedPrecondition(
            reason: "DELIVERY_NOT_STUCK", subject: name,
            "\(name) is \(state): only AMBIGUOUS, FAILED and DEAD messages wait for a decision",
            vi: "\(name) không chờ quyết định: chỉ thư AMBIGUOUS, FAILED và DEAD mới cần",
            metadata: ["state": "\(state)"])
    }

    static func notSent(_ name: String, _ state: DeliveryState) -> ServiceError {
        .failedPrecondition(
            reason: "DELIVERY_NOT_SENT", subject: name,
            "\(name) is \(state): only a message that was sent can be acknowledged",
            vi: "\(name) chưa được gửi: chỉ thư đã gửi mới xác nhận được", metadata: ["state": "\(state)"])
    }

    static func acknowledgementNotAsked(_ name: String) -> ServiceError {
        .failedPrecondition(
            reason: "ACKNOWLEDGEMENT_NOT_ASKED", subject: name,
            "its campaign asks for no acknowledgement; set `campaign.acknowledge` when it is created",
            vi: "chiến dịch không yêu cầu xác nhận; hãy đặt `campaign.acknowledge` khi tạo")
    }

    static func campaignCancelled(_ name: String) -> ServiceError {
        .failedPrecondition(
            reason: "CAMPAIGN_CANCELLED", subject: name,
            "its campaign was cancelled; nothing is sent for it any more: create another campaign",
            vi: "chiến dịch đã bị hủy; không gửi gì thêm: hãy tạo chiến dịch khác")
    }

    static func unreachable(_ name: String) -> ServiceError {
        .failedPrecondition(
            reason: "RECIPIENT_UNREACHABLE", subject: name,
            "the recipient has no address for the campaign's channels; correct the contact in the Registry first",
            vi: "người nhận không có địa chỉ cho các kênh của chiến dịch; hãy sửa liên hệ trong Sổ đăng ký trước")
    }
}
