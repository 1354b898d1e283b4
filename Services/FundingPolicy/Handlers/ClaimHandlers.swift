import RPC
import ServiceKit
import Shared

/// The methods of claims.
package struct ClaimHandlers: Cdt_Funding_V1_ClaimService.ServiceProtocol {
    let book: ClaimBook
    let gate: AccessGate

    package init(book: ClaimBook, gate: AccessGate) {
        self.book = book
        self.gate = gate
    }

    package func submitClaim(_ request: Cdt_Funding_V1_SubmitClaimRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_SubmitClaimResponse
    {
        let caller = try await gate.admit(.team(.prepare, request.claim.team), context)
        return try await book.submit(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func getClaim(_ request: Cdt_Funding_V1_GetClaimRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_GetClaimResponse
    {
        try await gate.admit(.claim(.read, request.name), context)
        return try await book.get(request)
    }

    package func listClaims(_ request: Cdt_Funding_V1_ListClaimsRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ListClaimsResponse
    {
        try await gate.admit(
            request.team.isEmpty ? .policy(.read, request.policy) : .team(.read, request.team), context)
        return try await book.list(request)
    }

    package func approveClaim(_ request: Cdt_Funding_V1_ApproveClaimRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ApproveClaimResponse
    {
        let caller = try await gate.admit(.claim(.approve, request.name), context)
        return try await book.approve(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func rejectClaim(_ request: Cdt_Funding_V1_RejectClaimRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_RejectClaimResponse
    {
        let caller = try await gate.admit(.claim(.approve, request.name), context)
        return try await book.reject(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func reverseClaim(_ request: Cdt_Funding_V1_ReverseClaimRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ReverseClaimResponse
    {
        let caller = try await gate.admit(.claim(.approve, request.name), context)
        return try await book.reverse(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func getTeamCeilings(_ request: Cdt_Funding_V1_GetTeamCeilingsRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_GetTeamCeilingsResponse
    {
        try await gate.admit(.team(.read, request.team), context)
        return try await book.ceilings(request)
    }
}
