import ServiceKit
import Shared
import SwiftProtobuf

extension CampaignContent {
    /// The contract's message, as it is stored and shown.
    var message: Cdt_Notification_V1_Campaign {
        .with {
            $0.displayName = displayName
            $0.audience = audience.message
            $0.template = "templates/\(template)"
            $0.templateVersion = Int32(templateVersion)
            $0.parameters = parameters
            $0.language = .init(rawValue: language.rawValue) ?? .unspecified
            $0.channels = channels.compactMap { .init(rawValue: $0.rawValue) }
            $0.topic = topic
            $0.statutory = isStatutory
            $0.rule = rule.isEmpty ? "" : "rules/\(rule)"
            $0.acknowledge = asksAcknowledgement
            $0.ticket = ticket.isEmpty ? "" : "tickets/\(ticket)"
            $0.article = article.isEmpty ? "" : "articles/\(article)"
        }
    }

    /// What `message` gave; nil when it names something that this release does not know.
    init?(stored message: Cdt_Notification_V1_Campaign) {
        guard let template = ResourceName.id(message.template, in: "templates"),
            let language = Language(rawValue: message.language.rawValue),
            let audience = Audience(stored: message.audience)
        else { return nil }
        let channels = message.channels.compactMap { ChannelKind(rawValue: $0.rawValue) }
        guard channels.count == message.channels.count else { return nil }
        self.init(
            displayName: message.displayName, audience: audience, template: template,
            templateVersion: Int(message.templateVersion), parameters: message.parameters, language: language,
            channels: channels, topic: message.topic, isStatutory: message.statutory,
            rule: ResourceName.id(message.rule, in: "rules") ?? "", asksAcknowledgement: message.acknowledge,
            ticket: ResourceName.id(message.ticket, in: "tickets") ?? "",
            article: ResourceName.id(message.article, in: "articles") ?? "")
    }

    /// Reads a request; every violation is named. Whether the template exists and takes the parameters is another
    /// check.
    static func reading(_ message: Cdt_Notification_V1_Campaign) -> Result<CampaignContent, ViolationList> {
        var found: [Violation] = []
        found += Violation.displayName(message.displayName, field: "campaign.display_name")
        if ResourceName.id(message.template, in: "templates") == nil {
            found.append(.invalidName("campaign.template", form: "templates/{id}"))
        }
        if message.templateVersion < 0 {
            found.append(
                Violation(
                    field: "campaign.template_version", reason: "OUT_OF_RANGE",
                    description: "give a version from 1, or 0 for the newest",
                    descriptionVi: "hãy cho phiên bản từ 1, hoặc 0 để lấy phiên bản mới nhất"))
        }
        let language = message.language == .unspecified ? .vietnamese : Language(rawValue: message.language.rawValue)
        if language == nil { found.append(.unknownValue("campaign.language")) }
        let channels = message.channels.compactMap { ChannelKind(rawValue: $0.rawValue) }
        if channels.isEmpty || channels.count != message.channels.count || Set(channels).count != channels.count {
            found.append(
                Violation(
                    field: "campaign.channels", reason: channels.isEmpty ? "REQUIRED" : "INVALID_CHANNELS",
                    description: "name at least one channel, each known and at most once, in order of preference",
                    descriptionVi: "hãy nêu ít nhất một kênh, mỗi kênh có thật và chỉ một lần, theo thứ tự ưu tiên"))
        }
        if !message.topic.isEmpty, !Template.isID(message.topic) { found.append(.invalidTopic("campaign.topic")) }
        switch Audience.reading(message.audience) {
        case .failure(let list):
            found += list.violations
        case .success(let audience):
            if (audience.groups != nil) != channels.contains(.zaloGroup)
                || audience.groups != nil && channels.count > 1
            {
                found.append(
                    Violation(
                        field: "campaign.channels", reason: "INVALID_CHANNELS",
                        description: "ZALO_GROUP is for an audience of groups, and nothing else is",
                        descriptionVi: "ZALO_GROUP chỉ dùng cho danh sách nhận là nhóm, và nhóm chỉ nhận qua kênh này"))
            }
            if found.isEmpty, let language, let template = ResourceName.id(message.template, in: "templates") {
                return .success(
                    CampaignContent(
                        displayName: message.displayName.nfc, audience: audience, template: template,
                        templateVersion: Int(message.templateVersion), parameters: message.parameters,
                        language: language, channels: channels, topic: message.topic,
                        isStatutory: message.statutory,
                        asksAcknowledgement: message.acknowledge || audience.relay != nil))
            }
        }
        return .failure(ViolationList(violations: found))
    }
}

extension Violation {
    /// What is wrong with a name for people: none or one.
    static func displayName(_ name: String, field: String) -> [Violation] {
        if !name.isEmpty, name.scalarCount <= 200, !name.unicodeScalars.contains(where: \.isControl) { return [] }
        return [
            Violation(
                field: field, reason: "INVALID_TEXT", description: "give a name of 1 to 200 characters on one line",
                descriptionVi: "hãy đặt tên dài 1 đến 200 ký tự trên một dòng")
        ]
    }

    static func invalidName(_ field: String, form: String) -> Violation {
        Violation(
            field: field, reason: "INVALID_NAME", description: "write it as `\(form)`",
            descriptionVi: "hãy viết dạng `\(form)`"
        )
    }

    static func invalidTopic(_ field: String) -> Violation {
        Violation(
            field: field, reason: "INVALID_NAME",
            description: "write 1 to 60 lower-case letters, digits and hyphens",
            descriptionVi: "hãy viết 1 đến 60 chữ thường không dấu, chữ số và gạch nối")
    }

    static func unknownValue(_ field: String) -> Violation {
        Violation(
            field: field, reason: "UNKNOWN_VALUE", description: "give a value that the contract names",
            descriptionVi: "hãy cho một giá trị có trong giao diện")
    }
}
