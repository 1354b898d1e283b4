import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The handlers: check the request, call the domain, map what comes back. One file per resource.
struct NotificationService: Cdt_Notification_V1_NotificationService.ServiceProtocol {
    typealias Method = Cdt_Notification_V1_NotificationService.Method

    let database: Database
    let channels: Channels
    let dispatcher: Dispatcher
    let clock: Clock
    let pageTokens: PageTokens
    /// How old the facts from other services are.
    let freshness: @Sendable () -> [Cdt_Common_V1_Freshness]

    func listChannels(_ request: Cdt_Notification_V1_ListChannelsRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListChannelsResponse
    {
        try admitSomewhere(.read, context)
        let freshness = freshness()
        let now = clock.now
        let (holds, used) = try await database.readPooled { [channels] transaction in
            let used = try channels.on.map { sender in
                try sender.quota.map { quota in
                    try LaneStore.usage(pool: quota.pool, account: sender.account, day: now.localDate, transaction)
                }
            }
            return (try LaneStore.holds(at: now, transaction), used)
        }
        return .with {
            $0.channels = ChannelKind.allCases.flatMap { kind -> [Cdt_Notification_V1_Channel] in
                if let off = channels.off(kind) { return [Self.channel(kind, off)] }
                return zip(channels.on, used).filter { $0.0.kind == kind }.map { sender, usage in
                    channel(sender, usage, holds.first { $0.lane == sender.lane })
                }
            }
            $0.freshness = freshness
        }
    }

    private static func channel(_ kind: ChannelKind, _ off: Channels.Off) -> Cdt_Notification_V1_Channel {
        .with {
            $0.kind = .init(kind)
            $0.offReason = off.reason
            $0.offReasonVi = off.reasonVi
        }
    }

    private func channel(_ sender: any MessageSender, _ usage: LaneStore.Usage?, _ hold: LaneStore.Hold?)
        -> Cdt_Notification_V1_Channel
    {
        .with {
            $0.kind = .init(sender.kind)
            $0.on = true
            $0.account = sender.account
            $0.unit = sender.unit.map { "units/\($0)" } ?? ""
            $0.provider = sender.provider
            $0.ratePerSecond = sender.ratePerSecond
            if let pause = dispatcher.pause(of: sender.lane) {
                $0.pausedUntil = pause.until.timestamp
                $0.pauseReason = pause.reason
            }
            if let quota = sender.quota {
                $0.dailyQuota = Int64(usage?.perDay ?? quota.perDay)
                $0.usedToday = Int64(usage?.used ?? 0)
            }
            if let quiet = sender.quietHours {
                $0.quietFrom = TimeOfDay.text(quiet.from)
                $0.quietUntil = TimeOfDay.text(quiet.until)
            }
            if let hold {
                $0.heldUntil = hold.until.timestamp
                $0.holdReason = "\(hold.reason)"
            }
            if let attention = sender.attention {
                $0.attention = attention.reason
                $0.attentionVi = attention.reasonVi
            }
        }
    }

    /// Runs a write once for each request id, and throws its refusal.
    func once<Request: Message, Reply: Message>(
        _ requestID: String, of request: Request, _ context: ServerContext, now: Instant,
        _ body: @escaping @Sendable (WriteTransaction) throws -> Result<Reply, ServiceError>
    ) async throws -> Reply {
        let key = try RequestIDs.key(requestID, of: request, context)
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) { try body(transaction) }
        }.get()
    }
}

extension ServiceError {
    /// Several fields are wrong: "BadRequest with all violations".
    static func invalid(_ list: ViolationList, reason: String) -> ServiceError {
        var error = ServiceError.invalid(list.violations)
        error.reason = reason
        return error
    }

    static func channelOff(_ kind: ChannelKind, _ off: Channels.Off) -> ServiceError {
        .failedPrecondition(
            reason: "CHANNEL_OFF", subject: kind.name, "channel \(kind.name) is off: \(off.reason)",
            vi: "kênh \(kind.name) đang tắt: \(off.reasonVi)", metadata: ["channel": kind.name])
    }
}

extension Cdt_Notification_V1_ListTemplatesRequest: PagedRequest {}
extension Cdt_Notification_V1_ListCampaignsRequest: PagedRequest {}
extension Cdt_Notification_V1_ListDeliveriesRequest: PagedRequest {}
extension Cdt_Notification_V1_ListDeadLettersRequest: PagedRequest {}
extension Cdt_Notification_V1_ListRulesRequest: PagedRequest {}
extension Cdt_Notification_V1_ListFocalPointsRequest: PagedRequest {}
extension Cdt_Notification_V1_ListOptOutsRequest: PagedRequest {}
extension Cdt_Notification_V1_ListGroupsRequest: PagedRequest {}
extension Cdt_Notification_V1_ListTicketsRequest: PagedRequest {}
extension Cdt_Notification_V1_ListWebhookEndpointsRequest: PagedRequest {}
