import ServiceKit
import Storage

/// Rows of messages: the transactional outbox.
enum DeliveryStore {
    private static let columns = """
        campaign, id, person, channel, state, failure, detail, attempts, first_attempt_at, next_at, sent_at, created_at,
        updated_at
        """

    // MARK: Writing down an audience

    /// Writes a message down once, however often it is called. A recipient whom no channel reached so far, but whom this
    /// entry reaches (another of their teams has an endpoint), becomes reachable.
    static func insert(_ delivery: Delivery, about subjects: [DeliverySubject], _ transaction: WriteTransaction) throws
    {
        try transaction.execute(
            """
            INSERT INTO delivery (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, 0, NULL, ?, NULL, ?, ?)
            ON CONFLICT (campaign, id) DO UPDATE SET channel = excluded.channel, state = excluded.state,
                failure = excluded.failure, detail = excluded.detail, next_at = excluded.next_at
            WHERE delivery.channel = 0 AND excluded.channel <> 0
            """,
            [
                .text(delivery.campaign), .text(delivery.id), .text(delivery.person),
                SQLValue(delivery.channel?.rawValue ?? 0), SQLValue(delivery.state.rawValue),
                SQLValue(delivery.failure.rawValue), .text(delivery.detail), SQLValue(delivery.nextAt),
                SQLValue(delivery.createdAt), SQLValue(delivery.updatedAt),
            ])
        for subject in subjects {
            try transaction.execute(
                """
                INSERT INTO delivery_subject (delivery, team, obligation) VALUES (?, ?, ?)
                ON CONFLICT (delivery, team, obligation) DO NOTHING
                """, [.text(delivery.id), .text(subject.team), .text(subject.obligation)])
        }
    }

    // MARK: Reading

    static func get(campaign: String, id: String, _ transaction: ReadTransaction) throws -> Delivery? {
        try transaction.queryOne(
            "SELECT \(columns) FROM delivery WHERE campaign = ? AND id = ?", [.text(campaign), .text(id)], delivery)
    }

    static func page(
        campaign: String, after: String, states: [DeliveryState], limit: Int, _ transaction: ReadTransaction
    ) throws -> [Delivery] {
        var sql = "SELECT \(columns) FROM delivery WHERE campaign = ? AND id > ?"
        var bindings: [SQLValue] = [.text(campaign), .text(after)]
        if !states.isEmpty {
            sql += " AND state IN (\(states.map { _ in "?" }.joined(separator: ", ")))"
            bindings += states.map { SQLValue($0.rawValue) }
        }
        bindings.append(SQLValue(limit))
        return try transaction.query(sql + " ORDER BY id LIMIT ?", bindings, delivery)
    }

    static func subjects(_ delivery: String, _ transaction: ReadTransaction) throws -> [DeliverySubject] {
        try transaction.query(
            "SELECT team, obligation FROM delivery_subject WHERE delivery = ? ORDER BY team, obligation",
            [.text(delivery)]
        ) { DeliverySubject(team: try $0.text(0), obligation: try $0.text(1)) }
    }

    static func attempts(_ delivery: String, _ transaction: ReadTransaction) throws -> [DeliveryAttempt] {
        try transaction.query(
            """
            SELECT number, channel, started_at, ended_at, outcome, failure, reply_code, detail FROM delivery_attempt
            WHERE delivery = ? ORDER BY number
            """, [.text(delivery)]
        ) { row in
            DeliveryAttempt(
                number: try row.int(0), channel: ChannelKind(rawValue: try row.int(1)) ?? .email,
                startedAt: try row.instant(2),
                endedAt: try row.instantOrNull(3),
                outcome: SendOutcome.Kind(rawValue: try row.int(4)),
                failure: FailureClass(rawValue: try row.int(5)) ?? .none, replyCode: try row.int(6),
                detail: try row.text(7))
        }
    }

    struct Count: Sendable, Hashable {
        var state: DeliveryState
        var failure: FailureClass
        var count: Int
    }

    static func counts(campaign: String, _ transaction: ReadTransaction) throws -> [Count] {
        try transaction.query(
            """
            SELECT state, failure, count(*) FROM delivery WHERE campaign = ?
            GROUP BY state, failure ORDER BY state, failure
            """, [.text(campaign)]
        ) { row in
            Count(
                state: DeliveryState(rawValue: try row.int(0)) ?? .queued,
                failure: FailureClass(rawValue: try row.int(1)) ?? .none, count: try row.int(2))
        }
    }

    // MARK: The outbox

    /// Messages of a channel at which somebody must look now, those that waited longest first.
    static func due(campaign: String, channel: ChannelKind, now: Instant, limit: Int, _ transaction: ReadTransaction)
        throws
        -> [Delivery]
    {
        try transaction.query(
            """
            SELECT \(columns) FROM delivery WHERE campaign = ? AND channel = ? AND next_at <= ?
            ORDER BY next_at, id LIMIT ?
            """, [.text(campaign), SQLValue(channel.rawValue), SQLValue(now), SQLValue(limit)], delivery)
    }

