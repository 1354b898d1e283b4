import ServiceKit
import Storage

/// Rows of messages: the transactional outbox.
enum DeliveryStore {
    static let columns = """
        campaign, id, person, channel, state, failure, detail, attempts, first_attempt_at, next_at, sent_at, created_at,
        updated_at, account, provider_id, cost, delivered_at, read_at, acknowledged_at, relay_level
        """

    // MARK: Writing down an audience

    /// Writes a message down once, however often it is called. A recipient whom no channel reached so far, but whom
    /// this entry reaches (another of their teams has an endpoint), becomes reachable.
    static func insert(_ delivery: Delivery, about subjects: [DeliverySubject], _ transaction: WriteTransaction) throws
    {
        try transaction.execute(
            """
            INSERT INTO delivery (\(columns))
            VALUES (?, ?, ?, ?, ?, ?, ?, 0, NULL, ?, NULL, ?, ?, ?, '', 0, NULL, NULL, NULL, ?)
            ON CONFLICT (campaign, id) DO UPDATE SET channel = excluded.channel, account = excluded.account,
                state = excluded.state, failure = excluded.failure, detail = excluded.detail, next_at = excluded.next_at
            WHERE delivery.channel = 0 AND excluded.channel <> 0
            """,
            [
                .text(delivery.campaign), .text(delivery.id), .text(delivery.person),
                SQLValue(delivery.channel?.rawValue ?? 0), SQLValue(delivery.state.rawValue),
                SQLValue(delivery.failure.rawValue), .text(delivery.detail), SQLValue(delivery.nextAt),
                SQLValue(delivery.createdAt), SQLValue(delivery.updatedAt), .text(delivery.account),
                SQLValue(delivery.relayLevel?.rawValue ?? 0),
            ])
        for subject in subjects {
            try transaction.execute(
                """
                INSERT INTO delivery_subject (delivery, team, obligation) VALUES (?, ?, ?)
                ON CONFLICT (delivery, team, obligation) DO NOTHING
                """, [.text(delivery.id), .text(subject.team), .text(subject.matter)])
        }
    }

    /// "Each person is told once, at their highest level", and as early as any of their teams has it. Nothing of a
    /// campaign is sent before its whole audience is written down.
    static func raise(_ delivery: Delivery, _ transaction: WriteTransaction) throws {
        guard let level = delivery.relayLevel, let at = delivery.nextAt,
            var known = try get(campaign: delivery.campaign, id: delivery.id, transaction),
            let knownLevel = known.relayLevel, let knownAt = known.nextAt,
            level.rawValue < knownLevel.rawValue || at < knownAt
        else { return }
        known.relayLevel = level.rawValue < knownLevel.rawValue ? level : knownLevel
        let next = DeliveryMachine.Transition(
            state: at < knownAt ? delivery.state : known.state, nextAt: min(at, knownAt))
        try update(known, to: next, now: delivery.updatedAt, transaction)
    }

    // MARK: Reading

    static func get(campaign: String, id: String, _ transaction: ReadTransaction) throws -> Delivery? {
        try transaction.queryOne(
            "SELECT \(columns) FROM delivery WHERE campaign = ? AND id = ?", [.text(campaign), .text(id)], delivery)
    }

    /// By its id alone, which a provider repeats.
    static func byID(_ id: String, _ transaction: ReadTransaction) throws -> [Delivery] {
        try transaction.query("SELECT \(columns) FROM delivery WHERE id = ?", [.text(id)], delivery)
    }

    static func byProvider(_ id: String, _ transaction: ReadTransaction) throws -> [Delivery] {
        try transaction.query(
            "SELECT \(columns) FROM delivery WHERE provider_id = ? AND provider_id <> '' ORDER BY campaign, id LIMIT 10",
            [.text(id)], delivery)
    }

    /// The newest message that a person was sent.
    static func newest(of person: String, _ transaction: ReadTransaction) throws -> Delivery? {
        try transaction.queryOne(
            """
            SELECT \(columns) FROM delivery WHERE person = ? AND sent_at IS NOT NULL ORDER BY sent_at DESC, id LIMIT 1
            """, [.text(person)], delivery)
    }

    static func page(
        campaign: String, after: String, states: [DeliveryState], holds: [LaneStore.Hold] = [], limit: Int,
        _ transaction: ReadTransaction
    ) throws -> [Delivery] {
        var sql = "SELECT \(columns) FROM delivery WHERE campaign = ? AND id > ?"
        var bindings: [SQLValue] = [.text(campaign), .text(after)]
        if !states.isEmpty {
            // As `shown`: one that is QUEUED in a held lane is listed as DEFERRED.
            var shown = states.map { _ in "state = ?" }
            var values = states.map { SQLValue($0.rawValue) }
            let isHeld = holds.map { _ in "(channel = ? AND account = ?)" }.joined(separator: " OR ")
            let lanes = holds.flatMap { [SQLValue($0.lane.channel.rawValue), SQLValue.text($0.lane.account)] }
            if !holds.isEmpty, let index = states.firstIndex(of: .queued), !states.contains(.deferred) {
                shown[index] = "(state = ? AND NOT (\(isHeld)))"
                values.insert(contentsOf: lanes, at: index + 1)
            } else if !holds.isEmpty, states.contains(.deferred), !states.contains(.queued) {
                shown.append("(state = ? AND (\(isHeld)))")
                values += [SQLValue(DeliveryState.queued.rawValue)] + lanes
            }
            sql += " AND (\(shown.joined(separator: " OR ")))"
            bindings += values
        }
        bindings.append(SQLValue(limit))
        return try transaction.query(sql + " ORDER BY id LIMIT ?", bindings, delivery)
    }

