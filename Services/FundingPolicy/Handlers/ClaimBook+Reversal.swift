import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Approved claims taken back: "corrections by contra entries".
extension ClaimBook {
    package func reverse(_ request: Cdt_Funding_V1_ReverseClaimRequest, caller: String, key: RequestIDs.Key?)
        async throws -> Cdt_Funding_V1_ReverseClaimResponse
    {
        var check = Violations()
        _ = check.name(request.name, of: "claims", "name")
        let note = check.text(request.note, "note", max: 2000)
        try check.refuse()
        let now = clock.now
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                let found: ClaimStore.Numbered
                switch try ClaimBook.undecided(by: caller, request.name, etag: request.etag, in: .approved, transaction)
                {
                case .success(let claim): found = claim
                case .failure(let error): return .failure(error)
                }
                var claim = found.claim
                // Its lines hold what the ceilings leave at this moment: freed room would come too late for them.
                if let run = try ClaimBook.runOnItsWay(claim, transaction) {
                    return .failure(FundingErrors.runInProgress(claim.name, run))
                }
                if !claim.journal.isEmpty {
                    let draft = JournalDraft(
                        .accrual, actor: caller, maker: claim.submittedBy, reference: claim.name, note: note,
                        entries: try ClaimBook.contraEntries(claim, transaction))
                    switch try LedgerStore.append(draft, at: now, transaction) {
                    case .failure(let refusal): return .failure(FundingErrors.refusal(refusal))
                    case .success(let journal): claim.reversalJournal = journal.name
                    }
                }
                try ClaimStore.removeDays(of: found, transaction)
                claim.state = .reversed
                claim.dueDong = 0
                claim.reversedBy = caller
                claim.reverseTime = now.timestamp
                claim.reversalNote = note
                return .success(try .with { $0.claim = try ClaimBook.store(claim, transaction) })
            }
        }.get()
    }

    /// What was owed goes back to what was set aside, and from there it is free again. The lines stay known with
    /// nothing due: the room that they took under the ceilings is there for claims to come.
    private static func contraEntries(_ claim: Claim, _ transaction: ReadTransaction) throws -> [LedgerEntry] {
        var freed: [Budget: Int64] = [:]
        var entries: [LedgerEntry] = []
        for accrual in try LedgerReader.accruals(of: claim.journal, transaction) {
            freed[accrual.budget] = try Money.add(freed[accrual.budget, default: 0], accrual.entry.amount)
            var line = accrual.line
            (line.due, line.cut) = (0, false)
            entries.append(
                .accrual(
                    accrual.budget, delta: -accrual.entry.amount, team: accrual.entry.team,
                    person: accrual.entry.person, line: line, item: accrual.entry.item))
        }
        return entries
            + freed.sorted { $0.key < $1.key }.map { budget, amount in
                LedgerEntry(from: budget[.committed], to: budget[.appropriated], amount)
            }
    }
}

extension FundingErrors {
    static func claimNotApproved(_ claim: Cdt_Funding_V1_Claim) -> ServiceError {
        let label = "\(claim.state)".uppercased()
        return .failedPrecondition(
            reason: "CLAIM_NOT_APPROVED", subject: claim.name,
            "\(claim.name) is \(label); only an APPROVED claim is reversed, a SUBMITTED one is rejected",
            vi:
                "\(claim.name) đang ở trạng thái \(label); chỉ đảo được đề nghị APPROVED, đề nghị SUBMITTED thì từ chối",
            metadata: ["resourceName": claim.name, "state": label])
    }
}
