import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// `cdt.registry.v1.ImportService`.
package struct ImportHandlers: Cdt_Registry_V1_ImportService.ServiceProtocol {
    private let core: RegistryCore
    private let exports: ExportCalls

    package init(_ core: RegistryCore) {
        self.core = core
        exports = ExportCalls(core: core)
    }

    package func importRows(
        _ requests: RequestStream<Cdt_Registry_V1_ImportRowsRequest>,
        response: ResponseWriter<Cdt_Registry_V1_ImportRowsResponse>, context: ServerContext
    ) async throws {
        let caller = try core.admit([.somewhere(.importRows)], context)
        try await ImportSession(core, caller: caller).run(requests) { try await response.write($0) }
    }

    package func getImportBatch(_ request: Cdt_Registry_V1_GetImportBatchRequest, context: ServerContext) async throws
        -> Cdt_Registry_V1_GetImportBatchResponse
    {
        _ = try core.admit(request, context)
        let batch = try batch(request.name, "name")
        return .with { $0.batch = batch.message }
    }

    package func listImportProblems(_ request: Cdt_Registry_V1_ListImportProblemsRequest, context: ServerContext)
        async throws
        -> Cdt_Registry_V1_ListImportProblemsResponse
    {
        let caller = try core.admit(request, context)
        let batch = try batch(request.parent, "parent")
        let page = try core.page(request, caller)
        let after = page.position?.first.flatMap { Int64($0) } ?? 0
        let rows = try await core.database.readPooled {
            try ImportBatchStore.problems(of: batch.id, after: after, limit: page.size + 1, in: $0)
        }
        let (shown, next) = try core.tokens.cut(rows, to: page, of: request, caller.method) { [String($0.rowNumber)] }
        return .with {
            $0.verdicts = shown
            $0.nextPageToken = next
        }
    }

    private func batch(_ name: String, _ field: String) throws -> ImportBatch {
        var reader = RequestReader(core)
        let id = reader.id(name, of: "importBatches", field)
        try reader.refuse()
        guard let id, let batch = try core.database.read({ try ImportBatchStore.batch(id, in: $0) }) else {
            throw Refusal(.batchNotFound, field, ["value": PersonFields.shown(name)]).error
        }
        return batch
    }

    package func exportTeams(
        _ request: Cdt_Registry_V1_ExportTeamsRequest, response: ResponseWriter<Cdt_Registry_V1_ExportTeamsResponse>,
        context: ServerContext
    ) async throws {
        _ = try core.admit(request, context)
        try await exports.teams(request) { try await response.write($0) }
    }

    package func exportMembers(
        _ request: Cdt_Registry_V1_ExportMembersRequest,
        response: ResponseWriter<Cdt_Registry_V1_ExportMembersResponse>, context: ServerContext
    ) async throws {
        try await exports.members(request, by: core.admit(request, context)) { try await response.write($0) }
    }
}
