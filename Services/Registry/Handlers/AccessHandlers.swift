import RPC
import Shared

/// `cdt.registry.v1.AccessService`.
package struct AccessHandlers: Cdt_Registry_V1_AccessService.ServiceProtocol {
    private let core: RegistryCore
    private let calls: AccessCalls

    package init(_ core: RegistryCore) {
        self.core = core
        calls = AccessCalls(core: core)
    }

    package func createGrant(_ request: Cdt_Registry_V1_CreateGrantRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_CreateGrantResponse
    { try await calls.create(request, by: core.admit(request, context)) }

    package func revokeGrant(_ request: Cdt_Registry_V1_RevokeGrantRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_RevokeGrantResponse
    { try await calls.revoke(request, by: core.admit(request, context)) }

    package func listGrants(_ request: Cdt_Registry_V1_ListGrantsRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_ListGrantsResponse
    { try await calls.list(request, by: core.admit(request, context)) }

    package func checkAccess(_ request: Cdt_Registry_V1_CheckAccessRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_CheckAccessResponse
    {
        _ = try core.admit(request, context)
        return try await calls.check(request)
    }
}
