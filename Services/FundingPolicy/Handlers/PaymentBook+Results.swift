import ChangeFeed
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// What became of payments.
extension PaymentBook {
    /// Results in one request.
    package static let mostResults = 5000

    private struct Refused {
        var reason: String
        var text: String
        var textVi: String
    }

    package func record(
        _ request: Cdt_Funding_V1_RecordPaymentResultsRequest, caller: String, key: RequestIDs.Key?
    ) async throws -> Cdt_Funding_V1_RecordPaymentResultsResponse {
        var check = Violations()
        _ = check.name(request.batch, of: "paymentBatches", "batch")
        check.require(
            (1...PaymentBook.mostResults).contains(request.results.count), "results", reason: "INVALID_COUNT",
            "send 1 to \(PaymentBook.mostResults) results", vi: "gửi từ 1 đến \(PaymentBook.mostResults) kết quả")
        try check.refuse()
        let now = clock.now
        return try await database.write { [outbox] transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                let found: PaymentStore.Numbered
                switch try PaymentBook.payable(request.batch, caller: caller, transaction) {
                case .success(let batch): found = batch
                case .failure(let error): return .failure(error)
                }
                var current: [String: PaymentStore.Instruction] = [:]
                var entries: [JournalKind: [LedgerEntry]] = [:]
                var verdicts: [Cdt_Funding_V1_PaymentVerdict] = []
                for (position, result) in request.results.enumerated() {
                    let known =
                        try current[result.instruction]
                        ?? PaymentStore.instruction(result.instruction, of: found.number, transaction)
                    let judged = PaymentBook.judge(result, known, today: now.localDate, caller: caller)
                    var verdict = Cdt_Funding_V1_PaymentVerdict()
                    verdict.position = Int32(position)
                    verdict.instruction = result.instruction
                    switch judged {
                    case .failure(let refused):
                        (verdict.reason, verdict.text, verdict.textVi) = (refused.reason, refused.text, refused.textVi)
                    case .success(let (next, moves)):
                        verdict.accepted = true
                        verdict.unchanged = moves.isEmpty
                        for move in moves {
                            entries[move.kind, default: []].append(
                                PaymentBook.entry(next, found.budget, move.from, move.to))
                        }
                        if !moves.isEmpty { current[result.instruction] = next }
                    }
                    verdicts.append(verdict)
                }
                try PaymentBook.book(entries, found, caller: caller, note: "", at: now, transaction)
                let changed = current.values.sorted { $0.name < $1.name }
                for instruction in changed { try PaymentStore.update(instruction, transaction) }
                try PaymentBook.tell(changed, of: found, outbox, at: now, transaction)
                let (told, batch) = (verdicts, try PaymentBook.settled(found, transaction))
                return .success(
                    .with {
                        $0.verdicts = told
                        $0.paymentBatch = batch
                    })
            }
        }.get()
    }

    package func reopen(
        _ request: Cdt_Funding_V1_ReopenReturnedPaymentsRequest, caller: String, key: RequestIDs.Key?
    ) async throws -> Cdt_Funding_V1_ReopenReturnedPaymentsResponse {
        var check = Violations()
        _ = check.name(request.batch, of: "paymentBatches", "batch")
        check.require(
            request.instructions.count <= PaymentBook.mostResults, "instructions", reason: "TOO_MANY",
            "names more than \(PaymentBook.mostResults) instructions",
            vi: "nêu hơn \(PaymentBook.mostResults) lệnh chi")
        let note = check.text(request.note, "note", max: 2000)
        try check.refuse()
        let now = clock.now
        return try await database.write { [outbox] transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                let found: PaymentStore.Numbered
                switch try PaymentBook.find(request.batch, transaction) {
                case .success(let batch): found = batch
                case .failure(let error): return .failure(error)
                }
                var chosen: [PaymentStore.Instruction] = []
                if request.instructions.isEmpty {
                    chosen = try PaymentStore.instructions(
                        of: found.number, state: .returned, limit: .max, transaction)
                }
                for name in Set(request.instructions).sorted() {
                    guard let instruction = try PaymentStore.instruction(name, of: found.number, transaction) else {
                        return .failure(FundingErrors.instructionNotFound(name))
                    }
                    guard instruction.state == .returned else {
                        return .failure(FundingErrors.notReturned(instruction))
                    }
                    chosen.append(instruction)
                }
                let entries = chosen.map { PaymentBook.entry($0, found.budget, .returned, .payable) }
                try PaymentBook.book([.reopening: entries], found, caller: caller, note: note, at: now, transaction)
                for index in chosen.indices {
                    chosen[index].state = .reopened
                    chosen[index].note = note
                    chosen[index].recordedBy = caller
                    try PaymentStore.update(chosen[index], transaction)
                }
                try PaymentBook.tell(chosen, of: found, outbox, at: now, transaction)
                let (count, batch) = (Int32(chosen.count), try PaymentBook.settled(found, transaction))
                return .success(
                    .with {
                        $0.reopened = count
                        $0.paymentBatch = batch
                    })
            }
        }.get()
    }

    /// A batch that may be paid, by a caller who has neither prepared nor checked nor approved what is in it.
    private static func payable(_ name: String, caller: String, _ transaction: ReadTransaction) throws
        -> Result<PaymentStore.Numbered, ServiceError>
    {
        let found: PaymentStore.Numbered
        switch try find(name, transaction) {
        case .success(let batch): found = batch
        case .failure(let error): return .failure(error)
        }
        let batch = found.batch
        guard batch.state == .approved || batch.state == .reconciled else {
            return .failure(
                FundingErrors.batchState(
                    batch, needs: "an APPROVED batch has results", vi: "ghi kết quả cho đợt APPROVED"))
        }
        if ([batch.createdBy, batch.approvedBy] + batch.preparedBy).contains(caller) {
            return .failure(
                FundingErrors.samePerson(
                    caller, "prepared, checked or approved what is paid by \(name)",
                    vi: "đã lập, kiểm tra hoặc duyệt khoản chi trong \(name)", name: name))
        }
        return .success(found)
    }

    /// What a result makes of an instruction, and what the books do; no moves: it was so already.
    private static func judge(
        _ result: Cdt_Funding_V1_PaymentResult, _ known: PaymentStore.Instruction?, today: LocalDate, caller: String
    ) -> JudgedResult {
        func refuse(_ reason: String, _ text: String, _ textVi: String) -> JudgedResult {
            .failure(Refused(reason: reason, text: text, textVi: textVi))
        }
        guard var instruction = known else {
            return refuse(
                "UNKNOWN_INSTRUCTION", "the batch has no \(result.instruction)",
                "đợt chi không có \(result.instruction)")
        }
        guard let next = PaymentState(rawValue: result.state.rawValue), next != .reserved, next != .reopened else {
            return refuse(
                "INVALID_STATE", "state must be PAID, SETTLED, FAILED or RETURNED",
                "trạng thái phải là PAID, SETTLED, FAILED hoặc RETURNED")
        }
        if result.amountDong != 0, result.amountDong != instruction.amount {
            return refuse(
                "AMOUNT_DIFFERS",
                "the instruction is over \(Texts.dong(instruction.amount)), the result over \(Texts.dong(result.amountDong))",
                "lệnh chi \(Texts.dongVi(instruction.amount)), kết quả \(Texts.dongVi(result.amountDong))")
        }
        if !result.paidOn.isEmpty, LocalDate(result.paidOn).map({ $0 > today }) ?? true {
            return refuse(
                "INVALID_DATE", "paid_on must be a date until today, as YYYY-MM-DD",
                "paid_on phải là ngày đến hôm nay, dạng YYYY-MM-DD")
        }
        if next == instruction.state { return .success((instruction, [])) }
        guard let moves = instruction.state.moves(to: next) else {
            return refuse(
                "INVALID_TRANSITION", "the instruction is \(instruction.state.label) and cannot become \(next.label)",
                "lệnh chi đang \(instruction.state.label), không thể thành \(next.label)")
        }
        if next == .failed || next == .returned, result.note.isEmpty {
            return refuse("NOTE_REQUIRED", "say why in note", "cần lý do trong note")
        }
        instruction.state = next
        if !result.bankReference.isEmpty { instruction.bankReference = String(result.bankReference.prefix(200)) }
        instruction.paidOn = result.paidOn.isEmpty ? today.description : result.paidOn
        if !result.note.isEmpty { instruction.note = String(result.note.prefix(1000)) }
        instruction.recordedBy = caller
        return .success((instruction, moves))
    }

    private typealias JudgedResult = Judged<(PaymentStore.Instruction, [PaymentState.Move])>

    private enum Judged<Success> {
        case success(Success)
        case failure(Refused)
    }

    /// Others learn of each payment once its batch is approved, and whenever it goes on. Its states only go forward, so
    /// that they number its facts.
    static func tell(
        _ instructions: [PaymentStore.Instruction], of batch: PaymentStore.Numbered, _ outbox: Outbox, at now: Instant,
        _ transaction: WriteTransaction
    ) throws {
        guard let policy = try PolicyStore.get(batch.budget.policy, version: 0, transaction)?.policy else {
            throw StorageError.misuse("\(batch.budget.policy), which \(batch.batch.name) pays, is gone")
        }
        for instruction in instructions {
            let fact = Cdt_Funding_V1_PaymentFact.with {
                $0.payment = instruction.message(batch: batch.batch.name)
                $0.policy = policy.name
                $0.policyTitle = policy.title
                $0.policyTitleVi = policy.titleVi
                $0.year = batch.batch.year
            }
            try outbox.append(
                topic: RunWorker.topic, aggregate: instruction.name, version: Int64(instruction.state.rawValue),
                payload: fact, at: now.microseconds, in: transaction)
        }
    }

    /// One journal for each kind, in the order in which money goes.
    private static func book(
        _ entries: [JournalKind: [LedgerEntry]], _ batch: PaymentStore.Numbered, caller: String, note: String,
        at now: Instant, _ transaction: WriteTransaction
    ) throws {
        for (kind, own) in entries.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where !own.isEmpty {
            let draft = JournalDraft(
                kind, actor: caller, maker: batch.batch.createdBy, reference: batch.batch.name, note: note, entries: own
            )
            if case .failure(let refusal) = try LedgerStore.append(draft, at: now, transaction) {
                // Instructions and books disagree: nothing of the request is kept.
                throw FundingErrors.refusal(refusal)
            }
        }
    }

    /// The batch in the state that its instructions give it.
    private static func settled(_ found: PaymentStore.Numbered, _ transaction: WriteTransaction) throws -> Batch {
        var batch = try PaymentStore.get(found.batch.name, transaction)?.batch ?? found.batch
        let isClosed = batch.totals.allSatisfy { PaymentState(rawValue: $0.state.rawValue)?.isClosed ?? false }
        batch.state = isClosed ? .reconciled : .approved
        return try store(batch, transaction)
    }
}

