import RPC
import Shared

/// `cdt.registry.v1.ReorganisationService`.
package struct ReorganisationHandlers: Cdt_Registry_V1_ReorganisationService.ServiceProtocol {
    private let core: RegistryCore
    private let calls: ReorganisationCalls
    private let placement: PlacementCalls

    package init(_ core: RegistryCore) {
        self.core = core
        calls = ReorganisationCalls(core: core)
        placement = PlacementCalls(core: core)
    }

    package func createReorganisation(
        _ request: Cdt_Registry_V1_CreateReorganisationRequest, context: ServerContext
    ) async throws -> Cdt_Registry_V1_CreateReorganisationResponse {
        try await calls.create(request, by: core.admit(request, context))
    }

    package func getReorganisation(_ request: Cdt_Registry_V1_GetReorganisationRequest, context: ServerContext)
        async throws -> Cdt_Registry_V1_GetReorganisationResponse
    {
        _ = try core.admit(request, context)
        return try calls.get(request)
    }

    package func listReorganisations(_ request: Cdt_Registry_V1_ListReorganisationsRequest, context: ServerContext)
        async throws -> Cdt_Registry_V1_ListReorganisationsResponse
    { try await calls.list(request, by: core.admit(request, context)) }

    package func listReorganisationLines(
        _ request: Cdt_Registry_V1_ListReorganisationLinesRequest, context: ServerContext
    ) async throws -> Cdt_Registry_V1_ListReorganisationLinesResponse {
        try await calls.lines(request, by: core.admit(request, context))
    }

    package func previewReorganisation(
        _ request: Cdt_Registry_V1_PreviewReorganisationRequest, context: ServerContext
    ) async throws -> Cdt_Registry_V1_PreviewReorganisationResponse {
        _ = try core.admit(request, context)
        return try await calls.preview(request)
    }

    package func applyReorganisation(_ request: Cdt_Registry_V1_ApplyReorganisationRequest, context: ServerContext)
        async throws -> Cdt_Registry_V1_ApplyReorganisationResponse
    { try await calls.apply(request, by: core.admit(request, context)) }

    package func revertReorganisation(_ request: Cdt_Registry_V1_RevertReorganisationRequest, context: ServerContext)
        async throws -> Cdt_Registry_V1_RevertReorganisationResponse
    { try await calls.revert(request, by: core.admit(request, context)) }

    package func correctPlacement(_ request: Cdt_Registry_V1_CorrectPlacementRequest, context: ServerContext)
        async throws -> Cdt_Registry_V1_CorrectPlacementResponse
    { try await placement.correct(request, by: core.admit(request, context)) }
}
