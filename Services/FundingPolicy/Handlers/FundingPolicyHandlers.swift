import RPC
import ServiceKit
import Shared

/// The service's methods: each finds the request's key and hands on to the part of the domain that answers.
package struct FundingPolicyHandlers: Cdt_Funding_V1_FundingPolicyService.ServiceProtocol {
    let catalogue: PolicyCatalogue
    let queries: EntitlementQueries
    let runs: RunBook

    package init(catalogue: PolicyCatalogue, queries: EntitlementQueries, runs: RunBook) {
        self.catalogue = catalogue
        self.queries = queries
        self.runs = runs
    }

    package func listPolicies(_ request: Cdt_Funding_V1_ListPoliciesRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ListPoliciesResponse
    { try await catalogue.list(request) }

    package func getPolicy(_ request: Cdt_Funding_V1_GetPolicyRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_GetPolicyResponse
    { try catalogue.get(request) }

    package func createPolicy(_ request: Cdt_Funding_V1_CreatePolicyRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_CreatePolicyResponse
    {
        try await catalogue.create(request, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func activatePolicy(_ request: Cdt_Funding_V1_ActivatePolicyRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ActivatePolicyResponse
    {
        try await catalogue.activate(request, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func recordEnrolmentList(_ request: Cdt_Funding_V1_RecordEnrolmentListRequest, context: ServerContext)
        async throws -> Cdt_Funding_V1_RecordEnrolmentListResponse
    {
        try await catalogue.record(request, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func listEnrolmentLists(_ request: Cdt_Funding_V1_ListEnrolmentListsRequest, context: ServerContext)
        async throws -> Cdt_Funding_V1_ListEnrolmentListsResponse
    { try await catalogue.listEnrolments(request) }

    package func getTeamEntitlement(_ request: Cdt_Funding_V1_GetTeamEntitlementRequest, context: ServerContext)
        async throws -> Cdt_Funding_V1_GetTeamEntitlementResponse
    { try await queries.team(request) }

    package func computeEntitlements(
        _ request: Cdt_Funding_V1_ComputeEntitlementsRequest,
        response: ResponseWriter<Cdt_Funding_V1_ComputeEntitlementsResponse>, context: ServerContext
    ) async throws { try await queries.compute(request) { try await response.write($0) } }

    package func startRun(_ request: Cdt_Funding_V1_StartRunRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_StartRunResponse
    {
        try await runs.start(
            request, caller: context.identity?.subject ?? "",
            key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func getRun(_ request: Cdt_Funding_V1_GetRunRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_GetRunResponse
    { try runs.get(request) }

    package func watchRun(
        _ request: Cdt_Funding_V1_WatchRunRequest, response: ResponseWriter<Cdt_Funding_V1_WatchRunResponse>,
        context: ServerContext
    ) async throws { try await runs.watch(request) { try await response.write($0) } }

    package func listRuns(_ request: Cdt_Funding_V1_ListRunsRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ListRunsResponse
    { try await runs.list(request) }

    package func listRunLines(_ request: Cdt_Funding_V1_ListRunLinesRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ListRunLinesResponse
    { try await runs.lines(request) }
}
