import RPC
import Shared

/// `cdt.registry.v1.PeopleService`.
package struct PeopleHandlers: Cdt_Registry_V1_PeopleService.ServiceProtocol {
    private let core: RegistryCore
    private let duplicates: DuplicateCalls
    private let merges: MergeCalls
    private let erasure: ErasureCalls

    package init(_ core: RegistryCore) {
        self.core = core
        duplicates = DuplicateCalls(core: core)
        merges = MergeCalls(core: core)
        erasure = ErasureCalls(core: core)
    }

    package func scanDuplicates(_ request: Cdt_Registry_V1_ScanDuplicatesRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ScanDuplicatesResponse
    {
        _ = try core.admit(request, context)
        return try await duplicates.scan(request)
    }

    package func listDuplicates(_ request: Cdt_Registry_V1_ListDuplicatesRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListDuplicatesResponse
    { try await duplicates.list(request, by: core.admit(request, context)) }

    package func dismissDuplicate(_ request: Cdt_Registry_V1_DismissDuplicateRequest, context: ServerContext)
        async throws -> Cdt_Registry_V1_DismissDuplicateResponse
    { try await duplicates.dismiss(request, by: core.admit(request, context)) }

    package func mergePeople(_ request: Cdt_Registry_V1_MergePeopleRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_MergePeopleResponse
    { try await merges.merge(request, by: core.admit(request, context)) }

    package func unmergePeople(_ request: Cdt_Registry_V1_UnmergePeopleRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_UnmergePeopleResponse
    { try await merges.unmerge(request, by: core.admit(request, context)) }

    package func exportPersonData(_ request: Cdt_Registry_V1_ExportPersonDataRequest, context: ServerContext)
        async throws -> Cdt_Registry_V1_ExportPersonDataResponse
    { try await erasure.export(request, by: core.admit(request, context)) }

    package func erasePerson(_ request: Cdt_Registry_V1_ErasePersonRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ErasePersonResponse
    { try await erasure.erase(request, by: core.admit(request, context)) }
}
