import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Funding_V1_ListPaymentBatchesRequest: PagedRequest {}
extension Cdt_Funding_V1_ListPaymentInstructionsRequest: PagedRequest {}

/// Payment batches read, listed and exported.
extension PaymentBook {
    package func get(_ request: Cdt_Funding_V1_GetPaymentBatchRequest) async throws
        -> Cdt_Funding_V1_GetPaymentBatchResponse
    {
        try PaymentBook.check(request.name, "name")
        return try await database.readPooled { transaction in
            let found = try PaymentBook.find(request.name, transaction).get()
            return .with { $0.paymentBatch = found.batch }
        }
    }

    package func list(_ request: Cdt_Funding_V1_ListPaymentBatchesRequest) async throws
        -> Cdt_Funding_V1_ListPaymentBatchesResponse
    {
        var check = Violations()
        _ = check.name(request.policy, of: "policies", "policy", required: false)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listPaymentBatches, size: 100)
        let before = page.position?.first.flatMap { Int64($0) }
        let found = try await database.readPooled {
            try PaymentStore.list(
                policy: request.policy, state: request.state == .unspecified ? nil : request.state.rawValue,
                before: before, limit: page.size + 1, $0)
        }
        let (rows, next) = try pageTokens.cut(found, to: page, of: request, Method.listPaymentBatches) {
            [String($0.number)]
        }
        return .with {
            $0.paymentBatches = rows.map(\.batch)
            $0.nextPageToken = next
        }
    }

    package func instructions(_ request: Cdt_Funding_V1_ListPaymentInstructionsRequest) async throws
        -> Cdt_Funding_V1_ListPaymentInstructionsResponse
    {
        try PaymentBook.check(request.batch, "batch")
        let page = try pageTokens.page(of: request, Method.listPaymentInstructions, size: 100)
        let after = page.position.flatMap { $0.count == 2 ? Payee(team: $0[0], person: $0[1]) : nil }
        let found = try await database.readPooled { transaction in
            let batch = try PaymentBook.find(request.batch, transaction).get()
            return try PaymentStore.instructions(
                of: batch.number, state: PaymentState(rawValue: request.state.rawValue), after: after,
                limit: page.size + 1, transaction)
        }
        let (rows, next) = try pageTokens.cut(found, to: page, of: request, Method.listPaymentInstructions) {
            [$0.payee.team, $0.payee.person]
        }
        return .with {
            $0.paymentInstructions = rows.map { $0.message(batch: request.batch) }
            $0.nextPageToken = next
        }
    }

    package static let columns = [
        "instruction", "batch", "policy", "year", "budget_source", "team", "team_name", "person", "amount_dong",
        "reference", "state", "bank_reference", "paid_on", "note",
    ]

    /// The batch as a file, some lines at a time.
    package func export(
        _ request: Cdt_Funding_V1_ExportPaymentBatchRequest,
        send: (Cdt_Funding_V1_ExportPaymentBatchResponse) async throws -> Void
    ) async throws {
        try PaymentBook.check(request.name, "name")
        let batch = try await database.readPooled { try PaymentBook.find(request.name, $0).get() }
        guard batch.batch.state == .approved || batch.batch.state == .reconciled else {
            throw FundingErrors.batchState(
                batch.batch, needs: "an APPROVED or RECONCILED batch is exported",
                vi: "xuất đợt APPROVED hoặc RECONCILED")
        }
        var text = CSVField.line(PaymentBook.columns)
        var after: Payee?
        while true {
            let found = try await database.readPooled { [after] in
                try PaymentStore.instructions(
                    of: batch.number, after: after, limit: PaymentBook.linesAtOnce, $0)
            }
            for instruction in found { text += CSVField.line(PaymentBook.fields(instruction, batch)) }
            if !text.isEmpty {
                let part = text
                try await send(.with { $0.csv = part })
            }
            guard found.count == PaymentBook.linesAtOnce else { return }
            after = found.last?.payee
            text = ""
        }
    }

    private static func fields(_ instruction: PaymentStore.Instruction, _ batch: PaymentStore.Numbered) -> [String] {
        let isOpen = instruction.state == .reserved
        return [
            instruction.name, batch.batch.name, batch.batch.policy, String(batch.batch.year), batch.budget.source.label,
            instruction.payee.team, instruction.teamName, instruction.payee.person, String(instruction.amount),
            instruction.reference, isOpen ? "" : instruction.state.label, instruction.bankReference,
            instruction.paidOn, instruction.note,
        ]
    }
}
