import ServiceKit
import Storage

/// What all senders of one database must know of a lane: until when it is held, and how much of its quota is used up.
enum LaneStore {
    struct Hold: Sendable, Hashable {
        var lane: Lane
        var until: Instant
        /// QUOTA or QUIET_HOURS.
        var reason: FailureClass
    }

    // MARK: Holds

    /// Holds a lane, unless it is held for longer.
    static func hold(_ hold: Hold, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            INSERT INTO lane_hold (channel, account, held_until, reason) VALUES (?, ?, ?, ?)
            ON CONFLICT (channel, account) DO UPDATE SET held_until = excluded.held_until, reason = excluded.reason
            WHERE lane_hold.held_until < excluded.held_until
            """,
            [
                SQLValue(hold.lane.channel.rawValue), .text(hold.lane.account), SQLValue(hold.until),
                SQLValue(hold.reason.rawValue),
            ])
    }

    /// Those that hold at a moment.
    static func holds(at now: Instant, _ transaction: ReadTransaction) throws -> [Hold] {
        try transaction.query(
            "SELECT channel, account, held_until, reason FROM lane_hold WHERE held_until > ? ORDER BY channel, account",
            [SQLValue(now)]
        ) { row -> Hold? in
            guard let channel = ChannelKind(rawValue: try row.int(0)) else { return nil }
            return Hold(
                lane: Lane(channel: channel, account: try row.text(1)), until: try row.instant(2),
                reason: FailureClass(rawValue: try row.int(3)) ?? .none)
        }.compactMap { $0 }
    }

    static func hold(of lane: Lane, at now: Instant, _ transaction: ReadTransaction) throws -> Hold? {
        try holds(at: now, transaction).first { $0.lane == lane }
    }

    // MARK: Quotas

    struct Usage: Sendable, Hashable {
        var used = 0
        /// What the provider said last; nil: nothing yet.
        var perDay: Int?
    }

    /// What is used on a day. How much the provider takes is its newest word, also from an earlier day.
    static func usage(pool: String, account: String, day: LocalDate, _ transaction: ReadTransaction) throws -> Usage {
        let newest = try transaction.queryOne(
            """
            SELECT per_day FROM lane_quota WHERE pool = ? AND account = ? AND per_day IS NOT NULL AND day <= ?
            ORDER BY day DESC LIMIT 1
            """, [.text(pool), .text(account), SQLValue(day)]
        ) { try $0.int(0) }
        let used = try transaction.queryOne(
            "SELECT used FROM lane_quota WHERE pool = ? AND account = ? AND day = ?",
            [.text(pool), .text(account), SQLValue(day)]
        ) { try $0.int(0) }
        return Usage(used: used ?? 0, perDay: newest)
    }

    /// Counts messages before they are sent: a sender that is killed has used up too much rather than too little.
    static func use(_ count: Int, pool: String, account: String, day: LocalDate, _ transaction: WriteTransaction) throws
    {
        guard count > 0 else { return }
        try transaction.execute(
            """
            INSERT INTO lane_quota (pool, account, day, used, per_day) VALUES (?, ?, ?, ?, NULL)
            ON CONFLICT (pool, account, day) DO UPDATE SET used = lane_quota.used + excluded.used
            """, [.text(pool), .text(account), SQLValue(day), SQLValue(count)])
    }

    /// Takes the provider's word. Messages of other systems count as well, so more may be used than was sent from here;
    /// messages under way do not count there yet, so it is never less.
    static func learn(
        _ word: QuotaWord, pool: String, account: String, day: LocalDate, _ transaction: WriteTransaction
    ) throws {
        let used = max(0, word.perDay - word.remaining)
        try transaction.execute(
            """
            INSERT INTO lane_quota (pool, account, day, used, per_day) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (pool, account, day) DO UPDATE SET per_day = excluded.per_day,
                used = CASE WHEN lane_quota.used < excluded.used THEN excluded.used ELSE lane_quota.used END
            """, [.text(pool), .text(account), SQLValue(day), SQLValue(used), SQLValue(word.perDay)])
    }
}