    /// Messages that cannot go on by themselves, by campaign and id.
    static func stuck(
        campaign: String?, states: [DeliveryState], failure: FailureClass? = nil, after: [String]?, limit: Int,
        _ transaction: ReadTransaction
    ) throws -> [Delivery] {
        let wanted = states.isEmpty ? DeliveryState.allCases.filter(\.isStuck) : states
        // Written out, so that the index of such messages is used.
        var conditions = [
            "state IN (7, 8, 10)", "state IN (\(wanted.map { String($0.rawValue) }.joined(separator: ", ")))",
        ]
        var bindings: [SQLValue] = []
        if let campaign {
            conditions.append("campaign = ?")
            bindings.append(.text(campaign))
        }
        if let failure {
            conditions.append("failure = ?")
            bindings.append(SQLValue(failure.rawValue))
        }
        if let after, after.count == 2 {
            conditions.append("(campaign > ? OR campaign = ? AND id > ?)")
            bindings += [.text(after[0]), .text(after[0]), .text(after[1])]
        }
        bindings.append(SQLValue(limit))
        return try transaction.query(
            "SELECT \(columns) FROM delivery WHERE \(conditions.joined(separator: " AND ")) ORDER BY campaign, id LIMIT ?",
            bindings, delivery)
    }

    static func subjects(_ delivery: String, _ transaction: ReadTransaction) throws -> [DeliverySubject] {
        try transaction.query(
            "SELECT team, obligation FROM delivery_subject WHERE delivery = ? ORDER BY team, obligation",
            [.text(delivery)]
        ) { DeliverySubject(team: try $0.text(0), matter: try $0.text(1)) }
    }

    /// The teams that a message is about, ascending.
    static func teams(_ delivery: String, after team: String, limit: Int, _ transaction: ReadTransaction) throws
        -> [String]
    {
        try transaction.query(
            "SELECT DISTINCT team FROM delivery_subject WHERE delivery = ? AND team > ? ORDER BY team LIMIT ?",
            [.text(delivery), .text(team), SQLValue(limit)]
        ) { try $0.text(0) }
    }

    static func attempts(_ delivery: String, _ transaction: ReadTransaction) throws -> [DeliveryAttempt] {
        try transaction.query(
            """
            SELECT number, channel, started_at, ended_at, outcome, failure, reply_code, detail, account, provider_id, cost
            FROM delivery_attempt WHERE delivery = ? ORDER BY number
            """, [.text(delivery)]
        ) { row in
            DeliveryAttempt(
                number: try row.int(0),
                lane: Lane(channel: ChannelKind(rawValue: try row.int(1)) ?? .email, account: try row.text(8)),
                startedAt: try row.instant(2),
                endedAt: try row.instantOrNull(3),
                outcome: SendOutcome.Kind(rawValue: try row.int(4)),
                failure: FailureClass(rawValue: try row.int(5)) ?? .none, replyCode: try row.int(6),
                detail: try row.text(7), providerID: try row.text(9), cost: try row.int64(10))
        }
    }

    /// The newest message to a person that asks for an acknowledgement, has none and may have reached them.
    static func unacknowledged(of person: String, _ transaction: ReadTransaction) throws -> Delivery? {
        let out = DeliveryState.allCases.filter(\.mayHaveArrived).map { String($0.rawValue) }.joined(separator: ", ")
        return try transaction.queryOne(
            """
            SELECT \(columns) FROM delivery WHERE person = ? AND acknowledged_at IS NULL AND state IN (\(out))
                AND campaign IN (SELECT id FROM campaign WHERE acknowledge = 1)
            ORDER BY updated_at DESC, id LIMIT 1
            """, [.text(person)], delivery)
    }

    /// How many of some messages were handed over, arrived, were opened and were acknowledged.
    struct Reach: Sendable, Hashable {
        var level: RelayLevel?
        var recipients = 0
        var waiting = 0
        var sent = 0
        var delivered = 0
        var read = 0
        var acknowledged = 0
    }

    /// By level of the relay, from the top; one row without a relay.
    static func reach(campaign: String, _ transaction: ReadTransaction) throws -> [Reach] {
        try reach("campaign = ?", .text(campaign), transaction)
    }

    /// Over all campaigns that published an article.
    static func reach(article: String, _ transaction: ReadTransaction) throws -> Reach {
        let rows = try reach("campaign IN (SELECT id FROM campaign WHERE article = ?)", .text(article), transaction)
        return rows.reduce(into: Reach()) { sum, row in
            sum.recipients += row.recipients
            sum.waiting += row.waiting
            sum.sent += row.sent
            sum.delivered += row.delivered
            sum.read += row.read
            sum.acknowledged += row.acknowledged
        }
    }

