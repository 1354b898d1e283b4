import RPC
import ServiceKit
import Shared

/// The methods of the books.
package struct LedgerHandlers: Cdt_Funding_V1_LedgerService.ServiceProtocol {
    let book: LedgerBook
    let gate: AccessGate

    package init(book: LedgerBook, gate: AccessGate) {
        self.book = book
        self.gate = gate
    }

    package func recordAppropriation(
        _ request: Cdt_Funding_V1_RecordAppropriationRequest, context: ServerContext
    ) async throws -> Cdt_Funding_V1_RecordAppropriationResponse {
        let caller = try await gate.admit(.policy(.administer, request.policy), context)
        return try await book.appropriate(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func setOverdraft(_ request: Cdt_Funding_V1_SetOverdraftRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_SetOverdraftResponse
    {
        let caller = try await gate.admit(.account(.administer, request.account), context)
        return try await book.setOverdraft(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func listAccounts(_ request: Cdt_Funding_V1_ListAccountsRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ListAccountsResponse
    {
        try await gate.admit(.policy(.read, request.policy), context)
        return try await book.accounts(request)
    }

    package func getTrialBalance(_ request: Cdt_Funding_V1_GetTrialBalanceRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_GetTrialBalanceResponse
    {
        try await gate.admit(.policy(.read, request.policy), context)
        return try await book.trialBalance(request)
    }

    package func listJournals(_ request: Cdt_Funding_V1_ListJournalsRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ListJournalsResponse
    {
        try await gate.admit(.reference(.read, request.reference), context)
        return try await book.journals(request)
    }

    package func listJournalEntries(_ request: Cdt_Funding_V1_ListJournalEntriesRequest, context: ServerContext)
        async throws -> Cdt_Funding_V1_ListJournalEntriesResponse
    {
        try await gate.admit(request.team.isEmpty ? .nation(.read) : .team(.read, request.team), context)
        return try await book.entries(request)
    }

    package func verifyLedger(
        _ request: Cdt_Funding_V1_VerifyLedgerRequest, response: ResponseWriter<Cdt_Funding_V1_VerifyLedgerResponse>,
        context: ServerContext
    ) async throws {
        try await gate.admit(.nation(.read), context)
        try await book.verify(request) { try await response.write($0) }
    }
}
