import ChangeFeed
import ServiceKit
import Shared
import Storage

/// Writes an approved run into the books, some lines at a time.
///
/// A journal and the place reached are one transaction, so that a killed process goes on exactly where it was, and two
/// replicas that post the same run write each line once.
struct RunPoster: Sendable {
    /// Lines in one journal.
    static let linesPerJournal = 2000

    /// The books refuse what an approved run has set aside: they have been tampered with.
    struct Refused: Error, CustomStringConvertible {
        let run: String
        let refusal: LedgerRefusal
        var description: String { "\(run) cannot be posted: \(FundingErrors.refusal(refusal).message)" }
    }

    let database: Database
    let outbox: Outbox
    let clock: Clock

    func post(_ name: String) async throws {
        while try await step(name) { try Task.checkCancellation() }
    }

    /// One journal; false when nothing is left.
    private func step(_ name: String) async throws -> Bool {
        let now = clock.now
        return try await database.write { [outbox] transaction in
            guard let numbered = try RunStore.get(name, transaction), numbered.run.state == .posting else {
                return false
            }
            let lines = try RunStore.linesToPost(numbered, limit: RunPoster.linesPerJournal, transaction)
            var run = numbered.run
            if let last = lines.last {
                let entries = try RunPoster.entries(lines, transaction)
                try RunPoster.append(
                    JournalDraft(
                        .accrual, actor: run.decidedBy, maker: run.startedBy, reference: run.name, entries: entries),
                    of: run, at: now, transaction)
                try RunStore.setPosted(after: last.position, of: numbered.number, transaction)
                run.linesPosted += Int64(lines.count)
            }
            let isDone = lines.count < RunPoster.linesPerJournal
            if isDone {
                try RunPoster.release(numbered, at: now, transaction)
                run.state = .posted
                run.postTime = now.timestamp
                try RunWorker.tell(run, outbox, at: now, transaction)
            }
            try RunStore.update(run, transaction)
            return !isDone
        }
    }

    private static func append(
        _ draft: JournalDraft, of run: RunStore.Run, at now: Instant, _ transaction: WriteTransaction
    ) throws {
        if case .failure(let refusal) = try LedgerStore.append(draft, at: now, transaction) {
            throw Refused(run: run.name, refusal: refusal)
        }
    }

    private static func entries(
        _ lines: [(
            position: RunStore.Position, policyVersion: Int, amount: Int64, postedBefore: Int64, isCut: Bool
        )], _ transaction: ReadTransaction
    ) throws -> [LedgerEntry] {
        struct Version: Hashable {
            var policy: String
            var number: Int
        }
        var sources: [Version: BudgetSource] = [:]
        return try lines.map { line in
            let position = line.position
            let version = Version(policy: position.policy, number: line.policyVersion)
            if sources[version] == nil {
                sources[version] =
                    try PolicyStore.get(version.policy, version: version.number, transaction)?.policy.budgetSource
            }
            guard let source = sources[version], let month = Month(position.month) else {
                throw StorageError.misuse("\(version.policy) version \(version.number), which a run used, is gone")
            }
            return .accrual(
                Budget(policy: position.policy, source: source, year: month.year),
                delta: line.amount - line.postedBefore, team: position.team, person: position.person,
                line: AccruedLine(component: position.component, month: month, due: line.amount, cut: line.isCut))
        }
    }

    /// What corrections took back is free again.
    private static func release(_ run: RunStore.Numbered, at now: Instant, _ transaction: WriteTransaction) throws {
        let entries = try RunStore.budgets(of: run.number, transaction).filter { $0.1.debit > 0 }.map {
            budget, change in
            LedgerEntry(from: budget[.committed], to: budget[.appropriated], change.debit)
        }
        guard !entries.isEmpty else { return }
        try append(
            JournalDraft(
                .release, actor: run.run.decidedBy, maker: run.run.startedBy, reference: run.run.name, entries: entries),
            of: run.run, at: now, transaction)
    }
}
