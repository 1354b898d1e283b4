import ServiceKit
import Storage

/// What the books hold for teams, as the rules need it.
extension FactsReader {
    /// Each team's lines in the order in which they were recorded, of some months or of all; teams without any are left
    /// out.
    package func recordedLines(of teams: [String], in months: ClosedRange<Month>? = nil) throws
        -> [String: RecordedLines]
    {
        let bounds = months.map { [SQLValue($0.lowerBound.description), SQLValue($0.upperBound.description)] }
        var found: [String: RecordedLines] = [:]
        try forEach(
            """
            SELECT e.team_id, a.policy, e.component, e.month, e.person_id, e.item, e.due, e.cut
            FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.debit
            WHERE e.team_id IN (@ids) AND e.due IS NOT NULL \(bounds == nil ? "" : "AND e.month BETWEEN ? AND ?")
            ORDER BY e.team_id, e.journal, e.position
            """, teams, bounds ?? []
        ) { row in
            let person = try row.text(4)
            let due = try row.int64(6)
            found[try row.text(0), default: RecordedLines()].add(
                RecordedLine(
                    policy: try row.text(1), component: try row.text(2), month: try row.month(3),
                    person: person.isEmpty ? nil : person, item: try row.text(5), due: due,
                    limit: try row.bool(7) ? due : nil))
        }
        return found
    }

    /// What all teams together are due under a policy by component and year, each as a line of January.
    package func budgetLines(of policy: String) throws -> [RecordedLine] {
        try transaction.query(
            """
            SELECT e.component, a.year, CAST(sum(CASE WHEN e.debit = a.id THEN e.amount ELSE -e.amount END) AS BIGINT)
            FROM ledger_accounts a JOIN ledger_movements m ON m.account = a.id
            JOIN ledger_entries e ON e.journal = m.journal AND (e.debit = a.id OR e.credit = a.id)
            WHERE a.policy = ? AND a.kind = ? AND e.due IS NOT NULL GROUP BY e.component, a.year
            """, [.text(policy), SQLValue(AccountKind.payable.rawValue)]
        ) { row in
            guard let january = Month(year: try row.int(1), month: 1) else {
                throw StorageError.misuse("the year of an account of \(policy) cannot be read")
            }
            return RecordedLine(
                policy: policy, component: try row.text(0), month: january, person: nil, item: "",
                due: try row.int64(2), limit: nil)
        }
    }

    /// Teams that something was recorded for under any of the policies, ascending.
    package func recordedTeams(under policies: [String]) throws -> [String] {
        var teams: Set<String> = []
        for policy in Set(policies).sorted() {
            try transaction.forEach(
                """
                SELECT DISTINCT e.team_id FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.debit
                WHERE a.policy = ? AND e.due IS NOT NULL
                """, [.text(policy)]
            ) { teams.insert(try $0.text(0)) }
        }
        return teams.sorted()
    }
}
