import ServiceKit
import Storage

/// What senders take out of the outbox, and what they put back.
extension DeliveryStore {
    /// Messages of a channel at which somebody must look now, those that waited longest first.
    ///
    /// On PostgreSQL they are locked, and those that another sender has locked are left to it: "dispatch uses FOR
    /// UPDATE SKIP LOCKED". SQLite has one writer at a time.
    static func due(campaign: String, lane: Lane, now: Instant, limit: Int, _ transaction: WriteTransaction) throws
        -> [Delivery]
    {
        let lock = transaction.dialect == .postgres ? " FOR UPDATE SKIP LOCKED" : ""
        return try transaction.query(
            """
            SELECT \(columns) FROM delivery WHERE campaign = ? AND channel = ? AND account = ? AND next_at <= ?
            ORDER BY next_at, id LIMIT ?\(lock)
            """,
            [
                .text(campaign), SQLValue(lane.channel.rawValue), .text(lane.account), SQLValue(now), SQLValue(limit),
            ], delivery)
    }

    /// Messages whose sender was killed, or hangs, of whatever lane.
    static func expired(campaign: String, now: Instant, limit: Int, _ transaction: ReadTransaction) throws -> [Delivery]
    {
        try transaction.query(
            "SELECT \(columns) FROM delivery WHERE campaign = ? AND state = ? AND next_at <= ? ORDER BY id LIMIT ?",
            [.text(campaign), SQLValue(DeliveryState.claimed.rawValue), SQLValue(now), SQLValue(limit)], delivery)
    }

    /// When the next lease of a campaign ends; nil: nothing is under way.
    static func nextLeaseEnd(campaign: String, _ transaction: ReadTransaction) throws -> Instant? {
        try transaction.queryOne(
            "SELECT min(next_at) FROM delivery WHERE campaign = ? AND state = ?",
            [.text(campaign), SQLValue(DeliveryState.claimed.rawValue)]
        ) { try $0.instantOrNull(0) } ?? nil
    }

    /// When somebody must look at the next one; nil: all of the channel's messages have come to an end.
    static func nextDue(campaign: String, lane: Lane, _ transaction: ReadTransaction) throws -> Instant? {
        try transaction.queryOne(
            """
            SELECT next_at FROM delivery WHERE campaign = ? AND channel = ? AND account = ? AND next_at IS NOT NULL
            ORDER BY next_at LIMIT 1
            """, [.text(campaign), SQLValue(lane.channel.rawValue), .text(lane.account)]
        ) { try $0.instant(0) }
    }

    /// Whether any message still goes on by itself.
    static func isMoving(campaign: String, _ transaction: ReadTransaction) throws -> Bool {
        try transaction.exists(
            "SELECT 1 FROM delivery WHERE campaign = ? AND next_at IS NOT NULL LIMIT 1", [.text(campaign)])
    }

    /// Stores a transition. `attempts` and `firstAttemptAt` change with a claim only, the lane with a fallback or a
    /// decision, what the provider said with the outcome of a try.
    static func update(
        _ delivery: Delivery, to transition: DeliveryMachine.Transition, now: Instant, _ transaction: WriteTransaction
    ) throws {
        try transaction.execute(
            """
            UPDATE delivery SET channel = ?, account = ?, state = ?, failure = ?, detail = ?, attempts = ?,
                first_attempt_at = ?, next_at = ?, sent_at = ?, provider_id = ?, cost = ?, delivered_at = ?, read_at = ?,
                acknowledged_at = ?, relay_level = ?, updated_at = ? WHERE campaign = ? AND id = ?
            """,
            [
                SQLValue(delivery.channel?.rawValue ?? 0), .text(delivery.account),
                SQLValue(transition.state.rawValue),
                SQLValue(transition.failure.rawValue), .text(transition.detail), SQLValue(delivery.attempts),
                SQLValue(delivery.firstAttemptAt), SQLValue(transition.nextAt),
                SQLValue(transition.state == .sent ? now : delivery.sentAt), .text(delivery.providerID),
                SQLValue(delivery.cost), SQLValue(delivery.deliveredAt), SQLValue(delivery.readAt),
                SQLValue(delivery.acknowledgedAt), SQLValue(delivery.relayLevel?.rawValue ?? 0), SQLValue(now),
                .text(delivery.campaign), .text(delivery.id),
            ])
        transaction.notify(CampaignSignal.channel(delivery.campaign))
    }

    static func begin(_ attempt: DeliveryAttempt, of delivery: String, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            INSERT INTO delivery_attempt
                (delivery, number, channel, account, started_at, ended_at, outcome, failure, reply_code, detail)
            VALUES (?, ?, ?, ?, ?, NULL, 0, 0, 0, '')
            """,
            [
                .text(delivery), SQLValue(attempt.number), SQLValue(attempt.lane.channel.rawValue),
                .text(attempt.lane.account), SQLValue(attempt.startedAt),
            ])
    }

    static func end(
        _ number: Int, of delivery: String, _ outcome: SendOutcome, now: Instant, _ transaction: WriteTransaction
    ) throws {
        try transaction.execute(
            """
            UPDATE delivery_attempt SET ended_at = ?, outcome = ?, failure = ?, reply_code = ?, detail = ?,
                provider_id = ?, cost = ?
            WHERE delivery = ? AND number = ?
            """,
            [
                SQLValue(now), SQLValue(outcome.kind.rawValue), SQLValue(outcome.failure.rawValue),
                SQLValue(outcome.replyCode), .text(outcome.detail), .text(outcome.providerID), SQLValue(outcome.cost),
                .text(delivery), SQLValue(number),
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
}
