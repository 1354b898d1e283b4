import ServiceKit

/// How a session of a course must stand; raw values are those of the contract's `TrainingCondition`.
enum TrainingCondition: Int, Sendable, Hashable, CaseIterable {
    case planned = 1
    case cancelled = 2
}

/// Who is invited to a session: the members of teams, by level and role, or single people.
struct TrainingInvitation: Sendable, Hashable {
    /// Id of the unit whose teams are meant; empty: the session's, and of the nation's all.
    var unit = ""
    /// Raw values of the contract's enums; empty: any.
    var levels: Set<Int> = []
    var roles: Set<Int> = []
    /// Only those who are named one by one.
    var isOfPeople = false

    /// Whether a member of a team is invited, on the day on which they are told.
    func admits(_ member: KnownTeam.Member, of team: KnownTeam) -> Bool {
        if isOfPeople { return team.invitees.contains(member.person) }
        return (levels.isEmpty || levels.contains(team.level)) && (roles.isEmpty || roles.contains(member.role))
    }
}

/// What is known of a session that is to be held, or was cancelled.
struct KnownTraining: Sendable, Hashable {
    var id: String
    /// Id of the unit where it is held; empty: for the nation.
    var unit: String
    var condition: TrainingCondition
    /// The day; of a MOOC the last one.
    var heldOn: LocalDate
    /// `HH:MM`; empty: at no time in particular.
    var startsAt: String
    var place: String
    /// Raw value of the Activity reporting's `SessionMode`.
    var mode: Int
    var trainer: String
    var courseTitle: String
    var cancellationReason: String
    /// Nil: nobody is told.
    var invitation: TrainingInvitation?
    /// Whether a campaign has invited to it: "who was invited" is told when it is cancelled.
    var isTold = false
    /// When it came to stand so, or was moved, as far as is known here.
    var changedAt: Instant

    /// Where the teams are that are invited; empty: anywhere, or nobody is invited as a member of a team.
    var invitedUnit: String {
        guard let invitation, !invitation.isOfPeople else { return "" }
        return invitation.unit.isEmpty ? unit : invitation.unit
    }

    /// "Who is invited is told again when day, time, place, mode or invitation changed": nobody is for another trainer.
    func tells(theSameAs other: KnownTraining) -> Bool {
        condition == other.condition && heldOn == other.heldOn && startsAt == other.startsAt && place == other.place
            && mode == other.mode && invitation == other.invitation
    }

    /// "Is to be held, today or later", or "was cancelled before its day was over"; and changed in the filter's time.
    func fulfils(_ filter: Audience.TrainingFilter, on date: LocalDate) -> Bool {
        if condition != filter.condition || heldOn < date { return false }
        if let since = filter.changedSince, changedAt < since { return false }
        if let until = filter.changedUntil, changedAt >= until { return false }
        return true
    }

    /// Why a message about a session that does not fulfil the filter is not needed any more.
    static func reason(_ known: KnownTraining?, _ filter: Audience.TrainingFilter, on date: LocalDate) -> String {
        guard let known else { return "the session was held, or is gone" }
        if known.condition != filter.condition {
            return known.condition == .cancelled ? "the session was cancelled" : "the session is to be held"
        }
        return known.heldOn < date ? "the session's day is over" : "the session was moved, or others are invited"
    }
}

extension KnownTraining {
    /// MOOC, khóa học trực tuyến mở đại trà: the Activity reporting's `SESSION_MODE_MOOC`.
    static let mooc = 3

    /// What a message says of it.
    func values(in language: Language) -> [String: ParameterValue] {
        [
            "course_title": .text(courseTitle.onOneLine), "session_date": .date(heldOn),
            "session_when": .text(when(in: language)), "session_where": .text(place.onOneLine),
            "session_trainer": .text(trainer.onOneLine), "cancellation_reason": .text(cancellationReason.onOneLine),
        ]
    }

    /// `08:00 ngày 15/12/2026`; of a MOOC `đến hết ngày 31/12/2026`.
    private func when(in language: Language) -> String {
        let day = ParameterValue.date(heldOn).shown(in: language)
        let isVietnamese = language == .vietnamese
        if mode == Self.mooc { return "\(isVietnamese ? "đến hết ngày" : "until") \(day)" }
        return (startsAt.isEmpty ? "" : "\(startsAt) ") + "\(isVietnamese ? "ngày" : "on") \(day)"
    }
}

extension String {
    /// What people have written on several lines, as subjects and short messages can say it.
    fileprivate var onOneLine: String {
        split { $0.isWhitespace || $0.unicodeScalars.contains(where: \.isControl) }.joined(separator: " ")
    }
}
