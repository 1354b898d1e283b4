import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Plans, and the checks that hold for every campaign.
extension NotificationService {
    func planCampaign(_ request: Cdt_Notification_V1_PlanCampaignRequest, context: ServerContext) async throws
        -> Cdt_Notification_V1_PlanCampaignResponse
    {
        // Before the facts are read: the plan may be newer than it says, never older.
        let freshness = freshness()
        let content: CampaignContent
        switch request.target {
        case .name(let name):
            content = try campaign(name).content
            try admit(.read, at: content.audience.unit, context)
        case .campaign(let message):
            try admit(.read, atName: message.audience.unit, context)
            content = try checked(message)
        case nil:
            throw ServiceError.invalid(
                "target", reason: "REQUIRED", "give `name` or `campaign`", vi: "hãy cho `name` hoặc `campaign`")
        }
        let now = clock.now
        try checkUnit(content.audience, sending: now.localDate)
        let template = try CompiledTemplate(
            template("templates/\(content.template)", version: content.templateVersion).template)
        let plan = try await database.readPooled { [channels] transaction in
            try CampaignPlanner.plan(content, template, now: now, channels: channels, transaction)
        }
        let samples = try samples(of: plan, content, template)
        return .with {
            $0.plan = plan.message(samples)
            $0.freshness = freshness
        }
    }

    private func samples(of plan: CampaignPlan, _ content: CampaignContent, _ template: CompiledTemplate) throws
        -> [Cdt_Notification_V1_RenderedMessage]
    {
        let own = try refusing("INVALID_PARAMETERS") {
            template.values(content.parameters, filledIn: content.filledIn, field: "campaign.parameters")
        }
        var seen: Set<ChannelKind> = []
        return try plan.parts.compactMap { part in
            let channel = part.lane.channel
            guard let sample = part.sample, seen.insert(channel).inserted else { return nil }
            let key = Template.Key(language: content.language, channel: channel)
            let values = own.merging(sample.values) { _, fact in fact }
            return try refusing("INVALID_PARAMETERS") { template.render(key, values) }
                .message(channel, content.language)
        }
    }

    // MARK: Checks

    /// The content of a request, with the version of the template that it will keep.
    func checked(_ message: Cdt_Notification_V1_Campaign) throws -> CampaignContent {
        var content = try refusing("INVALID_CAMPAIGN") { CampaignContent.reading(message) }
        let template = try template("templates/\(content.template)", version: content.templateVersion).template
        content.templateVersion = template.version
        let compiled = try CompiledTemplate(template)
        _ = try refusing("INVALID_PARAMETERS") {
            compiled.values(content.parameters, filledIn: content.filledIn, field: "campaign.parameters")
        }
        let missing = content.channels.filter { template.bodies[.init(language: content.language, channel: $0)] == nil }
        guard missing.isEmpty else {
            let list = missing.map(\.name).joined(separator: ", ")
            throw ServiceError.invalid(
                ViolationList(violations: [
                    Violation(
                        field: "campaign.channels", reason: "NO_BODY",
                        description: "the template has no body for \(list) in `\(content.language.tag)`",
                        descriptionVi: "mẫu không có nội dung cho \(list) bằng `\(content.language.tag)`")
                ]), reason: "INVALID_CAMPAIGN")
        }
        _ = try unit(content.audience.unit)
        return content
    }

    func unit(_ id: String) throws -> AudienceStore.Unit {
        guard let unit = try database.read({ try AudienceStore.unit(id, $0) }) else {
            var error = ServiceError.unheard(unit: "units/\(id)")
            let source = freshness().first { $0.source == "registry" }
            let asOf = source.flatMap { $0.hasAsOf ? Instant($0.asOf).description : nil }
            error.metadata["registryAsOf"] = asOf ?? "never"
            error.message +=
                asOf.map { "; known here is what the Registry had recorded by \($0)" }
                ?? "; nothing has come from the Registry yet"
            throw error
        }
        return unit
    }

    /// All channels must be on, and the unit there.
    func checkSendable(_ content: CampaignContent, at moment: Instant) throws {
        for kind in content.channels {
            if let off = channels.off(kind) { throw ServiceError.channelOff(kind, off) }
        }
        try checkUnit(content.audience, sending: moment.localDate)
    }

    /// The unit must exist on the day for which the tree is read.
    func checkUnit(_ audience: Audience, sending day: LocalDate) throws {
        let unit = try unit(audience.unit)
        let treeDate = audience.treeDate(sending: day)
        guard unit.isInForce(on: treeDate) else {
            let last = LocalDate(unit.endDay)?.previous.description ?? ""
            throw ServiceError.failedPrecondition(
                reason: "UNIT_NOT_IN_FORCE", subject: "units/\(audience.unit)",
                "\(unit.displayName) is not in force on \(treeDate), the date for which the tree is read; "
                    + "it was from \(unit.firstDay) to \(last): choose another unit, or set `audience.tree_date`",
                vi: "\(unit.displayName) không có hiệu lực vào \(treeDate), ngày dùng để đọc cây đơn vị; "
                    + "có hiệu lực từ \(unit.firstDay) đến \(last): hãy chọn đơn vị khác, hoặc đặt `audience.tree_date`",
                metadata: ["validFrom": unit.firstDay, "validTo": last, "treeDate": treeDate.description])
        }
    }
}
