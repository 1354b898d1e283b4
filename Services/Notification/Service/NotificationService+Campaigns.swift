import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension NotificationService {
    func createCampaign(_ request: Cdt_Notification_V1_CreateCampaignRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_CreateCampaignResponse
    {
        try admit(.send, atName: request.campaign.audience.unit, context)
        let content = try checked(request.campaign)
        let now = clock.now
        let campaign = Campaign(
            id: UUIDv7.next(at: now).description, content: content, state: .draft, revision: 1, createdAt: now,
            updatedAt: now)
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            try CampaignStore.insert(campaign, transaction)
            return .success(.with { $0.campaign = campaign.message })
        }
    }

    func launchCampaign(_ request: Cdt_Notification_V1_LaunchCampaignRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_LaunchCampaignResponse
    {
        let known = try campaign(request.name)
        try admit(.send, at: known.content.audience.unit, context)
        let now = clock.now
        let sendAt = request.hasSendTime ? Instant(request.sendTime) : nil
        try checkSendable(known.content, at: max(sendAt ?? now, now))
        let (id, name, etag) = (known.id, request.name, request.etag)
        let trace = context.trace.flatMap { $0.sampled ? $0.traceparent : nil }
        return try await once(request.requestID, of: request, context, now: now) { transaction in
            guard let current = try CampaignStore.get(id, transaction) else { return .failure(.noCampaign(name)) }
            switch CampaignRules.launch(current, at: sendAt, etag: etag, now: now) {
            case .failure(let refusal):
                return .failure(refusal.error(name))
            case .success(let launched):
                try store(launched, transaction)
                try TrainingCopy.noteTold(launched.content.audience, transaction)
                if let trace { try CampaignStore.launched(id, by: trace, transaction) }
                return .success(.with { $0.campaign = launched.message })
            }
        }
    }

    func cancelCampaign(_ request: Cdt_Notification_V1_CancelCampaignRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_CancelCampaignResponse
    {
        try await change(request.name, request.requestID, of: request, context, CampaignRules.cancel) { campaign in
            .with { $0.campaign = campaign }
        }
    }

    func pauseCampaign(_ request: Cdt_Notification_V1_PauseCampaignRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_PauseCampaignResponse
    {
        try await change(request.name, request.requestID, of: request, context, CampaignRules.pause) { campaign in
            .with { $0.campaign = campaign }
        }
    }

    func resumeCampaign(_ request: Cdt_Notification_V1_ResumeCampaignRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ResumeCampaignResponse
    {
        try await change(request.name, request.requestID, of: request, context, CampaignRules.resume) { campaign in
            .with { $0.campaign = campaign }
        }
    }

    /// Changes the state of a campaign by a rule.
    private func change<Request: Message, Reply: Message>(
        _ name: String, _ requestID: String, of request: Request, _ context: ServerContext,
        _ rule: @escaping @Sendable (Campaign, Instant) -> Result<Campaign, CampaignRules.Refusal>,
        _ reply: @escaping @Sendable (Cdt_Notification_V1_Campaign) -> Reply
    ) async throws -> Reply {
        let known = try campaign(name)
        try admit(.send, at: known.content.audience.unit, context)
        let (id, now) = (known.id, clock.now)
        return try await once(requestID, of: request, context, now: now) { transaction in
            guard let current = try CampaignStore.get(id, transaction) else { return .failure(.noCampaign(name)) }
            switch rule(current, now) {
            case .failure(let refusal):
                return .failure(refusal.error(name))
            case .success(let changed):
                try store(changed, transaction)
                return .success(reply(changed.message))
            }
        }
    }

    func getCampaign(_ request: Cdt_Notification_V1_GetCampaignRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_GetCampaignResponse
    {
        let freshness = freshness()
        let known = try campaign(request.name)
        try admit(.read, at: known.content.audience.unit, context)
        let (campaign, progress) = try await progress(known.id, name: request.name)
        return .with {
            $0.campaign = campaign.message
            $0.progress = progress
            $0.freshness = freshness
        }
    }

    func listCampaigns(_ request: Cdt_Notification_V1_ListCampaignsRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_ListCampaignsResponse
    {
        try admitSomewhere(.read, context)
        let state = CampaignState(rawValue: request.state.rawValue)
        if request.state != .unspecified, state == nil {
            throw ServiceError.invalid(ViolationList(violations: [.unknownValue("state")]), reason: "UNKNOWN_VALUE")
        }
        let page = try await page(
            of: request, Method.listCampaigns,
            read: { try CampaignStore.page(before: $0?.first, state: state, limit: $1, $2) }, position: { [$0.id] })
        let campaigns = try await visible(page.rows, context) { $0.content.audience.unit }.map(\.message)
        return .with { ($0.campaigns, $0.nextPageToken) = (campaigns, page.next) }
    }

    func watchCampaign(
        _ request: Cdt_Notification_V1_WatchCampaignRequest,
        response: ResponseWriter<Cdt_Notification_V1_WatchCampaignResponse>, context: ServerContext
    ) async throws {
        let known = try campaign(request.name)
        try admit(.read, at: known.content.audience.unit, context)
        let id = known.id
        // Listening begins before the first look, so that no change falls between.
        var changes = database.commits(on: CampaignSignal.channel(id), every: .seconds(10)).makeAsyncIterator()
        var told: Cdt_Notification_V1_CampaignProgress?
        while true {
            var (campaign, progress) = try await progress(id, name: request.name)
            let asOf = progress.asOf
            progress.asOf = told?.asOf ?? asOf
            if progress != told {
                progress.asOf = asOf
                told = progress
                try await response.write(.with { $0.progress = progress })
            }
            let isMoving = progress.counts.contains { DeliveryState(rawValue: $0.state.rawValue)?.isMoving ?? false }
            if campaign.state.isFinished, !isMoving { return }
            guard await changes.next() != nil else { return }
            try await Task.sleep(for: .milliseconds(400))
        }
    }

    // MARK: Shared by several

    func campaign(_ name: String, field: String = "name") throws -> Campaign {
        guard let id = Names.uuid(name, in: "campaigns") else {
            throw ServiceError.invalid(field, "write it as `campaigns/{id}`", vi: "hãy viết dạng `campaigns/{id}`")
        }
        guard let campaign = try database.read({ try CampaignStore.get(id, $0) }) else {
            throw ServiceError.noCampaign(name)
        }
        return campaign
    }

    private func progress(_ id: String, name: String) async throws -> (Campaign, Cdt_Notification_V1_CampaignProgress) {
        let now = clock.now
        let found = try await database.readPooled { transaction in
            let holds = try LaneStore.holds(at: now, transaction)
            return try CampaignStore.get(id, transaction).map { campaign in
                let reach =
                    campaign.content.asksAcknowledgement ? try DeliveryStore.reach(campaign: id, transaction) : []
                return (campaign, try DeliveryStore.counts(campaign: id, holds: holds, transaction), holds, reach)
            }
        }
        guard let (campaign, counts, holds, reach) = found else { throw ServiceError.noCampaign(name) }
        var progress = campaign.progress(counts, holds, now: now)
        progress.acknowledged = reach.reduce(0) { $0 + Int64($1.acknowledged) }
        progress.relay = reach.compactMap(\.message)
        return (campaign, progress)
    }
}

/// Stores a campaign that the dispatcher must look at, and calls it.
func store(_ campaign: Campaign, _ transaction: WriteTransaction) throws {
    try CampaignStore.update(campaign, active: true, transaction)
    transaction.notify(CampaignSignal.work)
}

extension ServiceError {
    static func noCampaign(_ name: String) -> ServiceError {
        .notFound(type: Names.campaign, name: name, reason: "CAMPAIGN_NOT_FOUND", listedBy: "ListCampaigns")
    }
}

extension CampaignRules.Refusal {
    func error(_ name: String) -> ServiceError {
        switch self {
        case .notDraft(let state):
            .failedPrecondition(
                reason: "CAMPAIGN_NOT_DRAFT", subject: name,
                "\(name) is \(state), not a draft; it was launched before: create another campaign to send again",
                vi: "\(name) không còn là bản nháp; đã được khởi chạy trước đó: hãy tạo chiến dịch khác để gửi lại",
                metadata: ["state": "\(state)"])
        case .finished(let state):
            .failedPrecondition(
                reason: "CAMPAIGN_FINISHED", subject: name, "\(name) is \(state); nothing is left to cancel",
                vi: "\(name) đã kết thúc; không còn gì để hủy", metadata: ["state": "\(state)"])
        case .notRunning(let state):
            .failedPrecondition(
                reason: "CAMPAIGN_NOT_RUNNING", subject: name,
                "\(name) is \(state): only what is launched and not over can be paused",
                vi: "\(name) không đang chạy: chỉ chiến dịch đã khởi chạy và chưa kết thúc mới tạm dừng được",
                metadata: ["state": "\(state)"])
        case .notPaused(let state):
            .failedPrecondition(
                reason: "CAMPAIGN_NOT_PAUSED", subject: name, "\(name) is \(state), not paused",
                vi: "\(name) không ở trạng thái tạm dừng", metadata: ["state": "\(state)"])
        case .etagMismatch(let current):
            ServiceError(
                .aborted, reason: "ETAG_MISMATCH", "\"\(name)\" has changed since it was read; read it again",
                vi: "\"\(name)\" đã thay đổi kể từ lần đọc trước; hãy đọc lại",
                metadata: ["resourceName": name, "etag": current])
        }
    }
}
