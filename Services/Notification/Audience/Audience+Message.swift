import ServiceKit
import Shared
import SwiftProtobuf

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
            if let training {
                $0.training = .with {
                    $0.session = "trainingSessions/\(training.session)"
                    $0.condition = .init(rawValue: training.condition.rawValue) ?? .unspecified
                    if let since = training.changedSince { $0.changedSince = since.timestamp }
                    if let until = training.changedUntil { $0.changedUntil = until.timestamp }
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
        var training: TrainingFilter?
        if message.hasTraining {
            switch TrainingFilter.reading(message.training) {
            case .success(let read): training = read
            case .failure(let list): found += list.violations
            }
            if message.hasReport || message.hasPayment || told != .members || message.withoutLeader
                || message.hasGroups || message.hasRelay || !message.teamLevels.isEmpty || !message.roles.isEmpty
                || !message.occupations.isEmpty
            {
                found.append(
                    Violation(
                        field: "campaign.audience.training", reason: "CONFLICT",
                        description:
                            "the session's invitation says who is told: give `unit` and `tree_date` alone beside it",
                        descriptionVi:
                            "lời mời của buổi học đã nêu người nhận: chỉ cho `unit` và `tree_date` bên cạnh"))
            }
        }
        guard found.isEmpty, let unit, let told else { return .failure(ViolationList(violations: found)) }
        return .success(
            Audience(
                unit: unit, levels: Set(message.teamLevels.map(\.rawValue)), roles: Set(message.roles.map(\.rawValue)),
                occupations: Set(message.occupations.map(\.rawValue)), report: report, payment: payment,
                training: training, treeDate: treeDate, told: told, isWithoutLeader: message.withoutLeader,
                groups: message.hasGroups ? Set(message.groups.purposes) : nil, relay: relay))
    }
}

extension Audience.TrainingFilter {
    fileprivate static func reading(_ message: Cdt_Notification_V1_TrainingFilter) -> Result<Self, ViolationList> {
        let session = Names.uuid(message.session, in: "trainingSessions")
        let condition = TrainingCondition(rawValue: message.condition.rawValue)
        var found: [Violation] = []
        if session == nil {
            found.append(.invalidName("campaign.audience.training.session", form: "trainingSessions/{id}"))
        }
        if condition == nil { found.append(.unknownValue("campaign.audience.training.condition")) }
        guard let session, let condition else { return .failure(ViolationList(violations: found)) }
        return .success(
            Self(
                session: session, condition: condition,
                changedSince: message.hasChangedSince ? Instant(message.changedSince) : nil,
                changedUntil: message.hasChangedUntil ? Instant(message.changedUntil) : nil))
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