    /// When somebody must look at the next one; nil: all of the channel's messages have come to an end.
    static func nextDue(campaign: String, channel: ChannelKind, _ transaction: ReadTransaction) throws -> Instant? {
        try transaction.queryOne(
            """
            SELECT next_at FROM delivery WHERE campaign = ? AND channel = ? AND next_at IS NOT NULL
            ORDER BY next_at LIMIT 1
            """, [.text(campaign), SQLValue(channel.rawValue)]
        ) { try $0.instant(0) }
    }

    /// Whether any message still goes on by itself.
    static func isMoving(campaign: String, _ transaction: ReadTransaction) throws -> Bool {
        for channel in ChannelKind.allCases where try nextDue(campaign: campaign, channel: channel, transaction) != nil
        {
            return true
        }
        return false
    }

    /// Stores a transition. `attempts` and `firstAttemptAt` change with a claim only.
    static func update(
        _ delivery: Delivery, to transition: DeliveryMachine.Transition, now: Instant, _ transaction: WriteTransaction
    ) throws {
        try transaction.execute(
            """
            UPDATE delivery SET channel = ?, state = ?, failure = ?, detail = ?, attempts = ?, first_attempt_at = ?,
                next_at = ?, sent_at = ?, updated_at = ? WHERE campaign = ? AND id = ?
            """,
            [
                SQLValue(delivery.channel?.rawValue ?? 0), SQLValue(transition.state.rawValue),
                SQLValue(transition.failure.rawValue), .text(transition.detail), SQLValue(delivery.attempts),
                SQLValue(delivery.firstAttemptAt), SQLValue(transition.nextAt),
                SQLValue(transition.state == .sent ? now : nil), SQLValue(now),
                .text(delivery.campaign), .text(delivery.id),
            ])
        transaction.notify(CampaignSignal.channel(delivery.campaign))
    }

    static func begin(_ attempt: DeliveryAttempt, of delivery: String, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            INSERT INTO delivery_attempt
                (delivery, number, channel, started_at, ended_at, outcome, failure, reply_code, detail)
            VALUES (?, ?, ?, ?, NULL, 0, 0, 0, '')
            """,
            [
                .text(delivery), SQLValue(attempt.number), SQLValue(attempt.channel.rawValue),
                SQLValue(attempt.startedAt),
            ])
    }

    static func end(
        _ number: Int, of delivery: String, _ outcome: SendOutcome, now: Instant, _ transaction: WriteTransaction
    ) throws {
        try transaction.execute(
            """
            UPDATE delivery_attempt SET ended_at = ?, outcome = ?, failure = ?, reply_code = ?, detail = ?
            WHERE delivery = ? AND number = ?
            """,
            [
                SQLValue(now), SQLValue(outcome.kind.rawValue), SQLValue(outcome.failure.rawValue),
                SQLValue(outcome.replyCode), .text(outcome.detail), .text(delivery), SQLValue(number),
            ])
    }

    /// The sender of a try was killed, or hangs: what came of it is unknown.
    static func interrupt(_ number: Int, of delivery: String, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "UPDATE delivery_attempt SET outcome = ?, failure = ? WHERE delivery = ? AND number = ? AND outcome = 0",
            [
                SQLValue(SendOutcome.Kind.ambiguous.rawValue), SQLValue(FailureClass.interrupted.rawValue),
                .text(delivery), SQLValue(number),
            ])
    }

    /// Cancels up to `limit` messages that wait; how many there were.
    static func cancelWaiting(
        campaign: String, reason: String, now: Instant, limit: Int, _ transaction: WriteTransaction
    )
        throws -> Int
    {
        let waiting = DeliveryState.allCases.filter(\.waits).map { String($0.rawValue) }.joined(separator: ", ")
        let changed = try transaction.execute(
            """
            UPDATE delivery SET state = ?, failure = 0, detail = ?, next_at = NULL, updated_at = ?
            WHERE campaign = ? AND id IN (
                SELECT id FROM delivery WHERE campaign = ? AND state IN (\(waiting)) ORDER BY id LIMIT ?)
            """,
            [
                SQLValue(DeliveryState.cancelled.rawValue), .text(reason), SQLValue(now), .text(campaign),
                .text(campaign), SQLValue(limit),
            ])
        if changed > 0 { transaction.notify(CampaignSignal.channel(campaign)) }
        return changed
    }

    private static func delivery(_ row: Row) throws -> Delivery {
        Delivery(
            campaign: try row.text(0), id: try row.text(1), person: try row.text(2),
            channel: ChannelKind(rawValue: try row.int(3)),
            state: DeliveryState(rawValue: try row.int(4)) ?? .failed,
            failure: FailureClass(rawValue: try row.int(5)) ?? .none, detail: try row.text(6), attempts: try row.int(7),
            firstAttemptAt: try row.instantOrNull(8),
            nextAt: try row.instantOrNull(9),
            sentAt: try row.instantOrNull(10),
            createdAt: try row.instant(11), updatedAt: try row.instant(12))
    }
}
