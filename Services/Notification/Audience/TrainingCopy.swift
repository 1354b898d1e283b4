import ServiceKit
import Shared
import Storage

/// One person who is invited by name.
struct Invitee: Sendable, Hashable {
    var team: String
    var person: String
}

/// Rows of the copy of sessions: of those that are to be held, or were cancelled. One that was held is no matter any
/// more. The others stay, as the rows of payments do.
enum TrainingCopy {
    private static let facts = """
        id, unit, standing, held_on, starts_at, place, mode, trainer, course_title, cancellation_reason, invites,
        invited_unit, invited_levels, invited_roles
        """
    private static let columns = "\(facts), told, changed_at"

    /// The column `invites`.
    private enum Invites: Int {
        case nobody = 0
        case members = 1
        case people = 2
    }

    /// Replaces what was known of a session, but neither that it was told nor, without news, since when it stands so.
    static func apply(
        _ fact: Cdt_Activity_V1_TrainingSessionFact, _ hearing: Hearing, _ transaction: WriteTransaction
    ) throws {
        guard let training = try KnownTraining(fact, changedAt: hearing.changedAt) else {
            return try delete(ResourceName.lastID(fact.session.name), transaction)
        }
        let invitees = Set(
            fact.session.invitation.invitees.map {
                Invitee(team: ResourceName.lastID($0.team), person: ResourceName.lastID($0.person))
            })
        let known = try get(training.id, transaction)
        let knownInvitees = try known.map { try self.invitees(of: $0.id, transaction) }
        let isSame = known?.tells(theSameAs: training) == true && knownInvitees == invitees
        try transaction.execute(
            """
            INSERT INTO known_training (\(facts), \(Hearing.columns))
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET unit = excluded.unit, standing = excluded.standing,
                held_on = excluded.held_on, starts_at = excluded.starts_at, place = excluded.place,
                mode = excluded.mode, trainer = excluded.trainer, course_title = excluded.course_title,
                cancellation_reason = excluded.cancellation_reason, invites = excluded.invites,
                invited_unit = excluded.invited_unit, invited_levels = excluded.invited_levels,
                invited_roles = excluded.invited_roles,
                \(Hearing.replacing(in: "known_training", unless: isSame ? "1 = 1" : "1 = 0"))
            """, row(training) + hearing.values)
        guard knownInvitees ?? [] != invitees else { return }
        try transaction.execute("DELETE FROM known_training_invitee WHERE training = ?", [.text(training.id)])
        for invitee in invitees {
            try transaction.execute(
                "INSERT INTO known_training_invitee (training, team, person) VALUES (?, ?, ?)",
                [.text(training.id), .text(invitee.team), .text(invitee.person)])
        }
    }

    static func delete(_ id: String, _ transaction: WriteTransaction) throws {
        try transaction.execute("DELETE FROM known_training_invitee WHERE training = ?", [.text(id)])
        try transaction.execute("DELETE FROM known_training WHERE id = ?", [.text(id)])
    }

    /// Notes that an audience is invited: when the session is cancelled it is told. In the transaction in which its
    /// campaign is launched.
    static func noteTold(_ audience: Audience, _ transaction: WriteTransaction) throws {
        guard let filter = audience.training, filter.condition == .planned else { return }
        try transaction.execute("UPDATE known_training SET told = 1 WHERE id = ?", [.text(filter.session)])
    }

    static func get(_ id: String, _ transaction: ReadTransaction) throws -> KnownTraining? {
        try transaction.queryOne("SELECT \(columns) FROM known_training WHERE id = ?", [.text(id)], training)
    }

    /// Those that invite somebody, are of a day or later, and have come to stand so, or were moved, in a time, the end
    /// excluded; by day.
    static func changed(
        to condition: TrainingCondition, since: Instant, until: Instant, heldFrom day: LocalDate,
        _ transaction: ReadTransaction
    ) throws -> [KnownTraining] {
        try transaction.query(
            """
            SELECT \(columns) FROM known_training
            WHERE standing = ? AND changed_at >= ? AND changed_at < ? AND held_on >= ? AND invites <> ?
            ORDER BY held_on, id
            """,
            [
                SQLValue(condition.rawValue), SQLValue(since), SQLValue(until), SQLValue(day),
                SQLValue(Invites.nobody.rawValue),
            ], training)
    }

