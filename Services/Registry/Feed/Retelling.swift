import ServiceKit
import Storage

/// A thing whose fact has to be told again, for other readers of the feed see it now.
struct Retelling: Hashable {
    enum Kind: Int {
        case unit = 1
        case hamlet
        /// With its memberships.
        case team
        case memberships
    }

    var subject: UniqueID
    var kind: Kind
    /// Those who may not see it any more cannot be told from the records: all of them hear that it is gone.
    var isWithdrawn = false
}

/// What the feed has been brought up to, and what it still has to tell.
enum RetellingStore {
    struct Border {
        var edition: Int64
        var today: LocalDate
    }

    static func border(in tx: ReadTransaction) throws -> Border? {
        try tx.queryOne("SELECT edition, today FROM feed_border WHERE id = 1") {
            Border(edition: try $0.int64(0), today: try $0.date(1))
        }
    }

    static func covers(in tx: ReadTransaction) throws -> FeedBorders.Covers {
        FeedBorders.decoded(try tx.queryOne("SELECT covers FROM feed_border WHERE id = 1") { try $0.text(0) } ?? "")
    }

    static func set(_ border: Border, _ covers: FeedBorders.Covers, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO feed_border (id, edition, today, covers) VALUES (1, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET edition = excluded.edition, today = excluded.today, covers = excluded.covers
            """,
            [.integer(border.edition), SQLValue(border.today), .text(FeedBorders.encoded(covers))])
    }

    // MARK: The queue

    /// What is waiting already may have to be told in a stronger way.
    private static let stronger = """
        ON CONFLICT (subject) DO UPDATE SET
            kind = CASE WHEN excluded.kind < feed_retelling.kind THEN excluded.kind ELSE feed_retelling.kind END,
            is_withdrawn = CASE WHEN excluded.is_withdrawn > feed_retelling.is_withdrawn
                THEN excluded.is_withdrawn ELSE feed_retelling.is_withdrawn END
        """

    static func add(_ retelling: Retelling, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "INSERT INTO feed_retelling (subject, kind, is_withdrawn) VALUES (?, ?, ?) \(stronger)",
            [SQLValue(retelling.subject), SQLValue(retelling.kind.rawValue), SQLValue(retelling.isWithdrawn)])
    }

    /// A unit, and when it is a commune the hamlets and teams that lie in it, or will: who may see those is judged by
    /// their first place.
    static func add(
        _ change: FeedBorders.Change, isTold: Bool, units: UnitIndex, today: LocalDate, in tx: WriteTransaction
    ) throws {
        if !isTold {
            try add(Retelling(subject: units[change.unit].id, kind: .unit, isWithdrawn: change.isWithdrawn), in: tx)
        }
        guard units[change.unit].level == .commune else { return }
        for (kind, column, table) in stays {
            try tx.executeLater(
                """
                INSERT INTO feed_retelling (subject, kind, is_withdrawn)
                SELECT DISTINCT \(column), CAST(? AS INTEGER), CAST(? AS INTEGER) FROM \(table)
                WHERE commune_rank = ? AND valid_to > ? \(stronger)
                """,
                [
                    SQLValue(kind.rawValue), SQLValue(change.isWithdrawn), SQLValue(change.unit), SQLValue(today),
                ])
        }
    }

    /// Hamlets and teams that come to lie in another commune with one of the days after `former` and up to `today`.
    static func addMoved(after former: LocalDate, upTo today: LocalDate, in tx: WriteTransaction) throws {
        for (kind, column, table) in stays {
            try tx.executeLater(
                """
                INSERT INTO feed_retelling (subject, kind, is_withdrawn)
                SELECT DISTINCT s.\(column), CAST(? AS INTEGER), 0 FROM \(table) s JOIN \(table) b
                    ON b.\(column) = s.\(column) AND b.valid_to = s.valid_from AND b.commune_rank <> s.commune_rank
                WHERE s.valid_from > ? AND s.valid_from <= ? \(stronger)
                """, [SQLValue(kind.rawValue), SQLValue(former), SQLValue(today)])
        }
    }

    private static let stays: [(Retelling.Kind, column: String, table: String)] = [
        (.hamlet, "hamlet_id", "hamlet_stay"), (.team, "team_id", "team_stretch"),
    ]

    static func isEmpty(in tx: ReadTransaction) throws -> Bool {
        try !tx.exists("SELECT 1 FROM feed_retelling LIMIT 1")
    }

    static func take(_ limit: Int, in tx: WriteTransaction) throws -> [Retelling] {
        try tx.query(
            "SELECT subject, kind, is_withdrawn FROM feed_retelling ORDER BY subject LIMIT ?", [SQLValue(limit)]
        ) { row in
            guard let kind = Retelling.Kind(rawValue: try row.int(1)) else {
                throw StorageError.misuse("unknown kind of retelling: \(try row.int(1))")
            }
            return Retelling(subject: try row.id(0), kind: kind, isWithdrawn: try row.bool(2))
        }
    }

    static func remove(_ retelling: Retelling, in tx: WriteTransaction) throws {
        try tx.executeLater("DELETE FROM feed_retelling WHERE subject = ?", [SQLValue(retelling.subject)])
    }
}
