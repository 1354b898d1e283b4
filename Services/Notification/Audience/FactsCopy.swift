import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import Telemetry

/// Applies events of the other services' feeds to the copies. Each event carries the whole state of its aggregate, so
/// applying replaces what was known of it; the caller stores the cursor in the same transaction.
enum FactsCopy {
    enum Topic: String, CaseIterable {
        case registryFacts = "registry.facts"
        case registryContacts = "registry.contacts"
        case activityFacts = "activity.facts"
        case fundingFacts = "funding.facts"
    }

    /// - Parameter now: When it is applied: rules look at what has changed since they looked last.
    static func apply(_ event: FeedEvent, now: Instant, _ transaction: WriteTransaction) throws {
        let origin = Causes.kept(event.traceparent)
        let hearing = Hearing(origin: origin, recordedAt: Instant(microseconds: event.recordedAt), heardAt: now)
        if event.isTombstone {
            try forget(event.aggregate, transaction)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_UnitFact.self) {
            try apply(fact, transaction)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_TeamFact.self) {
            try apply(fact, from: origin, transaction)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_MembershipFact.self) {
            try apply(fact, transaction)
        } else if let fact = try event.payload(as: Cdt_Registry_V1_ContactFact.self) {
            try apply(fact, from: origin, transaction)
        } else if let fact = try event.payload(as: Cdt_Activity_V1_ObligationFact.self) {
            try apply(fact, hearing, transaction)
        } else if let fact = try event.payload(as: Cdt_Activity_V1_TrainingSessionFact.self) {
            try TrainingCopy.apply(fact, hearing, transaction)
        } else if let fact = try event.payload(as: Cdt_Funding_V1_PaymentFact.self) {
            try apply(fact, hearing, transaction)
        }
        // Facts of kinds that a newer release sends and this one does not know are not needed here.
    }

    private static func apply(_ fact: Cdt_Registry_V1_UnitFact, _ transaction: WriteTransaction) throws {
        let unit = ResourceName.lastID(fact.unit.name)
        let days = try Days(from: fact.unit.validFrom, to: fact.unit.validTo)
        try transaction.execute(
            """
            INSERT INTO known_unit (id, level, display_name, first_day, end_day) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET level = excluded.level, display_name = excluded.display_name,
                first_day = excluded.first_day, end_day = excluded.end_day
            """,
            [.text(unit), SQLValue(fact.unit.level.rawValue), .text(fact.unit.displayName), days.first, days.end])
        try transaction.execute("DELETE FROM known_unit_placement WHERE unit = ?", [.text(unit)])
        for placement in fact.placements {
            let days = try Days(from: placement.from, to: placement.to)
            try transaction.execute(
                "INSERT INTO known_unit_placement (unit, first_day, end_day, parent) VALUES (?, ?, ?, ?)",
                [.text(unit), days.first, days.end, .text(ResourceName.lastID(placement.parent))])
        }
        try transaction.execute("DELETE FROM known_unit_successor WHERE unit = ?", [.text(unit)])
        for successor in Set(fact.unit.successors) {
            try transaction.execute(
                "INSERT INTO known_unit_successor (unit, successor) VALUES (?, ?)",
                [.text(unit), .text(ResourceName.lastID(successor))])
        }
    }

    private static func apply(
        _ fact: Cdt_Registry_V1_TeamFact, from origin: String, _ transaction: WriteTransaction
    ) throws {
        let team = ResourceName.lastID(fact.team)
        try transaction.execute(
            """
            INSERT INTO known_team (id, level, display_name, traceparent) VALUES (?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET level = excluded.level, display_name = excluded.display_name,
                traceparent = excluded.traceparent
            """,
            [.text(team), SQLValue(fact.level.rawValue), .text(fact.displayName), .text(origin)])
        try transaction.execute("DELETE FROM known_team_status WHERE team = ?", [.text(team)])
        for period in fact.statusHistory {
            let days = try Days(from: period.from, to: period.to)
            try transaction.execute(
                "INSERT INTO known_team_status (team, first_day, end_day, status) VALUES (?, ?, ?, ?)",
                [.text(team), days.first, days.end, SQLValue(period.status.rawValue)])
        }
        try transaction.execute("DELETE FROM known_team_placement WHERE team = ?", [.text(team)])
        for placement in fact.placements {
            let days = try Days(from: placement.from, to: placement.to)
            try transaction.execute(
                "INSERT INTO known_team_placement (team, first_day, end_day, unit) VALUES (?, ?, ?, ?)",
                [.text(team), days.first, days.end, .text(ResourceName.lastID(placement.unit))])
        }
    }

