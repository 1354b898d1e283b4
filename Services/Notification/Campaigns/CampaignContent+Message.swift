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

extension Audience {
    var message: Cdt_Notification_V1_Audience {
        .with {
            $0.unit = "units/\(unit)"
            $0.teamLevels = levels.sorted().compactMap { .init(rawValue: $0) }
            $0.roles = roles.sorted().compactMap { .init(rawValue: $0) }
            $0.occupations = occupations.sorted().compactMap { .init(rawValue: $0) }
            if let report {
                $0.report = .with {
                    $0.period = report.period.description
                    $0.condition = .init(rawValue: report.condition.rawValue) ?? .unspecified
                    $0.dueOn = report.dueOn?.description ?? ""
                    if let since = report.changedSince { $0.changedSince = since.timestamp }
                    if let until = report.changedUntil { $0.changedUntil = until.timestamp }
                }
            }
            if let payment {
                $0.payment = .with {
                    $0.condition = .init(rawValue: payment.condition.rawValue) ?? .unspecified
                    if let since = payment.changedSince { $0.changedSince = since.timestamp }
                    if let until = payment.changedUntil { $0.changedUntil = until.timestamp }
                }
            }
            $0.recipients = .init(rawValue: told.rawValue) ?? .members
            $0.withoutLeader = isWithoutLeader
            if let groups { $0.groups = .with { $0.purposes = groups.sorted() } }
            if let relay { $0.relay = relay.message }
            $0.treeDate = treeDate?.description ?? ""
        }
    }

    init?(stored message: Cdt_Notification_V1_Audience) {
        guard case .success(let audience) = Audience.reading(message) else { return nil }
        self = audience
    }

