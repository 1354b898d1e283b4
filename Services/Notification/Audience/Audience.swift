import ServiceKit

/// How a report must stand; raw values are those of the contract's `ReportCondition`.
enum ReportCondition: Int, Sendable, Hashable, CaseIterable {
    case owes = 1
    case overdue = 2
    case returned = 3
    case received = 4
    case approved = 5
}

/// Who is told about the teams of an audience; raw values are those of the contract's `AudienceRecipients`.
enum AudienceRecipients: Int, Sendable, Hashable, CaseIterable {
    case members = 1
    case communeFocalPoints = 2
    case provinceFocalPoints = 3

    /// The level of the unit whose focal points are told; raw value of the Registry's `UnitLevel`.
    var unitLevel: Int? {
        switch self {
        case .members: nil
        case .communeFocalPoints: 4
        case .provinceFocalPoints: 2
        }
    }
}

/// Role in a team; raw values are those of the Registry's `MemberRole`.
enum Role: Int, Sendable, Hashable {
    case leader = 1
    case deputy = 2
    case member = 3
}

/// Who is told: "subtree × level × role × occupation × report status".
struct Audience: Sendable, Hashable {
    struct ReportFilter: Sendable, Hashable {
        var period: Month
        var condition: ReportCondition
        /// Only reports due on this day.
        var dueOn: LocalDate?
        /// Only reports whose state changed in this time, the end excluded.
        var changedSince: Instant?
        var changedUntil: Instant?
    }

    struct PaymentFilter: Sendable, Hashable {
        var condition: PaymentCondition
        /// Only payments that came to stand so in this time, the end excluded.
        var changedSince: Instant?
        var changedUntil: Instant?
    }

    struct TrainingFilter: Sendable, Hashable {
        /// Id of the session.
        var session: String
        var condition: TrainingCondition
        /// Only if it came to stand so, or was moved, in this time, the end excluded.
        var changedSince: Instant?
        var changedUntil: Instant?
    }

    /// Id of the unit at the top.
    var unit: String
    /// Raw values of the contract's enums; empty: any.
    var levels: Set<Int> = []
    var roles: Set<Int> = []
    var occupations: Set<Int> = []
    var report: ReportFilter?
    var payment: PaymentFilter?
    /// Those whom a session invites, by its invitation alone.
    var training: TrainingFilter?
    var treeDate: LocalDate?
    var told = AudienceRecipients.members
    var isWithoutLeader = false
    /// Instead of people the Zalo groups of these purposes are told; empty: of any. Nil: people.
    var groups: Set<String>?
    /// Level by level; nil: all at once.
    var relay: Relay?

    /// "Empty: with a report filter the period's last day, else the day of sending."
    func treeDate(sending: LocalDate) -> LocalDate { treeDate ?? report?.period.lastDay ?? sending }
}

/// What is known of one obligation to report.
struct KnownObligation: Sendable, Hashable {
    var id: String
    /// Nil: the team as a whole owes it.
    var person: String?
    var dueOn: String
    var graceUntil: String
    var isReceived: Bool
    var isReturned: Bool
    /// Neither excused nor waived.
    var isExpected: Bool
    var isApproved = false
    /// When its state changed, as far as is known here.
    var changedAt = Instant(seconds: 0)

    /// Whether the condition holds on a day.
    func fulfils(_ condition: ReportCondition, on date: LocalDate) -> Bool {
        switch condition {
        case .owes: isExpected && !isReceived
        // "by none then: MISSING": the grace days are over.
        case .overdue: isExpected && !isReceived && date.description > graceUntil
        case .returned: isReturned
        case .received: isReceived
        case .approved: isApproved
        }
    }

    func fulfils(_ filter: Audience.ReportFilter, on date: LocalDate) -> Bool {
        if let dueOn = filter.dueOn, self.dueOn != dueOn.description { return false }
        if let since = filter.changedSince, changedAt < since { return false }
        if let until = filter.changedUntil, changedAt >= until { return false }
        return fulfils(filter.condition, on: date)
    }
}

/// What is known of one team on the day of sending.
struct KnownTeam: Sendable, Hashable {
    struct Member: Sendable, Hashable {
        var person: String
        var role: Int
        var occupation: Int
    }