    private static func apply(_ fact: Cdt_Registry_V1_MembershipFact, _ transaction: WriteTransaction) throws {
        let membership = ResourceName.lastID(fact.membership)
        guard !fact.void else {
            try transaction.execute("DELETE FROM known_membership WHERE id = ?", [.text(membership)])
            return
        }
        let days = try Days(from: fact.from, to: fact.to)
        try transaction.execute(
            """
            INSERT INTO known_membership (id, team, person, role, occupation, first_day, end_day)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET team = excluded.team, person = excluded.person, role = excluded.role,
                occupation = excluded.occupation, first_day = excluded.first_day, end_day = excluded.end_day
            """,
            [
                .text(membership), .text(ResourceName.lastID(fact.team)), .text(ResourceName.lastID(fact.person)),
                SQLValue(fact.role.rawValue), SQLValue(fact.occupation.rawValue), days.first, days.end,
            ])
    }

    private static func apply(
        _ fact: Cdt_Registry_V1_ContactFact, from origin: String, _ transaction: WriteTransaction
    ) throws {
        try transaction.execute(
            """
            INSERT INTO known_contact (person, full_name, email, phones, zalo_user_ids, traceparent)
            VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (person) DO UPDATE SET full_name = excluded.full_name, email = excluded.email,
                phones = excluded.phones, zalo_user_ids = excluded.zalo_user_ids, traceparent = excluded.traceparent
            """,
            [
                .text(ResourceName.lastID(fact.person)), .text(fact.fullName), .text(fact.email),
                .text(fact.phones.joined(separator: "\n")), .text(fact.zaloUserIds.joined(separator: "\n")),
                .text(origin),
            ])
    }

    /// One that the province accepts has been approved since the commune did: rules tell of that once.
    private static func apply(
        _ fact: Cdt_Activity_V1_ObligationFact, _ hearing: Hearing, _ transaction: WriteTransaction
    ) throws {
        let obligation = ResourceName.lastID(fact.obligation)
        guard !fact.void else {
            try transaction.execute("DELETE FROM known_obligation WHERE id = ?", [.text(obligation)])
            return
        }
        let received = fact.hasReceivedAt ? Instant(fact.receivedAt).microseconds : nil
        try transaction.execute(
            """
            INSERT INTO known_obligation
                (id, team, person, period, due_on, grace_until, received_at, report_state, expected, \(Hearing.columns))
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET team = excluded.team, person = excluded.person, period = excluded.period,
                due_on = excluded.due_on, grace_until = excluded.grace_until, received_at = excluded.received_at,
                expected = excluded.expected, report_state = excluded.report_state, \(Hearing.replacing(
                    in: "known_obligation",
                    unless: """
                        known_obligation.report_state = excluded.report_state
                            OR (known_obligation.report_state IN (3, 4) AND excluded.report_state IN (3, 4))
                        """))
            """,
            [
                .text(obligation), .text(ResourceName.lastID(fact.team)),
                SQLValue(fact.person.isEmpty ? nil : ResourceName.lastID(fact.person)), .text(fact.period),
                .text(fact.dueOn), .text(fact.graceUntil), SQLValue(received), SQLValue(fact.reportState.rawValue),
                SQLValue(fact.setAside == .unspecified),
            ] + hearing.values)
    }

    /// Kept while there is something to tell of it: one that was given up, or is owed again, is gone.
    private static func apply(
        _ fact: Cdt_Funding_V1_PaymentFact, _ hearing: Hearing, _ transaction: WriteTransaction
    ) throws {
        let condition: PaymentCondition
        switch fact.payment.state {
        case .reserved: condition = .approved
        case .paid, .settled: condition = .paid
        case .returned: condition = .returned
        case .unspecified, .failed, .reopened, .UNRECOGNIZED:
            return try PaymentCopy.delete(ResourceName.lastID(fact.payment.name), transaction)
        }
        let person = fact.payment.person
        try PaymentCopy.put(
            KnownPayment(
                id: ResourceName.lastID(fact.payment.name), team: ResourceName.lastID(fact.payment.team),
                person: person.isEmpty ? nil : ResourceName.lastID(person), amount: fact.payment.amountDong,
                year: Int(fact.year), policyTitle: fact.policyTitle, policyTitleVi: fact.policyTitleVi,
                condition: condition, changedAt: hearing.changedAt), hearing, transaction)
    }

