import ChangeFeed
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Payment batches: made, approved, given up. What became of payments, and reading, are in extensions.
package struct PaymentBook: Sendable {
    typealias Method = Cdt_Funding_V1_PaymentService.Method
    typealias Batch = Cdt_Funding_V1_PaymentBatch

    /// Teams that a request may name.
    package static let mostTeams = 10_000
    /// Lines of a file in one message.
    static let linesAtOnce = 500

    let database: Database
    let pageTokens: PageTokens
    let clock: Clock
    let outbox: Outbox

    package init(database: Database, outbox: Outbox, pageTokens: PageTokens, clock: Clock) {
        self.database = database
        self.outbox = outbox
        self.pageTokens = pageTokens
        self.clock = clock
    }

    // MARK: Making

    package func create(
        _ request: Cdt_Funding_V1_CreatePaymentBatchRequest, caller: String, key: RequestIDs.Key?
    ) async throws -> Cdt_Funding_V1_CreatePaymentBatchResponse {
        var check = Violations()
        _ = check.name(request.policy, of: "policies", "policy")
        let year = LedgerBook.year(request.year, "year", &check)
        check.require(
            request.teams.count <= PaymentBook.mostTeams, "teams", reason: "TOO_MANY",
            "names more than \(PaymentBook.mostTeams) teams; make several batches",
            vi: "nêu hơn \(PaymentBook.mostTeams) tổ; hãy lập nhiều đợt")
        for (index, team) in request.teams.prefix(PaymentBook.mostTeams).enumerated() {
            _ = check.name(team, of: "teams", "teams[\(index)]")
        }
        let note = check.text(request.note, "note", max: 2000, required: false)
        try check.refuse()
        let now = clock.now
        let name = "paymentBatches/\(UUIDv7.next(at: now))"
        // What is owed is summed outside of the write, which only looks whether it is still so.
        let looked = try await database.readPooled { transaction in
            try PaymentBook.owed(request, year, transaction)
        }
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                let budget: Budget
                switch try LedgerBook.budget(request.policy, request.budgetSource, year, transaction) {
                case .success(let found): budget = found
                case .failure(let error): return .failure(error)
                }
                var owed = looked
                if try PaymentStore.lastJournal(budget, transaction) != owed.journal {
                    owed = try PaymentStore.owed(budget, transaction)
                }
                let wanted = Set(request.teams)
                let payees = owed.amounts.filter { wanted.isEmpty || wanted.contains($0.payee.team) }
                guard !payees.isEmpty else { return .failure(FundingErrors.nothingPayable(budget)) }
                let earlier = try PaymentStore.earlierPayments(budget, transaction)
                let instructions = payees.map { payee, amount in
                    PaymentStore.Instruction(
                        name: payee.instruction(budget, earlier: earlier[payee, default: 0]), payee: payee,
                        amount: amount)
                }
                let preparers = try PaymentStore.preparers(budget, transaction)
                let sum = try FundingErrors.catchingOverflow {
                    try instructions.reduce(0) { try Money.add($0, $1.amount) }
                }
                let draft = JournalDraft(
                    .reservation, actor: caller, reference: name, note: note,
                    entries: instructions.map { PaymentBook.entry($0, budget, .payable, .reserved) })
                if case .failure(let refusal) = try LedgerStore.append(draft, at: now, transaction) {
                    return .failure(FundingErrors.refusal(refusal))
                }
                let batch = Batch.with {
                    $0.name = name
                    $0.state = .reserved
                    $0.policy = budget.policy
                    $0.year = Int32(year)
                    $0.budgetSource = .init(rawValue: budget.source.rawValue) ?? .unspecified
                    $0.instructionCount = Int64(instructions.count)
                    $0.amountDong = sum
                    $0.createdBy = caller
                    $0.createTime = now.timestamp
                    $0.preparedBy = preparers
                    $0.note = note
                }
                try PaymentStore.insert(batch, instructions, transaction)
                let stored = try PaymentStore.get(name, transaction)?.batch ?? batch
                return .success(.with { $0.paymentBatch = stored })
            }
        }.get()
    }

    private static func owed(
        _ request: Cdt_Funding_V1_CreatePaymentBatchRequest, _ year: Int, _ transaction: ReadTransaction
    ) throws -> PaymentStore.Owed {
        guard case .success(let budget) = try LedgerBook.budget(request.policy, request.budgetSource, year, transaction)
        else { return PaymentStore.Owed() }
        return try PaymentStore.owed(budget, transaction)
    }

    static func entry(
        _ instruction: PaymentStore.Instruction, _ budget: Budget, _ from: AccountKind, _ to: AccountKind
    ) -> LedgerEntry {
        LedgerEntry(
            from: budget[from], to: budget[to], instruction.amount, team: instruction.payee.team,
            person: instruction.payee.person, item: instruction.name)
    }

    // MARK: Deciding

    package func approve(
        _ request: Cdt_Funding_V1_ApprovePaymentBatchRequest, caller: String, key: RequestIDs.Key?
    ) async throws -> Cdt_Funding_V1_ApprovePaymentBatchResponse {
        let now = clock.now
        try PaymentBook.check(request.name, "name")
        return try await database.write { [outbox] transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                let found: PaymentStore.Numbered
                switch try PaymentBook.find(request.name, etag: request.etag, transaction) {
                case .success(let batch): found = batch
                case .failure(let error): return .failure(error)
                }
                var batch = found.batch
                guard batch.state == .reserved else {
                    return .failure(
                        FundingErrors.batchState(batch, needs: "a RESERVED batch is approved", vi: "duyệt đợt RESERVED")
                    )
                }
                if batch.createdBy == caller {
                    return .failure(
                        FundingErrors.samePerson(
                            caller, "made \(batch.name)", vi: "là người lập \(batch.name)", name: batch.name))
                }
                batch.state = .approved
                batch.approvedBy = caller
                batch.approveTime = now.timestamp
                try PaymentBook.tell(
                    PaymentStore.instructions(of: found.number, limit: .max, transaction), of: found, outbox, at: now,
                    transaction)
                return .success(try .with { $0.paymentBatch = try PaymentBook.store(batch, transaction) })
            }
        }.get()
    }

    package func void(_ request: Cdt_Funding_V1_VoidPaymentBatchRequest, caller: String, key: RequestIDs.Key?)
        async throws -> Cdt_Funding_V1_VoidPaymentBatchResponse
    {
        var check = Violations()
        _ = check.name(request.name, of: "paymentBatches", "name")
        let note = check.text(request.note, "note", max: 2000)
        try check.refuse()
        let now = clock.now
        return try await database.write { [outbox] transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                let found: PaymentStore.Numbered
                switch try PaymentBook.find(request.name, etag: request.etag, transaction) {
                case .success(let batch): found = batch
                case .failure(let error): return .failure(error)
                }
                var batch = found.batch
                guard batch.state == .reserved || batch.state == .approved,
                    batch.totals.allSatisfy({ $0.state == .reserved })
                else {
                    return .failure(
                        FundingErrors.batchState(
                            batch, needs: "a RESERVED or APPROVED batch of which nothing was paid is given up",
                            vi: "huỷ đợt RESERVED hoặc APPROVED chưa có khoản nào được chi"))
                }
                var instructions = try PaymentStore.instructions(of: found.number, limit: .max, transaction)
                let draft = JournalDraft(
                    .void, actor: caller, reference: batch.name, note: note,
                    entries: instructions.map { PaymentBook.entry($0, found.budget, .reserved, .payable) })
                if case .failure(let refusal) = try LedgerStore.append(draft, at: now, transaction) {
                    return .failure(FundingErrors.refusal(refusal))
                }
                for index in instructions.indices {
                    instructions[index].state = .failed
                    instructions[index].note = note
                    instructions[index].recordedBy = caller
                    instructions[index].paidOn = now.localDate.description
                    try PaymentStore.update(instructions[index], transaction)
                }
                // Of what was never approved nobody has been told.
                if batch.state == .approved {
                    try PaymentBook.tell(instructions, of: found, outbox, at: now, transaction)
                }
                batch.state = .voided
                return .success(try .with { $0.paymentBatch = try PaymentBook.store(batch, transaction) })
            }
        }.get()
    }

    static func check(_ name: String, _ field: String) throws {
        var check = Violations()
        _ = check.name(name, of: "paymentBatches", field)
        try check.refuse()
    }

    static func find(_ name: String, etag: String = "", _ transaction: ReadTransaction) throws
        -> Result<PaymentStore.Numbered, ServiceError>
    {
        guard let found = try PaymentStore.get(name, transaction) else {
            return .failure(FundingErrors.batchNotFound(name))
        }
        if let stale = Etag.refusal(etag, version: found.version, name: name) { return .failure(stale) }
        return .success(found)
    }

    static func store(_ batch: Batch, _ transaction: WriteTransaction) throws -> Batch {
        try PaymentStore.update(batch, transaction)
        return try PaymentStore.get(batch.name, transaction)?.batch ?? batch
    }
}
