import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Claims decided: "maker, checker and payer are different people".
extension ClaimBook {
    package func approve(_ request: Cdt_Funding_V1_ApproveClaimRequest, caller: String, key: RequestIDs.Key?)
        async throws -> Cdt_Funding_V1_ApproveClaimResponse
    {
        var check = Violations()
        _ = check.name(request.name, of: "claims", "name")
        let note = check.text(request.note, "note", max: 2000, required: false)
        try check.refuse()
        let now = clock.now
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                let found: ClaimStore.Numbered
                switch try ClaimBook.undecided(
                    by: caller, request.name, etag: request.etag, in: .submitted, transaction)
                {
                case .success(let claim): found = claim
                case .failure(let error): return .failure(error)
                }
                if let run = try ClaimBook.runOnItsWay(found.claim, transaction) {
                    return .failure(FundingErrors.runInProgress(found.claim.name, run))
                }
                // Submitted before a release that asked.
                if let refusal = try ClaimBook.doubleFunding(found.claim, transaction) { return .failure(refusal) }
                let decided = try FundingErrors.catchingOverflow { try ClaimBook.decided(found.claim, transaction) }
                var claim = decided.claim
                let entries = try FundingErrors.catchingOverflow { try ClaimBook.entries(decided) }
                if !entries.isEmpty {
                    let draft = JournalDraft(
                        .accrual, actor: caller, maker: claim.submittedBy, reference: claim.name, note: note,
                        entries: entries)
                    switch try FundingErrors.catchingOverflow({ try LedgerStore.append(draft, at: now, transaction) }) {
                    case .failure(let refusal): return .failure(FundingErrors.refusal(refusal))
                    case .success(let journal): claim.journal = journal.name
                    }
                }
                try ClaimStore.insert(decided.days, claim: found, transaction)
                claim.state = .approved
                claim.decidedBy = caller
                claim.decideTime = now.timestamp
                claim.decisionNote = note
                return .success(try .with { $0.claim = try ClaimBook.store(claim, transaction) })
            }
        }.get()
    }

    package func reject(_ request: Cdt_Funding_V1_RejectClaimRequest, caller: String, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_RejectClaimResponse
    {
        var check = Violations()
        _ = check.name(request.name, of: "claims", "name")
        let note = check.text(request.note, "note", max: 2000)
        try check.refuse()
        let now = clock.now
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                var claim: Claim
                switch try ClaimBook.undecided(
                    by: caller, request.name, etag: request.etag, in: .submitted, transaction)
                {
                case .success(let found): claim = found.claim
                case .failure(let error): return .failure(error)
                }
                claim.state = .rejected
                claim.decidedBy = caller
                claim.decideTime = now.timestamp
                claim.decisionNote = note
                claim.dueDong = 0
                return .success(try .with { $0.claim = try ClaimBook.store(claim, transaction) })
            }
        }.get()
    }

    /// A run that was approved over ceilings which the claim would change: its team's or, where one is over a whole
    /// budget, all teams'.
    static func runOnItsWay(_ claim: Claim, _ transaction: ReadTransaction) throws -> String? {
        if let run = try RunStore.onItsWay(team: claim.team, policy: claim.policy, transaction) { return run }
        let versions = try PolicyStore.versions(of: claim.policy, transaction)
        guard versions.contains(where: \.policy.hasBudgetCeiling) else { return nil }
        return try RunStore.onItsWay(policy: claim.policy, transaction)
    }

    /// A claim in the state in which it is decided about, and the caller may: it is not the caller's own.
    static func undecided(
        by caller: String, _ name: String, etag: String, in state: Cdt_Funding_V1_ClaimState,
        _ transaction: ReadTransaction
    ) throws -> Result<ClaimStore.Numbered, ServiceError> {
        guard let found = try ClaimStore.get(name, transaction) else {
            return .failure(FundingErrors.claimNotFound(name))
        }
        if let stale = Etag.refusal(etag, version: found.version, name: name) { return .failure(stale) }
        guard found.claim.state == state else {
            return .failure(
                state == .submitted
                    ? FundingErrors.claimDecided(found.claim) : FundingErrors.claimNotApproved(found.claim))
        }
        if found.claim.submittedBy == caller {
            return .failure(
                FundingErrors.samePerson(caller, "submitted \(name)", vi: "là người nộp \(name)", name: name))
        }
        return .success(found)
    }

    /// What is due comes out of what is free, and is owed from then on.
    private static func entries(_ decided: Decided) throws -> [LedgerEntry] {
        var taken: [Budget: Int64] = [:]
        var accruals: [LedgerEntry] = []
        for (item, decision) in zip(decided.claim.items, decided.decisions) {
            let policy = decided.policies[decision.version]
            for part in decision.parts where part.due > 0 {
                let budget = Budget(policy: policy.name, source: policy.budgetSource, year: part.month.year)
                taken[budget] = try Money.add(taken[budget, default: 0], part.due)
                accruals.append(
                    .accrual(
                        budget, delta: part.due, team: decided.claim.team, person: part.person ?? "",
                        line: AccruedLine(
                            component: decision.component.id, month: part.month, due: part.due, cut: part.isCut),
                        item: "\(decided.claim.name)/items/\(item.id)"))
            }
        }
        return taken.sorted { $0.key < $1.key }.map { budget, amount in
            LedgerEntry(from: budget[.appropriated], to: budget[.committed], amount)
        } + accruals
    }

    static func store(_ claim: Claim, _ transaction: WriteTransaction) throws -> Claim {
        try ClaimStore.update(claim, transaction)
        return try ClaimStore.get(claim.name, transaction)?.claim ?? claim
    }
}

extension FundingErrors {
    static func claimNotFound(_ name: String) -> ServiceError {
        ServiceError.notFound(
            type: "cdt.funding.v1.Claim", name: name, reason: "CLAIM_NOT_FOUND", listedBy: "ListClaims")
    }

    static func claimDecided(_ claim: Cdt_Funding_V1_Claim) -> ServiceError {
        let label = "\(claim.state)".uppercased()
        return .failedPrecondition(
            reason: "CLAIM_DECIDED", subject: claim.name,
            "\(claim.name) is \(label) by \(claim.decidedBy); a decision stands, submit a new claim instead",
            vi: "\(claim.name) đã được \(claim.decidedBy) quyết định (\(label)); hãy nộp đề nghị mới",
            metadata: ["resourceName": claim.name, "state": label])
    }

    static func notClaimable(_ claim: Cdt_Funding_V1_Claim, claimable: [String]) -> ServiceError {
        let list = claimable.isEmpty ? "none" : claimable.joined(separator: ", ")
        let asked = claim.component.isEmpty ? "no component" : claim.component
        return .failedPrecondition(
            reason: "NOT_CLAIMABLE", subject: claim.policy,
            "claim.component names \(asked); components of \(claim.policy) that are paid on claims: \(list)",
            vi: "claim.component nêu \(asked); các khoản của \(claim.policy) chi theo đề nghị: \(list)",
            metadata: ["resourceName": claim.policy, "claimable": list])
    }

    static func runInProgress(_ claim: String, _ run: String) -> ServiceError {
        .failedPrecondition(
            reason: "RUN_IN_PROGRESS", subject: claim,
            "\(run) is on its way into the books under the same policy; decide \(claim) after it is posted",
            vi: "\(run) đang được ghi sổ theo cùng chính sách; hãy quyết định \(claim) sau khi ghi sổ xong",
            metadata: ["resourceName": claim, "run": run])
    }
}