extension FundingErrors {
    static func batchNotFound(_ name: String) -> ServiceError {
        ServiceError.notFound(
            type: "cdt.funding.v1.PaymentBatch", name: name, reason: "PAYMENT_BATCH_NOT_FOUND",
            listedBy: "ListPaymentBatches")
    }

    static func instructionNotFound(_ name: String) -> ServiceError {
        ServiceError.notFound(
            type: "cdt.funding.v1.PaymentInstruction", name: name, reason: "PAYMENT_INSTRUCTION_NOT_FOUND",
            listedBy: "ListPaymentInstructions")
    }

    static func nothingPayable(_ budget: Budget) -> ServiceError {
        let account = budget[.payable].name
        return .failedPrecondition(
            reason: "NOTHING_PAYABLE", subject: account,
            "nothing is owed from \(account) to the teams asked for; post runs or approve claims first",
            vi: "\(account) không có khoản phải trả cho các tổ đã nêu; hãy ghi sổ đợt tính hoặc duyệt đề nghị trước",
            metadata: ["account": account])
    }

    static func batchState(_ batch: Cdt_Funding_V1_PaymentBatch, needs: String, vi: String) -> ServiceError {
        let label = "\(batch.state)".uppercased()
        return .failedPrecondition(
            reason: "PAYMENT_BATCH_STATE", subject: batch.name, "\(batch.name) is \(label); only \(needs)",
            vi: "\(batch.name) đang ở trạng thái \(label); chỉ \(vi)",
            metadata: ["resourceName": batch.name, "state": label])
    }

    static func notReturned(_ instruction: PaymentStore.Instruction) -> ServiceError {
        .failedPrecondition(
            reason: "PAYMENT_NOT_RETURNED", subject: instruction.name,
            "\(instruction.name) is \(instruction.state.label); only what was RETURNED is reopened",
            vi: "\(instruction.name) đang \(instruction.state.label); chỉ mở lại khoản RETURNED",
            metadata: ["resourceName": instruction.name, "state": instruction.state.label])
    }
}
