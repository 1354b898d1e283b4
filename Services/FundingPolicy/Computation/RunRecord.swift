import Shared

/// What a run makes of its teams' results as they come: the lines to store, their sums and their hashes.
struct RunRecord: Sendable {
    private let plan: Sweep.Plan
    private var tally: Tally
    private var inputs: SnapshotHash
    private var posting = PostingHash()

    init(_ plan: Sweep.Plan) {
        self.plan = plan
        tally = Tally(policies: plan.rules.policies)
        inputs = SnapshotHash(plan.sweep)
    }

    /// Takes the next teams; their lines as they are stored.
    mutating func add(_ results: [Sweep.TeamResult]) throws -> [RunStore.StoredLine] {
        var lines: [RunStore.StoredLine] = []
        lines.reserveCapacity(results.count)
        for result in results {
            try tally.add(result)
            for line in result.lines {
                inputs.add(line)
                posting.add(line)
                lines.append(
                    RunStore.StoredLine(
                        record: LineRecord(line, policies: policies),
                        evidence: try plan.evidence(of: line, in: result).content()))
            }
        }
        return lines
    }

    var policies: [Policy] { plan.rules.policies }
    var budgets: [Budget: BudgetChange] { tally.budgets }
    var postingHash: String { posting.finalize() }

    func total(in run: inout RunStore.Run) {
        run.snapshotHash = inputs.finalize()
        run.totals = tally.totals
        run.amountDong = tally.amount
        run.lineCount = tally.lineCount
        run.linesToPost = tally.linesToPost
    }
}
