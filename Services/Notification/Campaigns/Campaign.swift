import ServiceKit

/// State of a campaign; raw values are those of the contract's `CampaignState`.
enum CampaignState: Int, Sendable, Hashable, CaseIterable {
    case draft = 1
    case scheduled = 2
    case expanding = 3
    case sending = 4
    case completed = 5
    case cancelled = 6
    case paused = 7

    var isFinished: Bool { self == .completed || self == .cancelled }
}

/// What a campaign says and to whom; fixed once it is created.
struct CampaignContent: Sendable, Hashable {
    var displayName: String
    var audience: Audience
    var template: String
    var templateVersion: Int
    /// The campaign's own parameters, in canonical form.
    var parameters: [String: String]
    var language: Language
    /// In order of preference.
    var channels: [ChannelKind]
    /// What it is about, for opt-outs; empty: nothing that one can opt out of.
    var topic = ""
    /// Opt-outs do not hold.
    var isStatutory = false
    /// Id of the rule that made it; empty: a person.
    var rule = ""
    /// Recipients are asked to acknowledge.
    var asksAcknowledgement = false
    /// Id of the ticket that it answers; empty: none.
    var ticket = ""
    /// Id of the article that it publishes; empty: none.
    var article = ""

    /// The parameters that the audience fills in for this campaign.
    var filledIn: Set<String> {
        var names = Set(Template.audienceParameters.keys)
        if audience.report == nil { names.subtract(Template.reportParameters) }
        if audience.payment == nil { names.subtract(Template.paymentParameters) }
        if audience.training == nil { names.subtract(Template.trainingParameters) }
        return names
    }
}

/// A message to an audience.
struct Campaign: Sendable, Hashable {
    var id: String
    var content: CampaignContent
    var state: CampaignState
    var revision: Int
    var sendAt: Instant?
    /// The local day on which it began to expand: memberships and roles are those of this day.
    var sendingDay: LocalDate?
    /// Where it goes on when it is resumed.
    var pausedFrom: CampaignState?
    /// The last team gone through; empty: none.
    var expandedThrough = ""
    var teamsExpanded = 0
    var teamsTotal = 0
    var createdAt: Instant
    var updatedAt: Instant

    var etag: String { "\(revision)" }
}

/// The rules of a campaign's life.
enum CampaignRules {
    enum Refusal: Error, Sendable, Hashable {
        case notDraft(CampaignState)
        case finished(CampaignState)
        case notRunning(CampaignState)
        case notPaused(CampaignState)
        case etagMismatch(current: String)
    }

    static func launch(_ campaign: Campaign, at sendAt: Instant?, etag: String, now: Instant) -> Result<
        Campaign, Refusal
    > {
        guard etag.isEmpty || etag == campaign.etag else { return .failure(.etagMismatch(current: campaign.etag)) }
        guard campaign.state == .draft else { return .failure(.notDraft(campaign.state)) }
        var launched = campaign
        launched.sendAt = max(sendAt ?? now, now)
        if let sendAt, sendAt > now {
            launched.state = .scheduled
        } else {
            launched.state = .expanding
            launched.sendingDay = now.localDate
        }
        return .success(launched.changed(now))
    }

    /// A scheduled campaign whose moment has come.
    static func begin(_ campaign: Campaign, now: Instant) -> Campaign? {
        guard campaign.state == .scheduled, let sendAt = campaign.sendAt, sendAt <= now else { return nil }
        var begun = campaign
        begun.state = .expanding
        begun.sendingDay = now.localDate
        return begun.changed(now)
    }

    /// Only what has been launched and is not over can be paused.
    static func pause(_ campaign: Campaign, _ now: Instant) -> Result<Campaign, Refusal> {
        guard [.scheduled, .expanding, .sending].contains(campaign.state) else {
            return .failure(.notRunning(campaign.state))
        }
        var paused = campaign
        paused.pausedFrom = campaign.state
        paused.state = .paused
        return .success(paused.changed(now))
    }

    static func resume(_ campaign: Campaign, _ now: Instant) -> Result<Campaign, Refusal> {
        guard campaign.state == .paused else { return .failure(.notPaused(campaign.state)) }
        var resumed = campaign
        resumed.state = campaign.pausedFrom ?? .sending
        resumed.pausedFrom = nil
        return .success(resumed.changed(now))
    }

    static func cancel(_ campaign: Campaign, _ now: Instant) -> Result<Campaign, Refusal> {
        guard !campaign.state.isFinished else { return .failure(.finished(campaign.state)) }
        var cancelled = campaign
        cancelled.state = .cancelled
        return .success(cancelled.changed(now))
    }
}

extension Campaign {
    func changed(_ now: Instant) -> Campaign {
        var copy = self
        copy.revision += 1
        copy.updatedAt = now
        return copy
    }
}
