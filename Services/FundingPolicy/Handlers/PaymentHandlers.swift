import RPC
import ServiceKit
import Shared

/// The methods of payments.
package struct PaymentHandlers: Cdt_Funding_V1_PaymentService.ServiceProtocol {
    let book: PaymentBook
    let gate: AccessGate

    package init(book: PaymentBook, gate: AccessGate) {
        self.book = book
        self.gate = gate
    }

    package func createPaymentBatch(
        _ request: Cdt_Funding_V1_CreatePaymentBatchRequest, context: ServerContext
    ) async throws -> Cdt_Funding_V1_CreatePaymentBatchResponse {
        let caller = try await gate.admit(.policy(.prepare, request.policy), context)
        return try await book.create(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func getPaymentBatch(_ request: Cdt_Funding_V1_GetPaymentBatchRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_GetPaymentBatchResponse
    {
        try await gate.admit(.batch(.read, request.name), context)
        return try await book.get(request)
    }

    package func listPaymentBatches(
        _ request: Cdt_Funding_V1_ListPaymentBatchesRequest, context: ServerContext
    ) async throws -> Cdt_Funding_V1_ListPaymentBatchesResponse {
        try await gate.admit(.policy(.read, request.policy), context)
        return try await book.list(request)
    }

    package func listPaymentInstructions(
        _ request: Cdt_Funding_V1_ListPaymentInstructionsRequest, context: ServerContext
    ) async throws -> Cdt_Funding_V1_ListPaymentInstructionsResponse {
        try await gate.admit(.batch(.read, request.batch), context)
        return try await book.instructions(request)
    }

    package func approvePaymentBatch(
        _ request: Cdt_Funding_V1_ApprovePaymentBatchRequest, context: ServerContext
    ) async throws -> Cdt_Funding_V1_ApprovePaymentBatchResponse {
        let caller = try await gate.admit(.batch(.approve, request.name), context)
        return try await book.approve(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func voidPaymentBatch(
        _ request: Cdt_Funding_V1_VoidPaymentBatchRequest, context: ServerContext
    ) async throws -> Cdt_Funding_V1_VoidPaymentBatchResponse {
        let caller = try await gate.admit(.batch(.prepare, request.name), context)
        return try await book.void(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func exportPaymentBatch(
        _ request: Cdt_Funding_V1_ExportPaymentBatchRequest,
        response: ResponseWriter<Cdt_Funding_V1_ExportPaymentBatchResponse>, context: ServerContext
    ) async throws {
        try await gate.admit(.batch(.pay, request.name), context)
        try await book.export(request) { try await response.write($0) }
    }

    package func recordPaymentResults(
        _ request: Cdt_Funding_V1_RecordPaymentResultsRequest, context: ServerContext
    ) async throws -> Cdt_Funding_V1_RecordPaymentResultsResponse {
        let caller = try await gate.admit(.batch(.pay, request.batch), context)
        return try await book.record(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func reopenReturnedPayments(
        _ request: Cdt_Funding_V1_ReopenReturnedPaymentsRequest, context: ServerContext
    ) async throws -> Cdt_Funding_V1_ReopenReturnedPaymentsResponse {
        let caller = try await gate.admit(.batch(.pay, request.batch), context)
        return try await book.reopen(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }
}
