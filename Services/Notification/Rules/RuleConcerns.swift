import ServiceKit
import Storage

/// What a rule has to tell of in its unit and what is under it: one that has nothing to tell makes no campaign.
enum RuleConcerns {
    /// The periods, and the days on which they were due, of which it has something to tell on a day.
    static func reports(_ rule: Rule, day: LocalDate, until: Instant, _ transaction: ReadTransaction) throws -> [(
        period: Month, dueOn: LocalDate
    )] {
        var condition = "o.expected = 1 AND o.received_at IS NULL"
        var bindings: [SQLValue]
        if let dueOn = RuleClock.dueOn(rule, day: day) {
            condition += " AND o.due_on = ?"
            bindings = [SQLValue(dueOn)]
        } else if let graceUntil = RuleClock.graceUntil(rule, day: day) {
            condition += " AND o.grace_until = ?"
            bindings = [SQLValue(graceUntil)]
        } else {
            let states = rule.kind == .reportReturned ? "5" : "3, 4"
            condition = "o.report_state IN (\(states)) AND o.changed_at >= ? AND o.changed_at < ?"
            bindings = [SQLValue(rule.lookedAt), SQLValue(until)]
        }
        let anywhere = try transaction.query(
            "SELECT DISTINCT o.period, o.due_on FROM known_obligation o WHERE \(condition) ORDER BY o.period, o.due_on",
            bindings
        ) { (period: try $0.month(0), dueOn: try $0.date(1)) }
        return try anywhere.filter { period, dueOn in
            let audience = Audience(unit: rule.unit, report: .init(period: period, condition: .owes))
            return try hasTeam(
                audience, sending: day,
                "JOIN known_obligation o ON o.team = p.team AND o.period = ? AND o.due_on = ? AND \(condition)",
                [SQLValue(period), SQLValue(dueOn)] + bindings, transaction)
        }
    }

    /// Whether payments have come to stand as the rule waits for.
    static func hasPayments(
        _ rule: Rule, _ condition: PaymentCondition, today: LocalDate, until: Instant, _ transaction: ReadTransaction
    ) throws -> Bool {
        try hasTeam(
            Audience(unit: rule.unit), sending: today,
            """
            JOIN known_payment k ON k.team = p.team AND k.standing = ? AND k.changed_at >= ? AND k.changed_at < ?
            """, [SQLValue(condition.rawValue), SQLValue(rule.lookedAt), SQLValue(until)], transaction)
    }

    /// The sessions that have come to stand as the rule waits for, and the unit in which those invited are told: that
    /// of the rule or, where it lies under it, that of the invitation.
    static func trainings(
        _ rule: Rule, _ condition: TrainingCondition, today: LocalDate, until: Instant, _ transaction: ReadTransaction
    ) throws -> [(session: String, unit: String)] {
        try TrainingCopy.changed(
            to: condition, since: rule.lookedAt, until: until, heldFrom: today, transaction
        ).compactMap { training in
            // Nobody was invited to a session that was cancelled before its invitation went out.
            guard condition == .planned || training.isTold else { return nil }
            let isUnder = try AudienceStore.path(ofUnit: training.invitedUnit, on: today, transaction)
                .contains(rule.unit)
            let unit = isUnder ? training.invitedUnit : rule.unit
            let audience = Audience(unit: unit, training: .init(session: training.id, condition: condition))
            return try AudienceStore.hasTeams(audience, treeDate: today, transaction) ? (training.id, unit) : nil
        }
    }

    /// Whether a team is at work and has no leader.
    static func hasTeamWithoutLeader(_ rule: Rule, today: LocalDate, _ transaction: ReadTransaction) throws -> Bool {
        let day = SQLValue(today)
        return try hasTeam(
            Audience(unit: rule.unit), sending: today,
            """
            JOIN known_team_status t ON t.team = p.team AND t.first_day <= ? AND ? < t.end_day AND t.status = 2
            WHERE NOT EXISTS (
                SELECT 1 FROM known_membership m WHERE m.team = p.team AND m.role = ? AND m.first_day <= ?
                    AND ? < m.end_day)
            """, [day, day, SQLValue(Role.leader.rawValue), day, day], transaction)
    }

    /// Whether one of the audience's teams has the matter that is joined to its placement `p`.
    private static func hasTeam(
        _ audience: Audience, sending day: LocalDate, _ matter: String, _ bindings: [SQLValue],
        _ transaction: ReadTransaction
    ) throws -> Bool {
        let treeDate = audience.treeDate(sending: day)
        let date = SQLValue(treeDate)
        let (subtree, units) = try AudienceStore.subtree(of: audience.unit, on: treeDate, transaction)
        return try transaction.exists(
            """
            \(subtree)
            SELECT 1 FROM subtree s
            JOIN known_team_placement p ON p.unit = s.id AND p.first_day <= ? AND ? < p.end_day
            \(matter) LIMIT 1
            """, units + [date, date] + bindings)
    }
}