    static func reading(_ message: Cdt_Notification_V1_Audience) -> Result<Audience, ViolationList> {
        var found: [Violation] = []
        let unit = ResourceName.id(message.unit, in: "units")
        if unit == nil { found.append(.invalidName("campaign.audience.unit", form: "units/{id}")) }
        if !message.teamLevels.allSatisfy({ (1...2).contains($0.rawValue) }) {
            found.append(.unknownValue("campaign.audience.team_levels"))
        }
        if !message.roles.allSatisfy({ (1...3).contains($0.rawValue) }) {
            found.append(.unknownValue("campaign.audience.roles"))
        }
        if !message.occupations.allSatisfy({ (1...7).contains($0.rawValue) }) {
            found.append(.unknownValue("campaign.audience.occupations"))
        }
        var report: ReportFilter?
        if message.hasReport {
            let period = Month(message.report.period)
            let condition = ReportCondition(rawValue: message.report.condition.rawValue)
            if period == nil {
                found.append(
                    Violation(
                        field: "campaign.audience.report.period", reason: "INVALID_MONTH",
                        description: "write a month YYYY-MM, for example 2024-10",
                        descriptionVi: "hãy viết tháng dạng YYYY-MM, ví dụ 2024-10"))
            }
            if condition == nil { found.append(.unknownValue("campaign.audience.report.condition")) }
            let dueOn = LocalDate(message.report.dueOn)
            if !message.report.dueOn.isEmpty, dueOn == nil {
                found.append(
                    Violation(
                        field: "campaign.audience.report.due_on", reason: "INVALID_DATE",
                        description: "write a date YYYY-MM-DD that exists, or leave it empty",
                        descriptionVi: "hãy viết ngày có thật dạng YYYY-MM-DD, hoặc để trống"))
            }
            if let period, let condition {
                report = ReportFilter(
                    period: period, condition: condition, dueOn: dueOn,
                    changedSince: message.report.hasChangedSince ? Instant(message.report.changedSince) : nil,
                    changedUntil: message.report.hasChangedUntil ? Instant(message.report.changedUntil) : nil)
            }
        }
        var payment: PaymentFilter?
        if message.hasPayment {
            if let condition = PaymentCondition(rawValue: message.payment.condition.rawValue) {
                payment = PaymentFilter(
                    condition: condition,
                    changedSince: message.payment.hasChangedSince ? Instant(message.payment.changedSince) : nil,
                    changedUntil: message.payment.hasChangedUntil ? Instant(message.payment.changedUntil) : nil)
            } else {
                found.append(.unknownValue("campaign.audience.payment.condition"))
            }
            if message.hasReport || message.withoutLeader {
                found.append(
                    Violation(
                        field: "campaign.audience.payment", reason: "CONFLICT",
                        description: "choose by payment, by report or by missing leader: leave the others out",
                        descriptionVi: "chỉ lọc theo khoản chi, theo báo cáo hoặc theo việc thiếu tổ trưởng"))
            }
        }
        let treeDate = LocalDate(message.treeDate)
        if !message.treeDate.isEmpty, treeDate == nil {
            found.append(
                Violation(
                    field: "campaign.audience.tree_date", reason: "INVALID_DATE",
                    description: "write a date YYYY-MM-DD that exists, or leave it empty",
                    descriptionVi: "hãy viết ngày có thật dạng YYYY-MM-DD, hoặc để trống"))
        }
        let told =
            message.recipients == .unspecified ? .members : AudienceRecipients(rawValue: message.recipients.rawValue)
        if told == nil { found.append(.unknownValue("campaign.audience.recipients")) }
        if message.hasGroups {
            if message.groups.purposes.contains(where: { !Template.isID($0) }) {
                found.append(.invalidTopic("campaign.audience.groups.purposes"))
            }
            if report != nil || payment != nil || told != .members || message.withoutLeader
                || !message.teamLevels.isEmpty || !message.roles.isEmpty || !message.occupations.isEmpty
            {
                found.append(
                    Violation(
                        field: "campaign.audience.groups", reason: "CONFLICT",
                        description:
                            "groups have no members, teams, reports or payments to choose by: give `unit` alone",
                        descriptionVi: "nhóm không lọc theo thành viên, tổ, báo cáo hay khoản chi: chỉ cho `unit`"))
            }
        }
        var relay: Relay?
        if message.hasRelay {
            switch Relay.reading(message.relay) {
            case .success(let read): relay = read
            case .failure(let list): found += list.violations
            }
            if report != nil || payment != nil || told != .members || message.withoutLeader || !message.roles.isEmpty
                || message.hasGroups
            {
                found.append(
                    Violation(
                        field: "campaign.audience.relay", reason: "CONFLICT",
                        description:
                            "the levels say who is told: give `unit`, `team_levels` and `occupations` alone beside it",
                        descriptionVi:
                            "các cấp đã nêu người nhận: chỉ cho `unit`, `team_levels` và `occupations` bên cạnh"))
            }
        }
        guard found.isEmpty, let unit, let told else { return .failure(ViolationList(violations: found)) }
        return .success(
            Audience(
                unit: unit, levels: Set(message.teamLevels.map(\.rawValue)), roles: Set(message.roles.map(\.rawValue)),
                occupations: Set(message.occupations.map(\.rawValue)), report: report, payment: payment,
                treeDate: treeDate, told: told, isWithoutLeader: message.withoutLeader,
                groups: message.hasGroups ? Set(message.groups.purposes) : nil, relay: relay))
    }
}

extension Relay {
    fileprivate var message: Cdt_Notification_V1_Relay {
        .with {
            $0.levels = levels.compactMap { .init(rawValue: $0.rawValue) }
            $0.waitHours = Int32(waitHours)
        }
    }

    fileprivate static func reading(_ message: Cdt_Notification_V1_Relay) -> Result<Relay, ViolationList> {
        var found: [Violation] = []
        let levels = message.levels.compactMap { RelayLevel(rawValue: $0.rawValue) }
        let isDescending = zip(levels, levels.dropFirst()).allSatisfy { $0.rawValue < $1.rawValue }
        if levels.count != message.levels.count || levels.count < 2 || !isDescending {
            found.append(
                Violation(
                    field: "campaign.audience.relay.levels", reason: "INVALID_LEVELS",
                    description: "name at least two levels, each known and at most once, from the top",
                    descriptionVi: "hãy nêu ít nhất hai cấp, mỗi cấp có thật và chỉ một lần, từ trên xuống"))
        }
        if !(1...720).contains(message.waitHours) {
            found.append(
                Violation(
                    field: "campaign.audience.relay.wait_hours", reason: "OUT_OF_RANGE",
                    description: "give 1 to 720 hours", descriptionVi: "hãy cho 1 đến 720 giờ"))
        }
        guard found.isEmpty else { return .failure(ViolationList(violations: found)) }
        return .success(Relay(levels: levels, waitHours: Int(message.waitHours)))
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
