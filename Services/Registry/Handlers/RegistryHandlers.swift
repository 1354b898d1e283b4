import RPC
import ServiceKit
import Shared

/// `cdt.registry.v1.RegistryService`: each call goes to its aggregate.
package struct RegistryHandlers: Cdt_Registry_V1_RegistryService.ServiceProtocol {
    private let core: RegistryCore
    private let units: UnitCalls
    private let search: UnitSearchCall
    private let teams: TeamCalls
    private let lists: TeamListCalls
    private let people: PeopleCalls
    private let memberships: MembershipCalls
    private let capacity: CapacityCalls

    package init(_ core: RegistryCore) {
        self.core = core
        units = UnitCalls(core: core)
        search = UnitSearchCall(core: core)
        teams = TeamCalls(core: core)
        lists = TeamListCalls(core: core)
        people = PeopleCalls(core: core)
        memberships = MembershipCalls(core: core)
        capacity = CapacityCalls(core: core)
    }

    package func getUnit(_ request: Cdt_Registry_V1_GetUnitRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_GetUnitResponse
    {
        _ = try core.admit(request, context)
        return try units.get(request)
    }

    package func resolveUnitCode(_ request: Cdt_Registry_V1_ResolveUnitCodeRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ResolveUnitCodeResponse
    {
        _ = try core.admit(request, context)
        return try units.resolve(request)
    }

    package func listUnits(_ request: Cdt_Registry_V1_ListUnitsRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListUnitsResponse
    { try await units.list(request, by: core.admit(request, context)) }

    package func searchUnits(_ request: Cdt_Registry_V1_SearchUnitsRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_SearchUnitsResponse
    { try await search.search(request, by: core.admit(request, context)) }

    package func listUnitAncestors(_ request: Cdt_Registry_V1_ListUnitAncestorsRequest, context: ServerContext)
        async throws
        -> Cdt_Registry_V1_ListUnitAncestorsResponse
    {
        _ = try core.admit(request, context)
        return try units.ancestors(request)
    }

    package func listUnitSuccessions(_ request: Cdt_Registry_V1_ListUnitSuccessionsRequest, context: ServerContext)
        async throws
        -> Cdt_Registry_V1_ListUnitSuccessionsResponse
    {
        _ = try core.admit(request, context)
        return try units.successions(request)
    }

    package func createHamlet(_ request: Cdt_Registry_V1_CreateHamletRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_CreateHamletResponse
    { try await units.createHamlet(request, by: core.admit(request, context)) }

    package func createTeam(_ request: Cdt_Registry_V1_CreateTeamRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_CreateTeamResponse
    { try await teams.create(request, by: core.admit(request, context)) }

    package func getTeam(_ request: Cdt_Registry_V1_GetTeamRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_GetTeamResponse
    {
        _ = try core.admit(request, context)
        return try teams.get(request)
    }

    package func listTeams(_ request: Cdt_Registry_V1_ListTeamsRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListTeamsResponse
    { try await lists.list(request, by: core.admit(request, context)) }

    package func countTeams(_ request: Cdt_Registry_V1_CountTeamsRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_CountTeamsResponse
    {
        _ = try core.admit(request, context)
        return try await lists.count(request)
    }

    package func updateTeam(_ request: Cdt_Registry_V1_UpdateTeamRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_UpdateTeamResponse
    { try await teams.update(request, by: core.admit(request, context)) }

    package func changeTeamStatus(_ request: Cdt_Registry_V1_ChangeTeamStatusRequest, context: ServerContext)
        async throws
        -> Cdt_Registry_V1_ChangeTeamStatusResponse
    { try await teams.changeStatus(request, by: core.admit(request, context)) }

    package func getCoverage(_ request: Cdt_Registry_V1_GetCoverageRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_GetCoverageResponse
    {
        _ = try core.admit(request, context)
        return try await lists.coverage(request)
    }

    package func listCoverage(_ request: Cdt_Registry_V1_ListCoverageRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListCoverageResponse
    {
        _ = try core.admit(request, context)
        return try await lists.listCoverage(request)
    }

    package func createPerson(_ request: Cdt_Registry_V1_CreatePersonRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_CreatePersonResponse
    { try await people.create(request, by: core.admit(request, context)) }

    package func getPerson(_ request: Cdt_Registry_V1_GetPersonRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_GetPersonResponse
    { try await people.get(request, by: core.admit(request, context)) }

    package func updatePerson(_ request: Cdt_Registry_V1_UpdatePersonRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_UpdatePersonResponse
    { try await people.update(request, by: core.admit(request, context)) }

    package func createMembership(_ request: Cdt_Registry_V1_CreateMembershipRequest, context: ServerContext)
        async throws
        -> Cdt_Registry_V1_CreateMembershipResponse
    { try await memberships.create(request, by: core.admit(request, context)) }

    package func getMembership(_ request: Cdt_Registry_V1_GetMembershipRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_GetMembershipResponse
    {
        _ = try core.admit(request, context)
        return try memberships.get(request)
    }

    package func listMemberships(_ request: Cdt_Registry_V1_ListMembershipsRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListMembershipsResponse
    { try await memberships.list(request, by: core.admit(request, context)) }

    package func endMembership(_ request: Cdt_Registry_V1_EndMembershipRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_EndMembershipResponse
    { try await memberships.end(request, by: core.admit(request, context)) }

    package func voidMembership(_ request: Cdt_Registry_V1_VoidMembershipRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_VoidMembershipResponse
    { try await memberships.void(request, by: core.admit(request, context)) }

    package func createCapacityPolicy(_ request: Cdt_Registry_V1_CreateCapacityPolicyRequest, context: ServerContext)
        async throws
        -> Cdt_Registry_V1_CreateCapacityPolicyResponse
    { try await capacity.create(request, by: core.admit(request, context)) }

    package func listCapacityPolicies(_ request: Cdt_Registry_V1_ListCapacityPoliciesRequest, context: ServerContext)
        async throws
        -> Cdt_Registry_V1_ListCapacityPoliciesResponse
    { try await capacity.list(request, by: core.admit(request, context)) }
}
