import RPC
import Shared

/// `cdt.registry.v1.ProgrammeService`.
package struct ProgrammeHandlers: Cdt_Registry_V1_ProgrammeService.ServiceProtocol {
    private let calls: ProgrammeCalls

    package init(_ core: RegistryCore) { calls = ProgrammeCalls(core: core) }

    package func createAgency(_ request: Cdt_Registry_V1_CreateAgencyRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_CreateAgencyResponse
    { try await calls.createAgency(request, by: Caller(context)) }

    package func listAgencies(_ request: Cdt_Registry_V1_ListAgenciesRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListAgenciesResponse
    { try await calls.listAgencies(request, by: Caller(context)) }

    package func recordMilestone(_ request: Cdt_Registry_V1_RecordMilestoneRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_RecordMilestoneResponse
    { try await calls.recordMilestone(request, by: Caller(context)) }

    package func listMilestones(_ request: Cdt_Registry_V1_ListMilestonesRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListMilestonesResponse
    { try await calls.listMilestones(request, by: Caller(context)) }

    package func getProgrammeStatus(_ request: Cdt_Registry_V1_GetProgrammeStatusRequest, context: ServerContext)
        async throws -> Cdt_Registry_V1_GetProgrammeStatusResponse
    { try await calls.status(request) }

    package func recordFigure(_ request: Cdt_Registry_V1_RecordFigureRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_RecordFigureResponse
    { try await calls.recordFigure(request, by: Caller(context)) }

    package func listFigures(_ request: Cdt_Registry_V1_ListFiguresRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListFiguresResponse
    { try await calls.listFigures(request, by: Caller(context)) }
}
