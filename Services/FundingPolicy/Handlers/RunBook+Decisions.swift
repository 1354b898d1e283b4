import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

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
        let now = clock.now
        return try await database.write { [outbox] transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                let numbered: RunStore.Numbered
                switch try RunBook.run(request.name, etag: request.etag, transaction) {
                case .success(let found): numbered = found
                case .failure(let error): return .failure(error)
                }
                var run = numbered.run
                if run.state != .computed {
                    return .failure(
                        FundingErrors.runState(
                            run, needs: "a COMPUTED run is approved", vi: "duyệt được đợt tính COMPUTED"))
                }
                if run.startedBy == caller {
                    return .failure(
                        FundingErrors.samePerson(
                            caller, "started \(run.name)", vi: "là người khởi tạo \(run.name)", name: run.name))
                }
                if let overtaken = try RunBook.overtaken(numbered, transaction) { return .failure(overtaken) }
                let entries = try RunStore.budgets(of: numbered.number, transaction).filter { $0.1.credit > 0 }
                    .map { LedgerEntry(from: $0[.appropriated], to: $0[.committed], $1.credit) }
                if !entries.isEmpty {
                    let draft = JournalDraft(
                        .commitment, actor: caller, maker: run.startedBy, reference: run.name, note: note,
                        entries: entries)
                    let journal = try FundingErrors.catchingOverflow {
                        try LedgerStore.append(draft, at: now, transaction)
                    }
                    if case .failure(let refusal) = journal { return .failure(FundingErrors.refusal(refusal)) }
                }
                run.state = .approved
                run.decidedBy = caller
                run.decideTime = now.timestamp
                run.decisionNote = note
                try RunWorker.tell(run, outbox, at: now, transaction)
                return .success(try .with { $0.run = try RunBook.store(run, transaction) })
            }
        }.get()
    }

    package func reject(_ request: Cdt_Funding_V1_RejectRunRequest, caller: String, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_RejectRunResponse
    {
        var check = Violations()
        _ = check.name(request.name, of: "runs", "name")
        let note = check.text(request.note, "note", max: 2000)
        try check.refuse()
        let now = clock.now
        return try await database.write { [outbox] transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                let numbered: RunStore.Numbered
                switch try RunBook.run(request.name, etag: request.etag, transaction) {
                case .success(let found): numbered = found
                case .failure(let error): return .failure(error)
                }
                var run = numbered.run
                guard run.state == .computed || run.state == .approved else {
                    return .failure(
                        FundingErrors.runState(
                            run, needs: "a COMPUTED or APPROVED run is rejected",
                            vi: "huỷ được đợt tính COMPUTED hoặc APPROVED"))
                }
                let entries = try RunStore.budgets(of: numbered.number, transaction).filter { $0.1.credit > 0 }
                    .map { LedgerEntry(from: $0[.committed], to: $0[.appropriated], $1.credit) }
                if run.state == .approved, !entries.isEmpty {
                    let draft = JournalDraft(
                        .release, actor: caller, maker: run.startedBy, reference: run.name, note: note, entries: entries
                    )
                    if case .failure(let refusal) = try LedgerStore.append(draft, at: now, transaction) {
                        return .failure(FundingErrors.refusal(refusal))
                    }
                }
                run.state = .rejected
                run.decidedBy = caller
                run.decideTime = now.timestamp
                run.decisionNote = note
                try RunWorker.tell(run, outbox, at: now, transaction)
                return .success(try .with { $0.run = try RunBook.store(run, transaction) })
            }
        }.get()
    }

    package func post(_ request: Cdt_Funding_V1_PostRunRequest, caller: String, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_PostRunResponse
    {
        var check = Violations()
        _ = check.name(request.name, of: "runs", "name")
        try check.refuse()
        let now = clock.now
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                var run: Run
                switch try RunBook.run(request.name, etag: request.etag, transaction) {
                case .success(let found): run = found.run
                case .failure(let error): return .failure(error)
                }
                guard run.state == .approved else {
                    return .failure(
                        FundingErrors.runState(run, needs: "an APPROVED run is posted", vi: "ghi sổ đợt tính APPROVED"))
                }
                run.state = .posting
                run.postedBy = caller
                transaction.notify(RunStore.startedChannel)
                return .success(try .with { $0.run = try RunBook.store(run, transaction) })
            }
        }.get()
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

    private static func run(_ name: String, etag: String, _ transaction: ReadTransaction) throws
        -> Result<RunStore.Numbered, ServiceError>
    {
        guard let found = try RunStore.get(name, transaction) else { return .failure(FundingErrors.runNotFound(name)) }
        if !etag.isEmpty, etag != found.run.etag {
            return .failure(FundingErrors.etagMismatch(name, etag: found.run.etag))
        }
        return .success(found)
    }

    /// Stores a run in its new state, and gives it back with its new etag.
    private static func store(_ run: Run, _ transaction: WriteTransaction) throws -> Run {
        try RunStore.update(run, transaction)
        return try RunStore.get(run.name, transaction)?.run ?? run
    }
}
