import ServiceKit
import Storage

/// When people wrote to which account of Zalo, by what its callbacks told: it "takes texts within seven days after
/// that". A plan counts on nobody else; sending asks Zalo itself, which knows of more than messages.
enum TextWindow {
    static let seconds: Int64 = 7 * 86_400

    /// A person, and an account.
    struct Writer: Sendable, Hashable {
        var person: String
        var account: String
    }

    static func note(_ writer: Writer, now: Instant, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            INSERT INTO zalo_writer (person, account, written_at) VALUES (?, ?, ?)
            ON CONFLICT (person, account) DO UPDATE SET written_at = excluded.written_at
            """, [.text(writer.person), .text(writer.account), SQLValue(now)])
    }

    /// To whom a text can be sent at a moment.
    static func open(at now: Instant, _ transaction: ReadTransaction) throws -> Set<Writer> {
        Set(
            try transaction.query(
                "SELECT person, account FROM zalo_writer WHERE written_at > ?",
                [SQLValue(now.adding(seconds: -seconds))]
            ) { Writer(person: try $0.text(0), account: try $0.text(1)) })
    }

    static func forgetClosed(at now: Instant, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "DELETE FROM zalo_writer WHERE written_at <= ?", [SQLValue(now.adding(seconds: -seconds))])
    }
}
