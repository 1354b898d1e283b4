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
        .with { $0.channels = ChannelKind.allCases.map(channel) }
    }

    private func channel(_ kind: ChannelKind) -> Cdt_Notification_V1_Channel {
        .with {
            $0.kind = .init(kind)
            if let off = channels.off(kind) {
                $0.offReason = off.reason
                $0.offReasonVi = off.reasonVi
            } else if let sender = channels.sender(kind) {
                $0.on = true
                $0.provider = sender.provider
                $0.ratePerSecond = sender.ratePerSecond
                if let pause = dispatcher.pause(of: kind) {
                    $0.pausedUntil = pause.until.timestamp
                    $0.pauseReason = pause.reason
                }
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
extension Cdt_Notification_V1_ListWebhookEndpointsRequest: PagedRequest {}
