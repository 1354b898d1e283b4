import RPC
import ServiceKit
import Shared

/// The service's methods: each finds the request's key and hands on to the part of the domain that answers.
package struct FundingPolicyHandlers: Cdt_Funding_V1_FundingPolicyService.ServiceProtocol {
    let catalogue: PolicyCatalogue
    let queries: EntitlementQueries
    let runs: RunBook
    let simulations: Simulations
    let gate: AccessGate

    package init(catalogue: PolicyCatalogue, queries: EntitlementQueries, runs: RunBook, gate: AccessGate) {
        self.gate = gate
        self.catalogue = catalogue
        self.queries = queries
        self.runs = runs
        simulations = Simulations(queries: queries)
    }

    package func listPolicies(_ request: Cdt_Funding_V1_ListPoliciesRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ListPoliciesResponse
    {
        try await gate.admit(.somewhere(.read), context)
        return try await catalogue.list(request)
    }

    package func getPolicy(_ request: Cdt_Funding_V1_GetPolicyRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_GetPolicyResponse
    {
        try await gate.admit(.somewhere(.read), context)
        return try catalogue.get(request)
    }

    package func createPolicy(_ request: Cdt_Funding_V1_CreatePolicyRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_CreatePolicyResponse
    {
        if !request.policy.name.isEmpty { try await gate.admit(.policy(.administer, request.policy.name), context) }
        // Also of a next version: it must not carry a policy into a territory that is not the caller's.
        try await gate.admit(
            .draft(
                .administer, code: request.policy.jurisdictionCode, unit: request.policy.jurisdictionUnit,
                on: PolicyMessages.territoryDate(request.policy)), context)
        return try await catalogue.create(request, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func activatePolicy(_ request: Cdt_Funding_V1_ActivatePolicyRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ActivatePolicyResponse
    {
        try await gate.admit(.policy(.administer, request.name), context)
        return try await catalogue.activate(request, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func recordEnrolmentList(_ request: Cdt_Funding_V1_RecordEnrolmentListRequest, context: ServerContext)
        async throws -> Cdt_Funding_V1_RecordEnrolmentListResponse
    {
        try await gate.admit(.policy(.administer, request.enrolmentList.policy), context)
        return try await catalogue.record(request, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func listEnrolmentLists(_ request: Cdt_Funding_V1_ListEnrolmentListsRequest, context: ServerContext)
        async throws -> Cdt_Funding_V1_ListEnrolmentListsResponse
    {
        try await gate.admit(.somewhere(.read), context)
        return try await catalogue.listEnrolments(request)
    }

    package func getTeamEntitlement(_ request: Cdt_Funding_V1_GetTeamEntitlementRequest, context: ServerContext)
        async throws -> Cdt_Funding_V1_GetTeamEntitlementResponse
    {
        try await gate.admit(.team(.read, request.team), context)
        return try await queries.team(request)
    }

    package func computeEntitlements(
        _ request: Cdt_Funding_V1_ComputeEntitlementsRequest,
        response: ResponseWriter<Cdt_Funding_V1_ComputeEntitlementsResponse>, context: ServerContext
    ) async throws {
        try await gate.admit(.unit(.read, request.unit), context)
        try await queries.compute(request) { try await response.write($0) }
    }

    package func startRun(_ request: Cdt_Funding_V1_StartRunRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_StartRunResponse
    {
        let caller = try await gate.admit(
            request.unit.isEmpty && !request.policy.isEmpty
                ? .policy(.prepare, request.policy) : .unit(.prepare, request.unit), context)
        return try await runs.start(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func getRun(_ request: Cdt_Funding_V1_GetRunRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_GetRunResponse
    {
        try await gate.admit(.run(.read, request.name), context)
        return try runs.get(request)
    }

    package func watchRun(
        _ request: Cdt_Funding_V1_WatchRunRequest, response: ResponseWriter<Cdt_Funding_V1_WatchRunResponse>,
        context: ServerContext
    ) async throws {
        try await gate.admit(.run(.read, request.name), context)
        try await runs.watch(request) { try await response.write($0) }
    }

    package func listRuns(_ request: Cdt_Funding_V1_ListRunsRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ListRunsResponse
    {
        try await gate.admit(.unit(.read, request.unit), context)
        return try await runs.list(request)
    }

    package func listRunLines(_ request: Cdt_Funding_V1_ListRunLinesRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ListRunLinesResponse
    {
        try await gate.admit(.run(.read, request.run), context)
        return try await runs.lines(request)
    }

    package func approveRun(_ request: Cdt_Funding_V1_ApproveRunRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_ApproveRunResponse
    {
        let caller = try await gate.admit(.run(.approve, request.name), context)
        return try await runs.approve(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func rejectRun(_ request: Cdt_Funding_V1_RejectRunRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_RejectRunResponse
    {
        let caller = try await gate.admit(.run(.approve, request.name), context)
        return try await runs.reject(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func postRun(_ request: Cdt_Funding_V1_PostRunRequest, context: ServerContext) async throws
        -> Cdt_Funding_V1_PostRunResponse
    {
        let caller = try await gate.admit(.run(.pay, request.name), context)
        return try await runs.post(
            request, caller: caller, key: try RequestIDs.key(request.requestID, of: request, context))
    }

    package func simulatePolicies(
        _ request: Cdt_Funding_V1_SimulatePoliciesRequest,
        response: ResponseWriter<Cdt_Funding_V1_SimulatePoliciesResponse>, context: ServerContext
    ) async throws {
        try await gate.admit(.unit(.read, request.unit), context)
        try await simulations.simulate(request) { try await response.write($0) }
    }
}
