import ServiceKit
import Storage

/// How a payment must stand; raw values are those of the contract's `PaymentCondition`.
enum PaymentCondition: Int, Sendable, Hashable, CaseIterable {
    case approved = 1
    case paid = 2
    case returned = 3
}

/// What is known of one payment to a team or a member.
struct KnownPayment: Sendable, Hashable {
    var id: String
    var team: String
    /// Nil: the team is paid.
    var person: String?
    /// In đồng.
    var amount: Int64
    /// Calendar year of what is paid.
    var year: Int
    var policyTitle: String
    var policyTitleVi: String
    var condition: PaymentCondition
    /// When it came to stand so, as far as is known here.
    var changedAt: Instant

    func fulfils(_ filter: Audience.PaymentFilter) -> Bool {
        if condition != filter.condition { return false }
        if let since = filter.changedSince, changedAt < since { return false }
        if let until = filter.changedUntil, changedAt >= until { return false }
        return true
    }
}

/// Rows of the copy of payments. They stay as long as the payment stands so, as those of obligations do, also when no
/// rule can tell of it any more: by the row it is known that a payment was PAID before, so that neither a statement
/// which confirms it months later nor a feed that is read anew makes it news; a message under way asks the row whether
/// it still holds; and an audience may be of all payments that were ever made.
enum PaymentCopy {
    private static let facts = "id, team, person, amount, paid_year, policy_title, policy_title_vi, standing"
    private static let columns = "\(facts), changed_at"

    /// Keeps since when it has stood as it stands.
    static func put(_ payment: KnownPayment, _ hearing: Hearing, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            INSERT INTO known_payment (\(facts), \(Hearing.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET team = excluded.team, person = excluded.person, amount = excluded.amount,
                paid_year = excluded.paid_year, policy_title = excluded.policy_title,
                policy_title_vi = excluded.policy_title_vi, standing = excluded.standing,
                \(Hearing.replacing(in: "known_payment", unless: "known_payment.standing = excluded.standing"))
            """,
            [
                .text(payment.id), .text(payment.team), SQLValue(payment.person), SQLValue(payment.amount),
                SQLValue(payment.year), .text(payment.policyTitle), .text(payment.policyTitleVi),
                SQLValue(payment.condition.rawValue),
            ] + hearing.values)
    }

    static func delete(_ id: String, _ transaction: WriteTransaction) throws {
        try transaction.execute("DELETE FROM known_payment WHERE id = ?", [.text(id)])
    }

    static func get(_ id: String, _ transaction: ReadTransaction) throws -> KnownPayment? {
        try transaction.queryOne("SELECT \(columns) FROM known_payment WHERE id = ?", [.text(id)], payment)
    }

    static func of(team: String, _ condition: PaymentCondition, _ transaction: ReadTransaction) throws
        -> [KnownPayment]
    {
        try transaction.query(
            "SELECT \(columns) FROM known_payment WHERE team = ? AND standing = ? ORDER BY id",
            [.text(team), SQLValue(condition.rawValue)], payment)
    }

    private static func payment(_ row: Row) throws -> KnownPayment {
        guard let condition = PaymentCondition(rawValue: try row.int(7)) else {
            throw StorageError.corrupt("payment \(try row.text(0)) stands as a newer release wrote it")
        }
        return KnownPayment(
            id: try row.text(0), team: try row.text(1), person: try row.textOrNull(2), amount: try row.int64(3),
            year: try row.int(4), policyTitle: try row.text(5), policyTitleVi: try row.text(6), condition: condition,
            changedAt: try row.instant(8))
    }
}