    /// Whom a session invites by name, of all teams or of one.
    static func invitees(of id: String, team: String? = nil, _ transaction: ReadTransaction) throws -> Set<Invitee> {
        Set(
            try transaction.query(
                "SELECT team, person FROM known_training_invitee WHERE training = ?\(team == nil ? "" : " AND team = ?")",
                [.text(id)] + (team.map { [.text($0)] } ?? [])
            ) { Invitee(team: try $0.text(0), person: try $0.text(1)) })
    }

    private static func row(_ training: KnownTraining) -> [SQLValue] {
        let invitation = training.invitation
        let invites: Invites = invitation.map { $0.isOfPeople ? .people : .members } ?? .nobody
        return [
            .text(training.id), .text(training.unit), SQLValue(training.condition.rawValue), SQLValue(training.heldOn),
            .text(training.startsAt), .text(training.place), SQLValue(training.mode), .text(training.trainer),
            .text(training.courseTitle), .text(training.cancellationReason), SQLValue(invites.rawValue),
            .text(invitation?.unit ?? ""), .text(listed(invitation?.levels ?? [])),
            .text(listed(invitation?.roles ?? [])),
        ]
    }

    private static func training(_ row: Row) throws -> KnownTraining {
        guard let condition = TrainingCondition(rawValue: try row.int(2)),
            let invites = Invites(rawValue: try row.int(10))
        else { throw StorageError.corrupt("session \(try row.text(0)) stands as a newer release wrote it") }
        let invitation = TrainingInvitation(
            unit: try row.text(11), levels: numbers(try row.text(12)), roles: numbers(try row.text(13)),
            isOfPeople: invites == .people)
        return KnownTraining(
            id: try row.text(0), unit: try row.text(1), condition: condition, heldOn: try row.date(3),
            startsAt: try row.text(4), place: try row.text(5), mode: try row.int(6), trainer: try row.text(7),
            courseTitle: try row.text(8), cancellationReason: try row.text(9),
            invitation: invites == .nobody ? nil : invitation, isTold: try row.bool(14),
            changedAt: try row.instant(15))
    }

    private static func listed(_ numbers: Set<Int>) -> String {
        numbers.sorted().map(String.init).joined(separator: " ")
    }

    private static func numbers(_ list: String) -> Set<Int> { Set(list.split(separator: " ").compactMap { Int($0) }) }
}

extension KnownTraining {
    /// Nil: there is nothing to tell of it.
    fileprivate init?(_ fact: Cdt_Activity_V1_TrainingSessionFact, changedAt: Instant) throws {
        let session = fact.session
        switch session.state {
        case .planned: condition = .planned
        case .cancelled: condition = .cancelled
        case .unspecified, .held, .UNRECOGNIZED: return nil
        }
        guard let heldOn = LocalDate(session.heldOn) else {
            throw StorageError.corrupt("a fact has the date \"\(session.heldOn)\"")
        }
        id = ResourceName.lastID(session.name)
        unit = ResourceName.lastID(session.unit)
        (self.heldOn, startsAt, place) = (heldOn, session.startsAt, session.place)
        (mode, trainer) = (session.mode.rawValue, session.trainer)
        (courseTitle, cancellationReason) = (fact.course.displayName, session.cancellationReason)
        self.changedAt = changedAt
        guard session.hasInvitation else { return }
        let invitation = session.invitation
        self.invitation = TrainingInvitation(
            unit: ResourceName.lastID(invitation.unit), levels: Set(invitation.teamLevels.map(\.rawValue)),
            roles: Set(invitation.roles.map(\.rawValue)), isOfPeople: !invitation.invitees.isEmpty)
    }
}
