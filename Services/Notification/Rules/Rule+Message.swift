import ServiceKit
import Shared
import SwiftProtobuf

extension Rule {
    /// The contract's message, without what storage adds.
    var message: Cdt_Notification_V1_Rule {
        .with {
            $0.name = "rules/\(id)"
            $0.kind = .init(rawValue: kind.rawValue) ?? .unspecified
            $0.unit = "units/\(unit)"
            $0.enabled = isEnabled
            $0.days = Int32(days)
            $0.sendAt = TimeOfDay.text(sendAt)
            $0.template = "templates/\(template)"
            $0.parameters = parameters
            $0.language = .init(rawValue: language.rawValue) ?? .unspecified
            $0.channels = channels.compactMap { .init(rawValue: $0.rawValue) }
            $0.topic = topic
            $0.statutory = isStatutory
        }
    }

    /// As it is shown.
    var shown: Cdt_Notification_V1_Rule {
        var message = message
        message.etag = Etag.of(version: Int64(revision))
        if hasRun { message.lastRunTime = lookedAt.timestamp }
        return message
    }

    /// The campaign that a rule makes, for the checks that hold for every campaign.
    var sample: Cdt_Notification_V1_Campaign {
        .with {
            $0.displayName = "rules/\(id)"
            $0.audience.unit = "units/\(unit)"
            $0.audience.recipients = .init(rawValue: kind.told.rawValue) ?? .members
            if let condition = kind.condition {
                $0.audience.report = .with {
                    $0.period = "2024-01"
                    $0.condition = .init(rawValue: condition.rawValue) ?? .unspecified
                }
            } else if let payment = kind.payment {
                $0.audience.payment.condition = .init(rawValue: payment.rawValue) ?? .unspecified
            } else if let training = kind.training {
                $0.audience.training = .with {
                    $0.session = "trainingSessions/00000000-0000-7000-8000-000000000000"
                    $0.condition = .init(rawValue: training.rawValue) ?? .unspecified
                }
            } else {
                $0.audience.withoutLeader = true
            }
            $0.template = "templates/\(template)"
            $0.parameters = parameters
            $0.language = .init(rawValue: language.rawValue) ?? .unspecified
            $0.channels = channels.compactMap { .init(rawValue: $0.rawValue) }
        }
    }

    /// Reads a request; every violation is named. What holds for every campaign is checked on `sample`.
    static func reading(_ message: Cdt_Notification_V1_Rule, now: Instant) -> Result<Rule, ViolationList> {
        var found: [Violation] = []
        let id = ResourceName.id(message.name, in: "rules") ?? ""
        if !Template.isID(id) {
            found.append(
                Violation(
                    field: "rule.name", reason: "INVALID_NAME",
                    description: "write `rules/{id}` with 1 to 60 lower-case letters, digits and hyphens",
                    descriptionVi: "hãy viết `rules/{id}` gồm 1 đến 60 chữ thường không dấu, chữ số và gạch nối"))
        }
        let kind = RuleKind(rawValue: message.kind.rawValue)
        if kind == nil { found.append(.unknownValue("rule.kind")) }
        let unit = ResourceName.id(message.unit, in: "units")
        if unit == nil { found.append(.invalidName("rule.unit", form: "units/{id}")) }
        if !(0...60).contains(message.days) {
            found.append(
                Violation(
                    field: "rule.days", reason: "OUT_OF_RANGE", description: "give 0 to 60 days",
                    descriptionVi: "hãy cho 0 đến 60 ngày"))
        }
        let sendAt = TimeOfDay.minutes(message.sendAt)
        if sendAt == nil {
            found.append(
                Violation(
                    field: "rule.send_at", reason: "INVALID_TIME", description: "write HH:MM, for example 08:00",
                    descriptionVi: "hãy viết GG:PP, ví dụ 08:00"))
        }
        let template = ResourceName.id(message.template, in: "templates")
        if template == nil { found.append(.invalidName("rule.template", form: "templates/{id}")) }
        let language = message.language == .unspecified ? .vietnamese : Language(rawValue: message.language.rawValue)
        if language == nil { found.append(.unknownValue("rule.language")) }
        let channels = message.channels.compactMap { ChannelKind(rawValue: $0.rawValue) }
        if channels.isEmpty || channels.count != message.channels.count || Set(channels).count != channels.count
            || channels.contains(.zaloGroup)
        {
            found.append(
                Violation(
                    field: "rule.channels", reason: channels.isEmpty ? "REQUIRED" : "INVALID_CHANNELS",
                    description: "name at least one channel to people, each known and at most once, in order",
                    descriptionVi:
                        "hãy nêu ít nhất một kênh gửi cho người, mỗi kênh có thật và chỉ một lần, theo thứ tự"))
        }
        if !message.topic.isEmpty, !Template.isID(message.topic) { found.append(.invalidTopic("rule.topic")) }
        guard found.isEmpty, let kind, let unit, let sendAt, let template, let language else {
            return .failure(ViolationList(violations: found))
        }
        return .success(
            Rule(
                id: id, kind: kind, unit: unit, isEnabled: message.enabled, days: Int(message.days), sendAt: sendAt,
                template: template, parameters: message.parameters, language: language, channels: channels,
                topic: message.topic, isStatutory: message.statutory, lookedAt: now, createdAt: now))
    }
}