    private static func reach(_ condition: String, _ value: SQLValue, _ transaction: ReadTransaction) throws -> [Reach]
    {
        let waits = DeliveryState.allCases.filter(\.waits).map { String($0.rawValue) }.joined(separator: ", ")
        return try transaction.query(
            """
            SELECT relay_level, count(*), CAST(sum(CASE WHEN state IN (\(waits)) THEN 1 ELSE 0 END) AS BIGINT),
                count(sent_at), count(delivered_at), count(read_at), count(acknowledged_at)
            FROM delivery WHERE \(condition) GROUP BY relay_level ORDER BY relay_level
            """, [value]
        ) { row in
            Reach(
                level: RelayLevel(rawValue: try row.int(0)), recipients: try row.int(1), waiting: try row.int(2),
                sent: try row.int(3), delivered: try row.int(4), read: try row.int(5), acknowledged: try row.int(6))
        }
    }

    struct Count: Sendable, Hashable {
        var state: DeliveryState
        var failure: FailureClass
        var count: Int
        var cost: Int64 = 0
    }

    /// Messages by state as they are shown: one that is QUEUED while its lane is held is DEFERRED.
    static func counts(campaign: String, holds: [LaneStore.Hold] = [], _ transaction: ReadTransaction) throws -> [Count]
    {
        let rows = try transaction.query(
            """
            SELECT state, failure, channel, account, count(*), CAST(sum(cost) AS BIGINT) FROM delivery WHERE campaign = ?
            GROUP BY state, failure, channel, account
            """, [.text(campaign)]
        ) { row in
            let account = try row.text(3)
            let lane = ChannelKind(rawValue: try row.int(2)).map { Lane(channel: $0, account: account) }
            let state = DeliveryState(rawValue: try row.int(0)) ?? .queued
            let failure = FailureClass(rawValue: try row.int(1)) ?? .none
            let shown = shown(state, failure, lane, holds)
            return Count(state: shown.state, failure: shown.failure, count: try row.int(4), cost: try row.int64(5))
        }
        var sums: [[Int]: Count] = [:]
        for row in rows {
            var sum =
                sums[[row.state.rawValue, row.failure.rawValue]]
                ?? Count(
                    state: row.state, failure: row.failure, count: 0)
            sum.count += row.count
            sum.cost += row.cost
            sums[[row.state.rawValue, row.failure.rawValue]] = sum
        }
        return sums.values.sorted {
            ($0.state.rawValue, $0.failure.rawValue) < ($1.state.rawValue, $1.failure.rawValue)
        }
    }

    /// Of the campaigns that the dispatcher has something to do for; from the index of states alone.
    static func countUnderWay(_ transaction: ReadTransaction) throws -> [DeliveryState: Int] {
        try byState(
            """
            SELECT d.state, count(*) FROM campaign c JOIN delivery d ON d.campaign = c.id WHERE c.active = 1
            GROUP BY d.state
            """, transaction)
    }

    /// Those that `stuck` lists, by the same index.
    static func countStuck(_ transaction: ReadTransaction) throws -> [DeliveryState: Int] {
        try byState(
            "SELECT state, count(*) FROM delivery WHERE state IN (7, 8, 10) GROUP BY state", transaction)
    }

    private static func byState(_ sql: String, _ transaction: ReadTransaction) throws -> [DeliveryState: Int] {
        let rows = try transaction.query(sql, []) { row in (try row.int(0), try row.int(1)) }
        return rows.reduce(into: [:]) { counts, row in
            if let state = DeliveryState(rawValue: row.0) { counts[state] = row.1 }
        }
    }

    /// A whole queue is held by one row of its lane; each of its messages is DEFERRED for that reason.
    static func shown(_ state: DeliveryState, _ failure: FailureClass, _ lane: Lane?, _ holds: [LaneStore.Hold]) -> (
        state: DeliveryState, failure: FailureClass
    ) {
        guard state == .queued, let hold = holds.first(where: { $0.lane == lane }) else { return (state, failure) }
        return (.deferred, hold.reason)
    }

    static func delivery(_ row: Row) throws -> Delivery {
        Delivery(
            campaign: try row.text(0), id: try row.text(1), person: try row.text(2),
            channel: ChannelKind(rawValue: try row.int(3)), account: try row.text(13),
            state: DeliveryState(rawValue: try row.int(4)) ?? .failed,
            failure: FailureClass(rawValue: try row.int(5)) ?? .none, detail: try row.text(6), attempts: try row.int(7),
            firstAttemptAt: try row.instantOrNull(8),
            nextAt: try row.instantOrNull(9),
            sentAt: try row.instantOrNull(10), providerID: try row.text(14), cost: try row.int64(15),
            deliveredAt: try row.instantOrNull(16), readAt: try row.instantOrNull(17),
            acknowledgedAt: try row.instantOrNull(18), relayLevel: RelayLevel(rawValue: try row.int(19)),
            createdAt: try row.instant(11), updatedAt: try row.instant(12))
    }
}
