import ChangeFeed
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// The answers that give a changed run back.
private protocol RunAnswer: Message {
    var run: Cdt_Funding_V1_Run { get set }
}
extension Cdt_Funding_V1_ApproveRunResponse: RunAnswer {}
extension Cdt_Funding_V1_RejectRunResponse: RunAnswer {}
extension Cdt_Funding_V1_PostRunResponse: RunAnswer {}

/// Runs on their way into the books: approved by another person than who started them, then posted; or given up.
extension RunBook {
    private typealias Run = Cdt_Funding_V1_Run

    package func approve(_ request: Cdt_Funding_V1_ApproveRunRequest, caller: String, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_ApproveRunResponse
    {
        var check = Violations()
        _ = check.name(request.name, of: "runs", "name")
        let note = check.text(request.note, "note", max: 2000, required: false)
        try check.refuse()
        return try await change(request.name, etag: request.etag, key) { [outbox] numbered, now, transaction in
            let run = numbered.run
            if run.state != .computed {
                return .failure(
                    FundingErrors.runState(run, needs: "a COMPUTED run is approved", vi: "duyệt được đợt tính COMPUTED")
                )
            }
            if run.startedBy == caller {
                return .failure(
                    FundingErrors.samePerson(
                        caller, "started \(run.name)", vi: "là người khởi tạo \(run.name)", name: run.name))
            }
            if let overtaken = try RunBook.overtaken(numbered, transaction) { return .failure(overtaken) }
            let decision = Decision(state: .approved, caller: caller, note: note, time: now)
            let commitment = Decision.Movement(kind: .commitment, from: .appropriated, to: .committed)
            return try decision.take(on: numbered, moving: commitment, outbox, transaction)
        }
    }

    package func reject(_ request: Cdt_Funding_V1_RejectRunRequest, caller: String, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_RejectRunResponse
    {
        var check = Violations()
        _ = check.name(request.name, of: "runs", "name")
        let note = check.text(request.note, "note", max: 2000)
        try check.refuse()
        return try await change(request.name, etag: request.etag, key) { [outbox] numbered, now, transaction in
            guard numbered.run.state == .computed || numbered.run.state == .approved else {
                return .failure(
                    FundingErrors.runState(
                        numbered.run, needs: "a COMPUTED or APPROVED run is rejected",
                        vi: "huỷ được đợt tính COMPUTED hoặc APPROVED"))
            }
            let decision = Decision(state: .rejected, caller: caller, note: note, time: now)
            // Only an approval has set something aside.
            let release = Decision.Movement(kind: .release, from: .committed, to: .appropriated)
            return try decision.take(
                on: numbered, moving: numbered.run.state == .approved ? release : nil, outbox, transaction)
        }
    }

    package func post(_ request: Cdt_Funding_V1_PostRunRequest, caller: String, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_PostRunResponse
    {
        var check = Violations()
        _ = check.name(request.name, of: "runs", "name")
        try check.refuse()
        return try await change(request.name, etag: request.etag, key) { numbered, _, transaction in
            var run = numbered.run
            guard run.state == .approved else {
                return .failure(
                    FundingErrors.runState(run, needs: "an APPROVED run is posted", vi: "ghi sổ đợt tính APPROVED"))
            }
            run.state = .posting
            run.postedBy = caller
            transaction.notify(RunStore.startedChannel)
            return .success(run)
        }
    }

    /// Changes a run, once for each request id: `body` refuses, or gives the run back as it is to be stored.
    private func change<Answer: RunAnswer>(
        _ name: String, etag: String, _ key: RequestIDs.Key?,
        _ body: @escaping @Sendable (RunStore.Numbered, Instant, WriteTransaction) throws -> Result<Run, ServiceError>
    ) async throws -> Answer {
        let now = clock.now
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                guard let found = try RunStore.get(name, transaction) else {
                    return .failure(FundingErrors.runNotFound(name))
                }
                if !etag.isEmpty, etag != found.run.etag {
                    return .failure(FundingErrors.etagMismatch(name, etag: found.run.etag))
                }
                switch try body(found, now, transaction) {
                case .success(let run): return .success(try .with { $0.run = try RunBook.store(run, transaction) })
                case .failure(let refusal): return .failure(refusal)
                }
            }
        }.get()
    }

    /// Somebody's word on a run that was computed.
    private struct Decision {
        /// What it books, between two accounts of each of the run's budgets.
        struct Movement {
            let kind: JournalKind
            let from: AccountKind
            let to: AccountKind
        }

        let state: Cdt_Funding_V1_RunState
        let caller: String
        let note: String
        let time: Instant

        /// Moves what the run takes from its budgets between their accounts, and tells others.
        func take(
            on numbered: RunStore.Numbered, moving: Movement?, _ outbox: Outbox, _ transaction: WriteTransaction
        ) throws -> Result<Run, ServiceError> {
            var run = numbered.run
            if let moving {
                let entries = try RunStore.budgets(of: numbered.number, transaction).filter { $0.1.credit > 0 }
                    .map { LedgerEntry(from: $0[moving.from], to: $0[moving.to], $1.credit) }
                if !entries.isEmpty {
                    let draft = JournalDraft(
                        moving.kind, actor: caller, maker: run.startedBy, reference: run.name, note: note,
                        entries: entries)
                    let journal = try FundingErrors.catchingOverflow {
                        try LedgerStore.append(draft, at: time, transaction)
                    }
                    if case .failure(let refusal) = journal { return .failure(FundingErrors.refusal(refusal)) }
                }
            }
            run.state = state
            run.decidedBy = caller
            run.decideTime = time.timestamp
            run.decisionNote = note
            try RunWorker.tell(run, outbox, at: time, transaction)
            return .success(run)
        }
    }

    /// Why a run's amounts may no longer be what they are to be.
    private static func overtaken(_ run: RunStore.Numbered, _ transaction: ReadTransaction) throws -> ServiceError? {
        let name = run.run.name
        let canBePosted = try RunStore.canBePosted(name, transaction)
        if try !canBePosted || RunStore.isStale(run, transaction) { return FundingErrors.runStale(name) }
        if let other = try RunStore.overlapping(run, transaction) { return FundingErrors.runOverlaps(name, other) }
        // A ceiling over a whole budget makes every team's amount depend on all others'.
        for policy in Set(try RunStore.budgets(of: run.number, transaction).map(\.0.policy)).sorted() {
            let versions = try PolicyStore.versions(of: policy, transaction)
            guard versions.contains(where: \.policy.hasBudgetCeiling) else { continue }
            if try RunStore.isStale(run, policy: policy, transaction) { return FundingErrors.runStale(name) }
            if let other = try RunStore.onItsWay(policy: policy, besides: run, transaction) {
                return FundingErrors.runOverlaps(name, other)
            }
        }
        return nil
    }

    /// Stores a run in its new state, and gives it back with its new etag.
    private static func store(_ run: Run, _ transaction: WriteTransaction) throws -> Run {
        try RunStore.update(run, transaction)
        return try RunStore.get(run.name, transaction)?.run ?? run
    }
}
