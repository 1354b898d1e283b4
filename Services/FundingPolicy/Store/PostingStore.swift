import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Funding_V1_RunState {
    /// Somebody works on it, and whoever watches may wait.
    package var isUnderWay: Bool { self == .running || self == .posting }
    /// Its lines are complete.
    package var hasLines: Bool {
        switch self {
        case .computed, .approved, .posting, .posted, .rejected: true
        default: false
        }
    }
}

/// What a run takes from a budget, and gives back to it.
package struct BudgetChange: Sendable, Hashable {
    package var credit: Int64 = 0
    package var debit: Int64 = 0
    package init() {}

    /// Something is due instead of what was.
    package mutating func add(_ due: Int64, instead before: Int64) throws(Money.Overflow) {
        if due >= before {
            credit = try Money.add(credit, due - before)
        } else {
            debit = try Money.add(debit, before - due)
        }
    }
}

/// SQL of runs on their way into the books.
extension RunStore {
    // MARK: Same inputs

    /// The newest run of the same scope and inputs whose lines would be posted as this one's; or which is posted
    /// already, when nothing is left to post.
    package static func same(
        as run: Run, hash: String, postingHash: String, _ transaction: ReadTransaction
    ) throws -> Run? {
        let nothingLeft = run.linesToPost == 0
        return try transaction.queryOne(
            """
            SELECT number, content FROM runs
            WHERE unit = ? AND policy = ? AND from_month = ? AND to_month = ? AND snapshot_hash = ?
                AND ((posting_hash = ? AND state IN (2, 5, 6, 7)) OR (? = 1 AND state = 7))
            ORDER BY number DESC LIMIT 1
            """, scope(run) + [.text(hash), .text(postingHash), SQLValue(nothingLeft)], numbered)?.run
    }

    package static func setPostingHash(_ hash: String, of run: String, _ transaction: WriteTransaction) throws {
        try transaction.execute("UPDATE runs SET posting_hash = ? WHERE name = ?", [.text(hash), .text(run)])
    }

    /// False for runs computed by a release that kept no books: what they would post is not known.
    package static func canBePosted(_ run: String, _ transaction: ReadTransaction) throws -> Bool {
        try transaction.exists("SELECT 1 FROM runs WHERE name = ? AND posting_hash <> ''", [.text(run)])
    }

    // MARK: Budgets

