import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Funding_V1_ListAccountsRequest: PagedRequest {}
extension Cdt_Funding_V1_ListJournalsRequest: PagedRequest {}
extension Cdt_Funding_V1_ListJournalEntriesRequest: PagedRequest {}

/// The books: appropriations, balances, journals and their verification.
package struct LedgerBook: Sendable {
    typealias Method = Cdt_Funding_V1_LedgerService.Method

    /// Calendar years that money can be booked for.
    static let years = 2000...2199

    let database: Database
    let pageTokens: PageTokens
    let clock: Clock

    package init(database: Database, pageTokens: PageTokens, clock: Clock) {
        self.database = database
        self.pageTokens = pageTokens
        self.clock = clock
    }

    static func year(_ year: Int32, _ field: String, _ check: inout Violations) -> Int {
        check.require(
            years.contains(Int(year)), field, reason: "INVALID_YEAR",
            "\(year) is not a year from \(years.lowerBound) to \(years.upperBound)",
            vi: "\(year) không phải năm từ \(years.lowerBound) đến \(years.upperBound)")
        return Int(year)
    }

    /// The budget that a request names; the source is the policy's own unless another is given.
    static func budget(
        _ policy: String, _ source: Cdt_Funding_V1_BudgetSource, _ year: Int, _ transaction: ReadTransaction
    ) throws -> Result<Budget, ServiceError> {
        let versions = try PolicyStore.versions(of: policy, transaction).map(\.policy)
        if versions.isEmpty { return .failure(FundingErrors.policyNotFound(policy)) }
        guard let active = versions.last(where: { $0.state == .active }) else {
            return .failure(FundingErrors.policyNotActive(policy))
        }
        return .success(
            Budget(policy: policy, source: BudgetSource(rawValue: source.rawValue) ?? active.budgetSource, year: year))
    }

    // MARK: Writing

    package func appropriate(
        _ request: Cdt_Funding_V1_RecordAppropriationRequest, caller: String, key: RequestIDs.Key?
    ) async throws -> Cdt_Funding_V1_RecordAppropriationResponse {
        var check = Violations()
        _ = check.name(request.policy, of: "policies", "policy")
        let year = LedgerBook.year(request.year, "year", &check)
        check.require(
            request.amountDong != 0 && request.amountDong != .min, "amount_dong", reason: "REQUIRED",
            "say how many đồng; below 0 takes back", vi: "cần số tiền; số âm là thu hồi")
        let document = PolicyMessages.legalDocument(request.document, "document", &check)
        let note = check.text(request.note, "note", max: 2000, required: false)
        try check.refuse()
        let now = clock.now
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                let budget: Budget
                switch try LedgerBook.budget(request.policy, request.budgetSource, year, transaction) {
                case .success(let found): budget = found
                case .failure(let error): return .failure(error)
                }
                let gives = request.amountDong > 0
                let entry = LedgerEntry(
                    from: budget[gives ? .treasury : .appropriated], to: budget[gives ? .appropriated : .treasury],
                    Int64(request.amountDong.magnitude))
                let draft = JournalDraft(
                    .appropriation, actor: caller, reference: request.policy, document: document, note: note,
                    entries: [entry])
                switch try FundingErrors.catchingOverflow({ try LedgerStore.append(draft, at: now, transaction) }) {
                case .failure(let refusal): return .failure(FundingErrors.refusal(refusal))
                case .success(let journal):
                    let account = try LedgerStore.account(budget[.appropriated].name, transaction)
                    let message = try journal.message()
                    return .success(
                        .with {
                            $0.journal = message
                            if let account { $0.account = account.message }
                        })
                }
            }
        }.get()
    }

    package func setOverdraft(
        _ request: Cdt_Funding_V1_SetOverdraftRequest, caller: String, key: RequestIDs.Key?
    ) async throws -> Cdt_Funding_V1_SetOverdraftResponse {
        var check = Violations()
        _ = check.name(request.account, of: "accounts", "account")
        let document = PolicyMessages.legalDocument(request.document, "document", &check)
        let note = check.text(request.note, "note", max: 2000, required: false)
        try check.refuse()
        let now = clock.now
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                guard let account = try LedgerStore.account(request.account, transaction) else {
                    return .failure(FundingErrors.accountNotFound(request.account))
                }
                if let stale = Etag.refusal(request.etag, version: account.version, name: request.account) {
                    return .failure(stale)
                }
                guard account.key.kind.overdraftCanBeSet else {
                    return .failure(FundingErrors.overdraftNotChangeable(account.key))
                }
                if !request.mayOverdraw, account.balance < 0 {
                    return .failure(FundingErrors.accountOverdrawn(account))
                }
                if account.mayOverdraw != request.mayOverdraw {
                    // The decision is part of the chain: its note says which way.
                    let draft = JournalDraft(
                        .overdraft, actor: caller, reference: request.account, document: document,
                        note: "may_overdraw=\(request.mayOverdraw)" + (note.isEmpty ? "" : "; \(note)"), entries: [])
                    _ = try LedgerStore.append(draft, at: now, transaction)
                    try LedgerStore.setOverdraft(account, request.mayOverdraw, transaction)
                }
                let changed = try LedgerStore.account(request.account, transaction) ?? account
                return .success(.with { $0.account = changed.message })
            }
        }.get()
    }

    // MARK: Reading

    package func accounts(_ request: Cdt_Funding_V1_ListAccountsRequest) async throws
        -> Cdt_Funding_V1_ListAccountsResponse
    {
        var check = Violations()
        _ = check.name(request.policy, of: "policies", "policy", required: false)
        if request.year != 0 { _ = LedgerBook.year(request.year, "year", &check) }
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listAccounts, size: 100)
        let found = try await database.readPooled {
            try LedgerReader.accounts(
                policy: request.policy, year: Int(request.year), after: page.position?.first ?? "",
                limit: page.size + 1, $0)
        }
        let (rows, next) = try pageTokens.cut(found, to: page, of: request, Method.listAccounts) { [$0.message.name] }
        return .with {
            $0.accounts = rows.map(\.message)
            $0.nextPageToken = next
        }
    }

    package func trialBalance(_ request: Cdt_Funding_V1_GetTrialBalanceRequest) async throws
        -> Cdt_Funding_V1_GetTrialBalanceResponse
    {
        var check = Violations()
        _ = check.name(request.policy, of: "policies", "policy", required: false)
        if request.year != 0 { _ = LedgerBook.year(request.year, "year", &check) }
        try check.refuse()
        let moment = request.hasAtTime ? Instant(request.atTime) : clock.now
        return try await database.readPooled { transaction in
            // Without a moment everything counts, whatever the clocks of this and other machines say.
            let head =
                request.hasAtTime
                ? try LedgerReader.head(at: moment, transaction) : try LedgerStore.head(transaction)
            let accounts = try LedgerReader.balances(
                until: head.number, policy: request.policy, year: Int(request.year), transaction)
            let debit = try accounts.reduce(0) { try Money.add($0, $1.debit) }
            let credit = try accounts.reduce(0) { try Money.add($0, $1.credit) }
            return .with {
                $0.accounts = accounts.map(\.message)
                $0.debitDong = debit
                $0.creditDong = credit
                $0.journal = head.number
                $0.chainHash = head.number > 0 ? Hex.text(head.hash) : ""
                $0.atTime = moment.timestamp
            }
        }
    }

    package func journals(_ request: Cdt_Funding_V1_ListJournalsRequest) async throws
        -> Cdt_Funding_V1_ListJournalsResponse
    {
        let page = try pageTokens.page(of: request, Method.listJournals, size: 100)
        let before = page.position?.first.flatMap { Int64($0) }
        let found = try await database.readPooled {
            try LedgerReader.journals(
                reference: request.reference, kind: JournalKind(rawValue: request.kind.rawValue), before: before,
                limit: page.size + 1, $0)
        }
        let (rows, next) = try pageTokens.cut(found, to: page, of: request, Method.listJournals) { [String($0.number)] }
        return try .with {
            $0.journals = try rows.map { try $0.message() }
            $0.nextPageToken = next
        }
    }

    package func entries(_ request: Cdt_Funding_V1_ListJournalEntriesRequest) async throws
        -> Cdt_Funding_V1_ListJournalEntriesResponse
    {
        var check = Violations()
        var filter = LedgerReader.EntryFilter()
        if !request.journal.isEmpty {
            filter.journal = ResourceName.id(request.journal, in: "journals").flatMap { Int64($0) }
            check.require(
                filter.journal != nil, "journal", reason: "INVALID_NAME", "write journals/{number}",
                vi: "hãy viết journals/{số}")
        }
        filter.team = check.name(request.team, of: "teams", "team", required: false) == nil ? "" : request.team
        filter.person = check.name(request.person, of: "people", "person", required: false) == nil ? "" : request.person
        check.require(
            !request.journal.isEmpty || !request.team.isEmpty, "journal", reason: "REQUIRED",
            "name a journal or a team", vi: "cần bút toán hoặc tổ")
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listJournalEntries, size: 100)
        let position = page.position.flatMap { values in
            values.count == 2
                ? Int64(values[0]).flatMap { journal in Int(values[1]).map { (journal: journal, position: $0) } } : nil
        }
        let found = try await database.readPooled { [filter] in
            try LedgerReader.entries(filter, after: position, limit: page.size + 1, $0)
        }
        let (rows, next) = try pageTokens.cut(found, to: page, of: request, Method.listJournalEntries) {
            [ResourceName.lastID($0.journal), String($0.position)]
        }
        return .with {
            $0.entries = rows
            $0.nextPageToken = next
        }
    }

    package func verify(
        _ request: Cdt_Funding_V1_VerifyLedgerRequest, send: (Cdt_Funding_V1_VerifyLedgerResponse) async throws -> Void
    ) async throws {
        var check = Violations()
        check.require(
            (request.expectedJournal > 0) == !request.expectedHash.isEmpty && request.expectedJournal >= 0,
            "expected_hash", "give the journal's number and its hash, or neither",
            vi: "cần cả số bút toán và mã băm, hoặc không nêu cả hai")
        check.require(
            request.expectedHash.isEmpty
                || request.expectedHash.utf8.count == 64 && request.expectedHash.allSatisfy(\.isHexDigit),
            "expected_hash", reason: "INVALID_HASH", "is not 64 hexadecimal digits",
            vi: "không phải 64 chữ số thập lục phân")
        try check.refuse()
        var verifier = LedgerVerifier(
            expecting: request.expectedJournal > 0 ? (request.expectedJournal, request.expectedHash) : nil)
        while true {
            // Each step is a read of its own: a slow client holds no reader.
            verifier = try await database.readPooled { [verifier] transaction in
                var next = verifier
                try next.advance(transaction)
                return next
            }
            let reached = verifier
            let ended = reached.isComplete || reached.finding != nil
            try await send(
                .with {
                    $0.journalsDone = reached.number
                    $0.journalsTotal = reached.total
                    $0.complete = ended
                    $0.intact = ended && reached.finding == nil
                    $0.brokenAt = reached.finding?.number ?? 0
                    $0.finding = reached.finding?.texts.english ?? ""
                    $0.findingVi = reached.finding?.texts.vietnamese ?? ""
                    $0.chainHash = reached.number > 0 ? Hex.text(reached.hash) : ""
                })
            if ended { return }
        }
    }
}