    /// The aggregate has left our sight.
    private static func forget(_ aggregate: String, _ transaction: WriteTransaction) throws {
        let id = SQLValue.text(ResourceName.lastID(aggregate))
        let statements: [String]
        if aggregate.contains("/memberships/") {
            statements = ["DELETE FROM known_membership WHERE id = ?"]
        } else if aggregate.hasPrefix("teams/") {
            statements = [
                "DELETE FROM known_team WHERE id = ?", "DELETE FROM known_team_status WHERE team = ?",
                "DELETE FROM known_team_placement WHERE team = ?",
            ]
        } else if aggregate.hasPrefix("units/") {
            statements = [
                "DELETE FROM known_unit WHERE id = ?", "DELETE FROM known_unit_placement WHERE unit = ?",
                "DELETE FROM known_unit_successor WHERE unit = ?",
            ]
        } else if aggregate.hasPrefix("people/") {
            try TicketStore.erase(person: ResourceName.lastID(aggregate), transaction)
            statements = [
                "DELETE FROM known_contact WHERE person = ?", "DELETE FROM opt_out WHERE person = ?",
                "DELETE FROM focal_point WHERE person = ?", "DELETE FROM known_payment WHERE person = ?",
                "DELETE FROM zalo_writer WHERE person = ?", "DELETE FROM known_training_invitee WHERE person = ?",
            ]
        } else if aggregate.hasPrefix("obligations/") {
            statements = ["DELETE FROM known_obligation WHERE id = ?"]
        } else if aggregate.hasPrefix("paymentInstructions/") {
            statements = ["DELETE FROM known_payment WHERE id = ?"]
        } else if aggregate.hasPrefix("trainingSessions/") {
            statements = [
                "DELETE FROM known_training_invitee WHERE training = ?", "DELETE FROM known_training WHERE id = ?",
            ]
        } else {
            statements = []
        }
        for statement in statements { try transaction.execute(statement, [id]) }
    }
}

/// Where a fact comes from, and when: for spans, and for the rules that tell of changes.
struct Hearing: Sendable {
    /// The `traceparent` of the call that it comes from.
    let origin: String
    let recordedAt: Instant
    /// Since when it counts as changed, if it is a change.
    let changedAt: Instant

    init(origin: String, recordedAt: Instant, heardAt: Instant) {
        (self.origin, self.recordedAt) = (origin, recordedAt)
        changedAt = RuleClock.changedAt(recordedAt: recordedAt, heardAt: heardAt)
    }

    static let columns = "changed_at, recorded_at, traceparent"
    var values: [SQLValue] { [SQLValue(changedAt), SQLValue(recordedAt), .text(origin)] }

    /// What takes the place of a row's columns. Nothing has changed where the row stood so before, and where the fact
    /// is no newer than the newest one applied: a feed that is read anew from its beginning goes through what was told
    /// already.
    static func replacing(in table: String, unless isSame: String) -> String {
        """
        changed_at = CASE WHEN excluded.recorded_at <= \(table).recorded_at OR \(isSame)
                THEN \(table).changed_at ELSE excluded.changed_at END,
            recorded_at = CASE WHEN excluded.recorded_at > \(table).recorded_at
                THEN excluded.recorded_at ELSE \(table).recorded_at END,
            traceparent = excluded.traceparent
        """
    }
}

/// An inclusive interval of the contract in the half-open form of storage; an open side is the edge of the calendar.
private struct Days {
    let first: SQLValue
    let end: SQLValue

    /// Throws for a date that cannot be read: an interval taken as open would tell people who are long gone.
    init(from: String, to: String) throws {
        first = .text(try Days.date(from)?.description ?? LocalDate.distantPast.description)
        end = .text(try Days.date(to)?.next.description ?? LocalDate.distantFuture.description)
    }

    private static func date(_ text: String) throws -> LocalDate? {
        if text.isEmpty { return nil }
        guard let date = LocalDate(text) else { throw StorageError.corrupt("a fact has the date \"\(text)\"") }
        return date
    }
}
