import ServiceKit

/// What a rule waits for; raw values are those of the contract's `RuleKind`.
enum RuleKind: Int, Sendable, Hashable, CaseIterable {
    case reportDueSoon = 1
    case reportDueToday = 2
    case reportOverdue = 3
    case reportOverdueCommune = 4
    case reportOverdueProvince = 5
    case reportReturned = 6
    case reportApproved = 7
    case teamWithoutLeader = 8
    case paymentApproved = 9
    case paymentPaid = 10
    case paymentReturned = 11
    case trainingInvitation = 12
    case trainingCancelled = 13

    /// Who is told.
    var told: AudienceRecipients {
        switch self {
        case .reportOverdueCommune, .teamWithoutLeader: .communeFocalPoints
        case .reportOverdueProvince: .provinceFocalPoints
        default: .members
        }
    }

    var condition: ReportCondition? {
        switch self {
        case .reportDueSoon, .reportDueToday: .owes
        case .reportOverdue, .reportOverdueCommune, .reportOverdueProvince: .overdue
        case .reportReturned: .returned
        case .reportApproved: .approved
        case .teamWithoutLeader, .paymentApproved, .paymentPaid, .paymentReturned, .trainingInvitation,
            .trainingCancelled:
            nil
        }
    }

    /// How a payment must have come to stand.
    var payment: PaymentCondition? {
        switch self {
        case .paymentApproved: .approved
        case .paymentPaid: .paid
        case .paymentReturned: .returned
        default: nil
        }
    }

    /// How a session must have come to stand.
    var training: TrainingCondition? {
        switch self {
        case .trainingInvitation: .planned
        case .trainingCancelled: .cancelled
        default: nil
        }
    }

    /// Tells of what has changed since it was looked at last, rather than of a day.
    var isOfChanges: Bool {
        self == .reportReturned || self == .reportApproved || payment != nil || training != nil
    }
}

/// Turns what other services tell into messages, by itself.
struct Rule: Sendable, Hashable {
    var id: String
    var kind: RuleKind
    var unit: String
    var isEnabled: Bool
    var days: Int
    /// Minutes since local midnight.
    var sendAt: Int
    var template: String
    var parameters: [String: String]
    var language: Language
    var channels: [ChannelKind]
    var topic: String
    var isStatutory: Bool
    var revision = 1
    /// Up to when it has been looked at; before the first time the moment of its creation.
    var lookedAt: Instant
    var hasRun = false
    var createdAt: Instant
}

/// When a rule is due, and what it then tells, as functions over values.
enum RuleClock {
    /// A change is seen by the rules when whoever wrote it down has surely committed.
    static let settling: Duration = .seconds(60)
    /// After a longer outage only so many days are made up for.
    static let mostDays = 7

    /// Since when something counts as changed. What was recorded more than those days before it is heard, as when a
    /// feed is read from its beginning, is no news.
    static func changedAt(recordedAt: Instant, heardAt: Instant) -> Instant {
        recordedAt < heardAt.adding(seconds: -Int64(mostDays) * 86_400) ? recordedAt : heardAt
    }

    /// The local days whose moment of sending has come since the rule was looked at.
    static func days(_ rule: Rule, now: Instant) -> [LocalDate] {
        var days: [LocalDate] = []
        var day = now.localDate
        for _ in 0..<mostDays {
            let moment = moment(rule, on: day)
            if moment <= now, moment > rule.lookedAt { days.append(day) }
            day = day.previous
        }
        return days.reversed()
    }

    static func moment(_ rule: Rule, on day: LocalDate) -> Instant {
        Instant(day, hour: rule.sendAt / 60, minute: rule.sendAt % 60)
    }

    /// The next moment at which it must be looked at.
    static func next(_ rule: Rule, now: Instant) -> Instant {
        let today = moment(rule, on: now.localDate)
        return today > now ? today : moment(rule, on: now.localDate.next)
    }

    /// Up to when its look counts: of changes the newest are left to the next look.
    static func lookedAt(_ rule: Rule, now: Instant) -> Instant {
        rule.kind.isOfChanges ? max(rule.lookedAt, now.adding(.zero - settling)) : now
    }

    /// The day on which reports must have been due, or their grace must have ended, to be told of on a day.
    static func dueOn(_ rule: Rule, day: LocalDate) -> LocalDate? {
        switch rule.kind {
        case .reportDueSoon: day.adding(days: rule.days)
        case .reportDueToday: day
        default: nil
        }
    }

    /// "After its days of grace": the day after the last of them is the first.
    static func graceUntil(_ rule: Rule, day: LocalDate) -> LocalDate? {
        switch rule.kind {
        case .reportOverdue, .reportOverdueCommune, .reportOverdueProvince: day.adding(days: -max(1, rule.days))
        default: nil
        }
    }
}
