import RPC
import Shared

/// `cdt.registry.v1.AuditService`.
package struct AuditHandlers: Cdt_Registry_V1_AuditService.ServiceProtocol {
    private let core: RegistryCore
    private let calls: AuditCalls

    package init(_ core: RegistryCore) {
        self.core = core
        calls = AuditCalls(core: core)
    }

    package func listAuditEntries(_ request: Cdt_Registry_V1_ListAuditEntriesRequest, context: ServerContext)
        async throws -> Cdt_Registry_V1_ListAuditEntriesResponse
    { try await calls.list(request, by: core.admit(request, context)) }

    package func verifyAudit(_ request: Cdt_Registry_V1_VerifyAuditRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_VerifyAuditResponse
    {
        _ = try core.admit(request, context)
        return try await calls.verify(request)
    }
}