    var id: String
    /// Raw value of the contract's `TeamLevel`.
    var level = 0
    /// At work on the day of sending.
    var isActive: Bool
    /// Those whose membership covers the day of sending.
    var members: [Member]
    /// Of the filter's period; empty without a report filter.
    var obligations: [KnownObligation] = []
    /// Of the filter's condition; empty without a payment filter.
    var payments: [KnownPayment] = []
    /// That of the filter; nil without a training filter, and when it is not known.
    var training: KnownTraining?
    /// Persons whom it invites by name as members of this team.
    var invitees: Set<String> = []
    /// Persons whom its commune or province wants told, by the unit's level; only those that the audience asks for.
    var focalPoints: [Int: [String]] = [:]

    var hasLeader: Bool { members.contains { $0.role == Role.leader.rawValue } }
}

/// Who is told about one team, and why.
struct TeamRecipients: Sendable, Hashable {
    struct Entry: Sendable, Hashable {
        var person: String
        /// As of `DeliverySubject`.
        var matter: String
    }

    var entries: [Entry] = []
    /// Obligations that fulfil the filter.
    var reports = 0
    /// Of those, the ones for which nobody has the role to be told.
    var reportsWithoutRecipient = 0
}

extension Audience {
    /// The recipients of one team, as a function of what is known of it.
    func recipients(of team: KnownTeam, on date: LocalDate) -> TeamRecipients {
        var result = TeamRecipients()
        if isWithoutLeader, !team.isActive || team.hasLeader { return result }
        if let relay {
            result.entries = relay.steps(of: team, occupations: occupations).flatMap(\.people)
                .map { .init(person: $0, matter: "") }
            return result
        }
        let focalPoints = told.unitLevel.flatMap { team.focalPoints[$0] } ?? []
        /// "Where a team as a whole owes it, or is paid, its leader is told; …; where a person, that person."
        func concerned(_ person: String?, by matter: String) -> [TeamRecipients.Entry] {
            told == .members
                ? members(concerned: person, by: matter, team) : focalPoints.map { .init(person: $0, matter: matter) }
        }
        if let payment {
            for known in team.payments where known.fulfils(payment) {
                result.entries += concerned(known.person, by: known.id)
            }
            return result
        }
        if let training {
            guard team.isActive, let known = team.training, known.fulfils(training, on: date),
                let invitation = known.invitation
            else { return result }
            result.entries = distinct(team.members.filter { invitation.admits($0, of: team) }, matter: known.id)
            return result
        }
        guard let report else {
            guard team.isActive else { return result }
            result.entries =
                told == .members
                ? distinct(team.members.filter(admits), matter: "")
                : focalPoints.map { .init(person: $0, matter: "") }
            return result
        }
        for obligation in team.obligations where obligation.fulfils(report, on: date) {
            result.reports += 1
            let told = concerned(obligation.person, by: obligation.id)
            if told.isEmpty { result.reportsWithoutRecipient += 1 }
            result.entries += told
        }
        return result
    }

    /// "Where a team as a whole owes it, its leader is told; without one, its deputies. `roles` replaces this choice.
    /// Where a person owes it, that person is told."
    private func members(concerned person: String?, by matter: String, _ team: KnownTeam) -> [TeamRecipients.Entry] {
        guard let person else {
            var candidates = team.members
            if roles.isEmpty {
                let leaders = candidates.filter { $0.role == Role.leader.rawValue }
                candidates = leaders.isEmpty ? candidates.filter { $0.role == Role.deputy.rawValue } : leaders
            }
            return distinct(candidates.filter(admits), matter: matter)
        }
        // Somebody who has left since still owes the report, or is paid, and is told unless the filter asks for a role.
        let fits = roles.isEmpty && occupations.isEmpty || team.members.contains { $0.person == person && admits($0) }
        return fits ? [.init(person: person, matter: matter)] : []
    }

    private func admits(_ member: KnownTeam.Member) -> Bool {
        (roles.isEmpty || roles.contains(member.role))
            && (occupations.isEmpty || occupations.contains(member.occupation))
    }

    private func distinct(_ members: [KnownTeam.Member], matter: String) -> [TeamRecipients.Entry] {
        var seen: Set<String> = []
        return members.compactMap {
            seen.insert($0.person).inserted ? .init(person: $0.person, matter: matter) : nil
        }
    }
}
