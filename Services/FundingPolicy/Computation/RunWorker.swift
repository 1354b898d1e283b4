import ChangeFeed
import Logging
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Computes runs, one after the other, in the background.
///
/// Lines are written as they come; they count only once the run is COMPUTED, which is the last transaction. A run that
/// was interrupted is computed again from its beginning. Runs that are to be posted are written into the books first.
package struct RunWorker: Sendable {
    package static let topic = "funding.facts"
    /// Lines removed in one transaction.
    private static let clearing = 2000
    /// Lines, or teams, after which those computed are written: every commit writes pages of the indexes anew, and who
    /// else writes must not wait for long.
    private static let linesPerWrite = 4096

    let database: Database
    let outbox: Outbox
    let clock: Clock
    let freshness: @Sendable () -> Cdt_Common_V1_Freshness
    /// Whether the Registry's facts have no gaps. Runs wait for that: a team whose facts have not come yet would be due
    /// nothing.
    let isComplete: @Sendable () -> Bool
    /// The same of what became of reports; only runs under policies that ask for them wait for it.
    let reportsAreComplete: @Sendable () -> Bool
    let logger: Logger

    package init(
        database: Database, outbox: Outbox, clock: Clock,
        freshness: @escaping @Sendable () -> Cdt_Common_V1_Freshness,
        isComplete: @escaping @Sendable () -> Bool = { true },
        reportsAreComplete: @escaping @Sendable () -> Bool = { true }, logger: Logger
    ) {
        self.database = database
        self.outbox = outbox
        self.clock = clock
        self.freshness = freshness
        self.isComplete = isComplete
        self.reportsAreComplete = reportsAreComplete
        self.logger = logger
    }

    /// Until the task is cancelled or the database closes.
    package func run() async {
        let wakes = database.commits(on: RunStore.startedChannel, every: .seconds(1))
        await computeAll()
        for await _ in wakes {
            if Task.isCancelled { return }
            await computeAll()
        }
    }

    /// Computes everything that waits.
    package func computeAll() async {
        while !Task.isCancelled {
            do {
                while let posting = try await database.readPooled({ try RunStore.nextPosting($0) }) {
                    try await poster.post(posting.run.name)
                }
                guard isComplete(), let next = try await database.readPooled({ try RunStore.nextRunning($0) }) else {
                    return
                }
                if !reportsAreComplete(), try await database.readPooled({ try RunWorker.asksForReports(next.run, $0) })
                {
                    return
                }
                await compute(next)
            } catch is CancellationError {
                return
            } catch {
                logger.error("runs cannot be computed or posted", metadata: ["error": "\(error)"])
                return
            }
        }
    }

    private static func asksForReports(_ run: RunStore.Run, _ transaction: ReadTransaction) throws -> Bool {
        try PolicyStore.active(transaction).contains {
            (run.policy.isEmpty || $0.policy.name == run.policy) && $0.policy.reportCondition != .none
        }
    }

    private var poster: RunPoster { RunPoster(database: database, outbox: outbox, clock: clock) }

    private func compute(_ run: RunStore.Numbered) async {
        do {
            try await computeOrThrow(run)
        } catch is CancellationError {
            return
        } catch {
            logger.error("a run failed", metadata: ["run": "\(run.run.name)", "error": "\(error)"])
            var failed = run.run
            failed.state = .failed
            failed.failure =
                error is Money.Overflow ? "an amount is too large" : "it could not be computed; see the log"
            failed.endTime = clock.now.timestamp
            do {
                try await database.write { [failed] in try RunStore.update(failed, $0) }
            } catch {
                logger.error(
                    "a failed run cannot be recorded", metadata: ["run": "\(run.run.name)", "error": "\(error)"])
                try? await Task.sleep(for: .seconds(5))  // a cancelled sleep ends the wait, which the caller sees
            }
        }
    }

    private enum Part: Sendable {
        case plan(Sweep.Plan, journal: Int64)
        case teams([Sweep.TeamResult], done: Int)
    }

    private func computeOrThrow(_ numbered: RunStore.Numbered) async throws {
        try await clearLines(of: numbered.number)
        var run = numbered.run
        run.freshness = freshness()
        let handoff = Handoff<Part>()
        let request = run
        let reading = Task { [database] in
            defer { handoff.finish() }
            // One read, so that every team is computed from the same state of the facts.
            try await database.readPooled { transaction in
                try RunWorker.read(request, transaction, into: handoff)
            }
        }
        var record: RunRecord?
        do {
            try await withThrowingTaskGroup(of: Void.self) { writes in
                var lines: [RunStore.StoredLine] = []
                var next = RunWorker.linesPerWrite
                for await part in handoff.elements {
                    try Task.checkCancellation()
                    switch part {
                    case .plan(let plan, let journal):
                        record = RunRecord(plan)
                        run.teamsTotal = Int64(plan.candidates.count)
                        run.journal = journal
                        try await store([], run, numbered.number)
                        handoff.done()
                    case .teams(let results, let done):
                        run.teamsDone = Int64(done)
                        // Neither on the thread that reads, which everything waits for, nor inside of the transaction.
                        guard let more = try record?.add(results) else { throw RunWorker.withoutPlan(run) }
                        handoff.done()
                        lines += more
                        let isLast = run.teamsDone == run.teamsTotal
                        guard lines.count >= RunWorker.linesPerWrite || done >= next || isLast else { continue }
                        // One write at a time, in their order; the next teams are computed meanwhile.
                        try await writes.next()
                        let (written, progress) = (lines, run)
                        (lines, next) = ([], done + RunWorker.linesPerWrite)
                        writes.addTask { try await store(written, progress, numbered.number) }
                    }
                }
                try await writes.waitForAll()
            }
            // Also the end of the parts: a cancelled task is told of no more.
            try Task.checkCancellation()
        } catch {
            handoff.abandon()
            reading.cancel()
            throw error
        }
        try await reading.value
        guard let record else { throw RunWorker.withoutPlan(run) }
        let now = clock.now
        run.endTime = now.timestamp
        let ended = run
        run = try await database.write { [outbox] in
            try RunWorker.end(ended, numbered.number, record, outbox, at: now, $0)
        }
        if run.state == .unchanged { try await clearLines(of: numbered.number) }
    }

    private func store(_ lines: [RunStore.StoredLine], _ progress: RunStore.Run, _ number: Int64) async throws {
        try await database.write { transaction in
            try RunStore.insert(lines, run: number, transaction)
            try RunStore.update(progress, transaction)
        }
    }

    /// A run's lines without its plan would be lost unseen.
    private static func withoutPlan(_ run: RunStore.Run) -> StorageError {
        .misuse("\(run.name) was read without its plan")
    }

    /// On a reader thread.
    private static func read(
        _ run: RunStore.Run, _ transaction: ReadTransaction, into handoff: Handoff<Part>
    ) throws {
        guard let first = Month(run.fromMonth), let last = Month(run.toMonth) else {
            throw StorageError.misuse("the months of \(run.name) cannot be read")
        }
        let policies = try PolicyStore.active(transaction).filter { run.policy.isEmpty || $0.policy.name == run.policy }
        let plan = try Sweep(months: first...last, unit: run.unit, policies: policies).plan(
            FactsReader(transaction), recording: true)
        try handoff.push(.plan(plan, journal: try LedgerStore.head(transaction).number))
        var computation = try Sweep.Computation(plan, transaction, recording: true)
        for chunk in plan.chunks {
            try handoff.push(.teams(try computation.results(of: chunk), done: chunk.upperBound))
        }
    }

    private static func end(
        _ ended: RunStore.Run, _ number: Int64, _ record: RunRecord, _ outbox: Outbox, at now: Instant,
        _ transaction: WriteTransaction
    ) throws -> RunStore.Run {
        var result = ended
        record.total(in: &result)
        var (postingHash, budgets) = (record.postingHash, record.budgets)
        let policies = record.policies
        if let cuts = try BudgetCeilings(policies: policies, run: number).apply(transaction) {
            postingHash += Hex.text(cuts)
            let changed = policies.filter(\.hasBudgetCeiling).map(\.name)
            let affected = policies.filter { changed.contains($0.name) }
            budgets = budgets.filter { !changed.contains($0.key.policy) }
            budgets.merge(
                try RunStore.recount(&result, run: number, policies: affected, transaction),
                uniquingKeysWith: { $1 })
        }
        result.creditDong = try budgets.values.reduce(0) { try Money.add($0, $1.credit) }
        result.debitDong = try budgets.values.reduce(0) { try Money.add($0, $1.debit) }
        result.deltaDong = result.creditDong - result.debitDong
        // "Same inputs, same run: nothing is posted twice."
        if let earlier = try RunStore.same(as: result, hash: result.snapshotHash, postingHash: postingHash, transaction)
        {
            result.state = .unchanged
            result.sameAs = earlier.name
        } else {
            result.state = .computed
            try RunStore.insert(budgets, run: number, transaction)
            try RunStore.setPostingHash(postingHash, of: result.name, transaction)
            try RunWorker.tell(result, outbox, at: now, transaction)
        }
        try RunStore.update(result, transaction)
        return result
    }

    /// Others learn of a run whenever it is computed, approved, posted or given up.
    static func tell(_ run: RunStore.Run, _ outbox: Outbox, at now: Instant, _ transaction: WriteTransaction) throws {
        let version: Int64 =
            switch run.state {
            case .computed: 1
            case .approved: 2
            default: 3
            }
        try outbox.append(
            topic: RunWorker.topic, aggregate: run.name, version: version,
            payload: Cdt_Funding_V1_RunFact.with { $0.run = run }, at: now.microseconds, in: transaction)
    }

    private func clearLines(of number: Int64) async throws {
        while try await database.write({
            try RunStore.clearLines(run: number, limit: RunWorker.clearing, $0)
        }) > 0 {}
    }
}