    package static func insert(
        _ changes: [Budget: BudgetChange], run: Int64, _ transaction: WriteTransaction
    ) throws {
        for (budget, change) in changes.sorted(by: { $0.key < $1.key }) {
            try transaction.executeLater(
                "INSERT INTO run_budgets (run, policy, source, year, credit, debit) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    .integer(run), .text(budget.policy), SQLValue(budget.source.rawValue), SQLValue(budget.year),
                    .integer(change.credit), .integer(change.debit),
                ])
        }
    }

    package static func budgets(of run: Int64, _ transaction: ReadTransaction) throws -> [(Budget, BudgetChange)] {
        try transaction.query(
            "SELECT policy, source, year, credit, debit FROM run_budgets WHERE run = ? ORDER BY policy, source, year",
            [.integer(run)]
        ) { row in
            var change = BudgetChange()
            change.credit = try row.int64(3)
            change.debit = try row.int64(4)
            return (
                Budget(
                    policy: try row.text(0), source: BudgetSource(rawValue: try row.int(1)) ?? .state,
                    year: try row.int(2)), change
            )
        }
    }

    // MARK: What stands in the way

    /// Whether something was accrued since the run was computed for a team and policy that it books to.
    package static func isStale(_ run: Numbered, _ transaction: ReadTransaction) throws -> Bool {
        try transaction.exists(
            """
            SELECT 1 FROM ledger_journals j JOIN ledger_entries e ON e.journal = j.number
                JOIN ledger_accounts a ON a.id = e.debit
            WHERE j.number > ? AND j.kind = 4 AND EXISTS
                (SELECT 1 FROM run_lines l WHERE l.run = ? AND l.team_id = e.team_id AND l.policy = a.policy) LIMIT 1
            """, [.integer(run.run.journal), .integer(run.number)])
    }

    /// Another run on its way into the books with something for a team and policy that this one books to.
    package static func overlapping(_ run: Numbered, _ transaction: ReadTransaction) throws -> String? {
        try transaction.queryOne(
            """
            SELECT r.name FROM runs r WHERE r.state IN (5, 6) AND r.number <> ? AND EXISTS
                (SELECT 1 FROM run_lines o WHERE o.run = r.number AND o.to_post = 1 AND EXISTS
                    (SELECT 1 FROM run_lines l
                     WHERE l.run = ? AND l.team_id = o.team_id AND l.policy = o.policy AND l.to_post = 1))
            ORDER BY r.number LIMIT 1
            """, [.integer(run.number), .integer(run.number)]
        ) { try $0.text(0) }
    }

    /// A run on its way into the books that books something to a team under a policy.
    package static func onItsWay(team: String, policy: String, _ transaction: ReadTransaction) throws -> String? {
        try transaction.queryOne(
            """
            SELECT r.name FROM runs r JOIN run_lines l ON l.run = r.number AND l.team_id = ? AND l.policy = ?
            WHERE r.state IN (5, 6) AND l.to_post = 1 LIMIT 1
            """, [.text(team), .text(policy)]
        ) { try $0.text(0) }
    }

    /// Whether something was accrued under a policy since the run was computed.
    package static func isStale(_ run: Numbered, policy: String, _ transaction: ReadTransaction) throws -> Bool {
        try transaction.exists(
            """
            SELECT 1 FROM ledger_accounts a JOIN ledger_movements m ON m.account = a.id
                JOIN ledger_journals j ON j.number = m.journal
            WHERE a.policy = ? AND m.journal > ? AND j.kind = 4 LIMIT 1
            """, [.text(policy), .integer(run.run.journal)])
    }

    /// Another run on its way into the books under a policy.
    package static func onItsWay(policy: String, besides run: Numbered? = nil, _ transaction: ReadTransaction) throws
        -> String?
    {
        try transaction.queryOne(
            """
            SELECT r.name FROM runs r JOIN run_budgets b ON b.run = r.number
            WHERE r.state IN (5, 6) AND r.number <> ? AND b.policy = ? LIMIT 1
            """, [.integer(run?.number ?? 0), .text(policy)]
        ) { try $0.text(0) }
    }

    // MARK: Counting again

    /// Sums of a run's stored lines under some policies, put into its message; and its budgets.
    package static func recount(
        _ message: inout Run, run: Int64, policies: [Policy], _ transaction: WriteTransaction
    ) throws -> [Budget: BudgetChange] {
        let names = Set(policies.map(\.name))
        let sources = Dictionary(
            policies.map { ("\($0.name) \($0.version)", $0.budgetSource) }, uniquingKeysWith: { first, _ in first })
        var changes: [Budget: BudgetChange] = [:]
        for name in names.sorted() {
            try transaction.forEach(
                """
                SELECT policy_version, month, CAST(sum(amount) AS BIGINT),
                    CAST(sum(CASE WHEN team_level = 1 THEN amount ELSE 0 END) AS BIGINT),
                    count(DISTINCT CASE WHEN amount > 0 THEN team_id END),
                    count(DISTINCT CASE WHEN amount > 0 AND person_id <> '' THEN person_id END),
                    CAST(sum(CASE WHEN amount = 0 AND reasons <> 0 THEN 1 ELSE 0 END) AS BIGINT),
                    CAST(sum(CASE WHEN (reasons & ?) <> 0 THEN 1 ELSE 0 END) AS BIGINT),
                    CAST(sum(CASE WHEN amount > posted_before THEN amount - posted_before ELSE 0 END) AS BIGINT),
                    CAST(sum(CASE WHEN amount < posted_before THEN posted_before - amount ELSE 0 END) AS BIGINT)
                FROM run_lines WHERE run = ? AND policy = ? GROUP BY policy_version, month
                """, [.integer(Int64(RefusalReasons(.cap).rawValue)), .integer(run), .text(name)]
            ) { row in
                let (version, month) = (try row.int(0), try row.month(1))
                let source = sources["\(name) \(version)"] ?? .state
                var change = changes[Budget(policy: name, source: source, year: month.year)] ?? BudgetChange()
                change.credit += try row.int64(8)
                change.debit += try row.int64(9)
                changes[Budget(policy: name, source: source, year: month.year)] = change
                guard
                    let index = message.totals.firstIndex(where: {
                        $0.policy == name && $0.policyVersion == version && $0.month == month.description
                    })
                else { return }
                var total = message.totals[index]
                total.amountDong = try row.int64(2)
                total.communeTeamAmountDong = try row.int64(3)
                total.hamletTeamAmountDong = total.amountDong - total.communeTeamAmountDong
                total.teamsPaid = try row.int64(4)
                total.personsPaid = try row.int64(5)
                total.linesRefused = try row.int64(6)
                let cut = try row.int64(7)
                total.reasons.removeAll { $0.reason == .cap }
                if cut > 0 {
                    total.reasons.append(
                        .with {
                            $0.reason = .cap
                            $0.lines = cut
                        })
                    total.reasons.sort { $0.reason.rawValue < $1.reason.rawValue }
                }
                message.totals[index] = total
            }
        }
        message.amountDong = message.totals.reduce(0) { $0 + $1.amountDong }
        message.linesToPost = Int64(
            try transaction.count("SELECT count(*) FROM run_lines WHERE run = ? AND to_post = 1", [.integer(run)]))
        return changes
    }

    // MARK: Posting

    /// The oldest run that is being posted.
    package static func nextPosting(_ transaction: ReadTransaction) throws -> Numbered? {
        try transaction.queryOne(
            "SELECT number, content FROM runs WHERE state = 6 ORDER BY number LIMIT 1", [], numbered)
    }

    /// The next lines to post, "by month, team id, person id, component", after the last one in the books.
    package static func linesToPost(_ run: Numbered, limit: Int, _ transaction: ReadTransaction) throws
        -> [(position: Position, policyVersion: Int, amount: Int64, postedBefore: Int64, isCut: Bool)]
    {
        let after =
            try transaction.queryOne("SELECT posted_after FROM runs WHERE number = ?", [.integer(run.number)]) {
                try $0.text(0)
            } ?? ""
        let values =
            after.isEmpty
            ? ["", "", "", "", ""]
            : after.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
        return try transaction.query(
            """
            SELECT month, team_id, person_id, policy, component, policy_version, amount, posted_before, reasons
            FROM run_lines
            WHERE run = ? AND (month, team_id, person_id, policy, component) > (?, ?, ?, ?, ?) AND to_post = 1
            ORDER BY month, team_id, person_id, policy, component LIMIT ?
            """, [.integer(run.number)] + values.map { .text($0) } + [SQLValue(limit)]
        ) { row in
            let columns = try (0..<5).map { try row.text($0) }
            guard let position = Position(columns) else { throw StorageError.misuse("a line cannot be read") }
            let reasons = RefusalReasons(rawValue: UInt16(truncatingIfNeeded: try row.int64(8)))
            return (position, try row.int(5), try row.int64(6), try row.int64(7), reasons.contains(.cap))
        }
    }

    private static let separator = "\u{1F}"

    package static func setPosted(after position: Position, of run: Int64, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            "UPDATE runs SET posted_after = ? WHERE number = ?",
            [.text(position.values.joined(separator: separator)), .integer(run)])
    }
}
