import RPC
import Shared

/// `cdt.registry.v1.ProgrammeService`.
package struct ProgrammeHandlers: Cdt_Registry_V1_ProgrammeService.ServiceProtocol {
    private let core: RegistryCore
    private let calls: ProgrammeCalls

    package init(_ core: RegistryCore) {
        self.core = core
        calls = ProgrammeCalls(core: core)
    }

    package func createAgency(_ request: Cdt_Registry_V1_CreateAgencyRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_CreateAgencyResponse
    { try await calls.createAgency(request, by: core.admit(request, context)) }

    package func listAgencies(_ request: Cdt_Registry_V1_ListAgenciesRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListAgenciesResponse
    { try await calls.listAgencies(request, by: core.admit(request, context)) }

    package func recordMilestone(_ request: Cdt_Registry_V1_RecordMilestoneRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_RecordMilestoneResponse
    { try await calls.recordMilestone(request, by: core.admit(request, context)) }

    package func listMilestones(_ request: Cdt_Registry_V1_ListMilestonesRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListMilestonesResponse
    { try await calls.listMilestones(request, by: core.admit(request, context)) }

    package func getProgrammeStatus(_ request: Cdt_Registry_V1_GetProgrammeStatusRequest, context: ServerContext)
        async throws -> Cdt_Registry_V1_GetProgrammeStatusResponse
    {
        _ = try core.admit(request, context)
        return try await calls.status(request)
    }

    package func recordFigure(_ request: Cdt_Registry_V1_RecordFigureRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_RecordFigureResponse
    { try await calls.recordFigure(request, by: core.admit(request, context)) }

    package func listFigures(_ request: Cdt_Registry_V1_ListFiguresRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListFiguresResponse
    { try await calls.listFigures(request, by: core.admit(request, context)) }
}
