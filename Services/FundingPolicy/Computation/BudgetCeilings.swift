import Crypto
import ServiceKit
import Shared
import Storage

/// Cuts a run to the ceilings over all that a policy pays from its budget source: "a budget source's ceiling is per
/// calendar year, and the last line that fits is paid in part".
///
/// It needs all lines of the policy and year at once, so it comes after the teams. What is recorded comes first, in its
/// order; then the run's new lines "by month, team id, person id, component". Only policies with such a ceiling are
/// read.
struct BudgetCeilings {
    private struct Line {
        var position: RunStore.Position
        var version: Int
        var amount: Int64
        var postedBefore: Int64
        var reasons: RefusalReasons
    }

    /// A line of one team in the books.
    private struct Recorded {
        var team: String
        var line: RecordedLine
    }

    /// The versions that the run computed.
    let policies: [Policy]
    let run: Int64

    /// Cuts the stored lines, and says by which ceilings: nil where there is none.
    func apply(_ transaction: WriteTransaction) throws -> [UInt8]? {
        let named = policies.filter(\.hasBudgetCeiling)
        guard !named.isEmpty else { return nil }
        var hash = SHA256()
        for name in Set(named.map(\.name)).sorted() {
            for line in try cut(policies.filter { $0.name == name }, name, transaction) {
                hash.update(data: Array("\(line.position.values)\(line.amount)".utf8))
            }
        }
        return Array(hash.finalize())
    }

    private func cut(_ versions: [Policy], _ name: String, _ transaction: WriteTransaction) throws -> [Line] {
        let byVersion = Dictionary(versions.map { ($0.version, $0) }, uniquingKeysWith: { first, _ in first })
        let lines = try lines(of: name, transaction)
        var positions: [RunStore.Position: Int] = [:]
        for (index, line) in lines.enumerated() { positions[line.position] = index }
        var use = CeilingUse(of: .budgets)
        var cuts: [Line] = []
        var isDecided = Array(repeating: false, count: lines.count)
        func take(_ index: Int, limit: Int64?) throws {
            var line = lines[index]
            isDecided[index] = true
            guard line.amount > 0, let policy = byVersion[line.version], let month = Month(line.position.month) else {
                return
            }
            let left = try use.take(
                min(line.amount, limit ?? line.amount), component: line.position.component, month: month, person: nil,
                policy: policy)
            guard left < line.amount else { return }
            line.amount = left
            line.reasons.insert(.cap)
            cuts.append(line)
        }
        // What the run does not decide again keeps its room, whatever its place.
        var again: [(index: Int, limit: Int64?)] = []
        for recorded in try recorded(under: name, transaction) {
            let line = recorded.line
            let position = RunStore.Position([
                line.month.description, recorded.team, line.person ?? "", name, line.component,
            ])
            if line.item.isEmpty, let index = position.flatMap({ positions[$0] }) {
                again.append((index, line.limit))
            } else {
                try use.use(line, policies: versions)
            }
        }
        for (index, limit) in again { try take(index, limit: limit) }
        for index in lines.indices where !isDecided[index] { try take(index, limit: nil) }
        for line in cuts { try update(line, transaction) }
        return cuts
    }

    private func lines(of policy: String, _ transaction: ReadTransaction) throws -> [Line] {
        try transaction.query(
            """
            SELECT month, team_id, person_id, policy, component, policy_version, amount, posted_before, reasons
            FROM run_lines WHERE run = ? AND policy = ? ORDER BY month, team_id, person_id, component
            """, [.integer(run), .text(policy)]
        ) { row in
            guard let position = RunStore.Position(try (0..<5).map { try row.text($0) }) else {
                throw StorageError.misuse("a line cannot be read")
            }
            return Line(
                position: position, version: try row.int(5), amount: try row.int64(6), postedBefore: try row.int64(7),
                reasons: RefusalReasons(rawValue: UInt16(truncatingIfNeeded: try row.int64(8))))
        }
    }

    /// What the books hold under the policy, each line where it was recorded first.
    private func recorded(under policy: String, _ transaction: ReadTransaction) throws -> [Recorded] {
        struct Key: Hashable {
            var team: String
            var line: RecordedLine.Key
        }
        var order: [Recorded] = []
        var positions: [Key: Int] = [:]
        try transaction.forEach(
            """
            SELECT e.team_id, e.component, e.month, e.person_id, e.item, e.due, e.cut
            FROM ledger_accounts a JOIN ledger_movements m ON m.account = a.id
            JOIN ledger_entries e ON e.journal = m.journal AND (e.debit = a.id OR e.credit = a.id)
            WHERE a.policy = ? AND a.kind = ? AND e.due IS NOT NULL ORDER BY e.journal, e.position
            """, [.text(policy), SQLValue(AccountKind.payable.rawValue)]
        ) { row in
            let person = try row.text(3)
            let due = try row.int64(5)
            let line = RecordedLine(
                policy: policy, component: try row.text(1), month: try row.month(2),
                person: person.isEmpty ? nil : person, item: try row.text(4), due: due,
                limit: try row.bool(6) ? due : nil)
            let team = try row.text(0)
            if let position = positions[Key(team: team, line: line.key)] {
                order[position].line.due = due
                if let limit = line.limit {
                    order[position].line.limit = min(limit, order[position].line.limit ?? limit)
                }
            } else {
                positions[Key(team: team, line: line.key)] = order.count
                order.append(Recorded(team: team, line: line))
            }
        }
        return order
    }

    private func update(_ line: Line, _ transaction: WriteTransaction) throws {
        // A cut that the books do not know yet is posted, also when it leaves the amount as it was.
        let position = line.position
        try transaction.executeLater(
            """
            UPDATE run_lines SET amount = ?, reasons = ?, to_post = CASE WHEN posted_before <> ? THEN 1
                WHEN to_post = 1 AND posted_before = 0 THEN 1 ELSE 0 END
            WHERE run = ? AND month = ? AND team_id = ? AND person_id = ? AND policy = ? AND component = ?
            """,
            [
                .integer(line.amount), .integer(Int64(line.reasons.rawValue)), .integer(line.amount), .integer(run),
                .text(position.month), .text(position.team), .text(position.person), .text(position.policy),
                .text(position.component),
            ])
    }
}
