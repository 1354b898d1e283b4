import ServiceKit
import Shared
import SwiftProtobuf

// The domain's enums have the raw values of the contract's.

extension Cdt_Notification_V1_ChannelKind {
    init(_ kind: ChannelKind?) { self = kind.flatMap { Self(rawValue: $0.rawValue) } ?? .unspecified }
}

extension Cdt_Notification_V1_DeliveryState {
    init(_ state: DeliveryState) { self = Self(rawValue: state.rawValue) ?? .unspecified }
}

extension Cdt_Notification_V1_FailureClass {
    init(_ failure: FailureClass) { self = Self(rawValue: failure.rawValue) ?? .unspecified }
}

extension TemplateStore.Stored {
    var message: Cdt_Notification_V1_Template {
        var message = template.message
        message.etag = Etag.of(version: Int64(template.version))
        message.createTime = createdAt.timestamp
        return message
    }
}

extension Cdt_Notification_V1_SmsEncoding {
    init(_ encoding: SMSEncoding) { self = Self(rawValue: encoding.rawValue) ?? .unspecified }
}

extension LaneStore.Hold {
    var message: Cdt_Notification_V1_ChannelHold {
        .with {
            $0.channel = .init(lane.channel)
            $0.account = lane.account
            $0.until = until.timestamp
            $0.reason = .init(reason)
        }
    }
}

extension Campaign {
    var message: Cdt_Notification_V1_Campaign {
        var message = content.message
        message.name = "campaigns/\(id)"
        message.state = .init(rawValue: state.rawValue) ?? .unspecified
        if let sendAt { message.sendTime = sendAt.timestamp }
        message.etag = etag
        message.createTime = createdAt.timestamp
        message.updateTime = updatedAt.timestamp
        return message
    }

    func progress(_ counts: [DeliveryStore.Count], _ holds: [LaneStore.Hold], now: Instant)
        -> Cdt_Notification_V1_CampaignProgress
    {
        .with {
            $0.state = .init(rawValue: state.rawValue) ?? .unspecified
            $0.recipients = Int64(counts.reduce(0) { $0 + $1.count })
            $0.teamsExpanded = Int64(teamsExpanded)
            $0.teamsTotal = Int64(teamsTotal)
            $0.counts = counts.map { count in
                .with {
                    $0.state = .init(count.state)
                    $0.failureClass = .init(count.failure)
                    $0.count = Int64(count.count)
                }
            }
            $0.asOf = now.timestamp
            $0.costDong = counts.reduce(0) { $0 + $1.cost }
            $0.holds = holds.filter { content.channels.contains($0.lane.channel) }.map(\.message)
        }
    }
}

extension DeliveryStore.Reach {
    /// Of a level of a relay.
    var message: Cdt_Notification_V1_RelayProgress? {
        guard let level else { return nil }
        return .with {
            $0.level = .init(rawValue: level.rawValue) ?? .unspecified
            $0.recipients = Int64(recipients)
            $0.waiting = Int64(waiting)
            $0.sent = Int64(sent)
            $0.acknowledged = Int64(acknowledged)
        }
    }
}

extension DeliveryAttempt {
    var message: Cdt_Notification_V1_DeliveryAttempt {
        .with {
            $0.number = Int32(number)
            $0.channel = .init(lane.channel)
            $0.account = lane.account
            $0.providerID = providerID
            $0.costDong = cost
            $0.startTime = startedAt.timestamp
            if let endedAt { $0.endTime = endedAt.timestamp }
            $0.outcome = outcome.flatMap { .init(rawValue: $0.rawValue) } ?? .unspecified
            $0.failureClass = .init(failure)
            $0.replyCode = Int32(replyCode)
            $0.detail = detail
        }
    }
}

extension WebhookEndpoint {
    var message: Cdt_Notification_V1_WebhookEndpoint {
        .with {
            $0.name = "webhookEndpoints/\(id)"
            $0.unit = "units/\(unit)"
            $0.url = url
            $0.displayName = displayName
            $0.createTime = createdAt.timestamp
        }
    }
}

extension CampaignPlan {
    func message(_ samples: [Cdt_Notification_V1_RenderedMessage]) -> Cdt_Notification_V1_CampaignPlan {
        .with {
            $0.teams = Int64(teams)
            $0.recipients = Int64(recipients)
            $0.unreachable = Int64(unreachable)
            $0.reports = Int64(reports)
            $0.reportsWithoutRecipient = Int64(reportsWithoutRecipient)
            $0.channels = parts.map(\.message)
            $0.durationSeconds = loads.map { Int64(PlanRules.seconds($0)) }.max() ?? 0
            $0.treeDate = treeDate.description
            $0.samples = samples
            $0.durationDays = Int64(days)
            $0.costDong = cost
            $0.averageDays = PlanRules.averageDays(loads)
            $0.proposals = proposals.map { proposal in
                .with {
                    $0.kind = .init(rawValue: proposal.kind.rawValue) ?? .unspecified
                    $0.messages = Int64(proposal.messages)
                    $0.durationDays = Int64(proposal.days)
                    $0.text = proposal.text
                    $0.textVi = proposal.textVi
                }
            }
        }
    }
}

extension CampaignPlan.Part {
    var message: Cdt_Notification_V1_ChannelPlan {
        .with {
            $0.channel = .init(lane.channel)
            $0.account = lane.account
            $0.reachable = Int64(reachable)
            $0.messages = Int64(messages)
            $0.costDong = cost
            $0.smsSegments = Int64(segments)
            $0.outsideWindow = Int64(outsideWindow)
            guard let load else { return }
            $0.on = true
            $0.durationSeconds = Int64(PlanRules.seconds(load))
            $0.dailyQuota = Int64(load.perDay ?? 0)
            $0.durationDays = Int64(PlanRules.days(load))
        }
    }
}

extension RenderedMessage {
    func message(_ channel: ChannelKind, _ language: Language) -> Cdt_Notification_V1_RenderedMessage {
        .with {
            $0.channel = .init(channel)
            $0.language = .init(rawValue: language.rawValue) ?? .unspecified
            $0.subject = subject
            $0.text = text
            if let sms {
                $0.smsSegments = Int32(sms.segments)
                $0.smsEncoding = .init(sms.encoding)
            }
            $0.providerTemplate = providerTemplate
            $0.providerParameters = Dictionary(values.map { ($0.name, $0.text) }) { first, _ in first }
        }
    }
}
