import RPC
import ServiceKit
import Shared
import SwiftProtobuf

extension Cdt_Activity_V1_ListDifficultiesRequest: PagedRequest {}

/// The calls of `cdt.activity.v1.DifficultyService`.
struct DifficultyHandlers: Cdt_Activity_V1_DifficultyService.ServiceProtocol {
    let base: ActivityReportingHandlers
    private var reporting: Reporting { base.reporting }

    func getDifficulty(_ request: Cdt_Activity_V1_GetDifficultyRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetDifficultyResponse
    {
        var check = Violations()
        let id = check.name(request.name, of: "difficulties", "name") ?? ""
        try await base.admit(.difficulty(.read, id), context: context)
        try check.refuse()
        let difficulty = try reporting.difficulty(id)
        return .with { $0.difficulty = difficulty }
    }

    func listDifficulties(_ request: Cdt_Activity_V1_ListDifficultiesRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListDifficultiesResponse
    {
        typealias Method = Cdt_Activity_V1_DifficultyService.Method
        var check = Violations()
        let unit = check.name(request.unit, of: "units", "unit", required: false)
        let team = check.name(request.team, of: "teams", "team", required: false)
        let treeDate = check.date(request.treeDate, "tree_date", required: false)
        check.known(request.states, "states")
        check.known(request.kinds, "kinds")
        try await base.admit(
            team.map { .team([.read], $0, reporting.clock.today) }
                // They are told of as they stand today.
                ?? .unit(.read, unit, treeDate ?? reporting.clock.today, of: reporting.clock.today), context: context)
        try check.refuse()
        let page = try base.pageTokens.page(of: request, Method.listDifficulties, size: 100)
        var query = DifficultyQuery(
            unit: unit, treeDate: treeDate ?? reporting.clock.today, team: team, states: Set(request.states),
            kinds: Set(request.kinds), withoutOwner: request.withoutOwner, limit: page.size)
        if let position = page.position, position.count == 2 {
            query.before = .init(openedAt: Int64(position[0]) ?? 0, id: position[1])
        }
        let registry = base.registry
        let (found, next) = try await reporting.difficulties(query)
        let token = try next.map {
            try base.pageTokens.token(after: ["\($0.openedAt)", $0.id], of: request, Method.listDifficulties)
        }
        return .with {
            $0.difficulties = found
            $0.nextPageToken = token ?? ""
            $0.registry = registry
        }
    }

    func assignDifficulty(_ request: Cdt_Activity_V1_AssignDifficultyRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_AssignDifficultyResponse
    {
        var check = Violations()
        let owner = check.text(request.owner, "owner", max: 200, required: false)
        return try await advance(request, request.name, request.requestID, .assign(owner: owner), check, context) {
            difficulty in .with { $0.difficulty = difficulty }
        }
    }

    func resolveDifficulty(_ request: Cdt_Activity_V1_ResolveDifficultyRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ResolveDifficultyResponse
    {
        var check = Violations()
        let how = check.text(request.resolution, "resolution", max: 2000)
        return try await advance(request, request.name, request.requestID, .resolve(how: how), check, context) {
            difficulty in .with { $0.difficulty = difficulty }
        }
    }

    func reopenDifficulty(_ request: Cdt_Activity_V1_ReopenDifficultyRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ReopenDifficultyResponse
    {
        var check = Violations()
        let reason = check.text(request.reason, "reason", max: 2000)
        return try await advance(request, request.name, request.requestID, .reopen(reason: reason), check, context) {
            difficulty in .with { $0.difficulty = difficulty }
        }
    }

    private func advance<Reply: Message & Sendable>(
        _ request: some Message, _ name: String, _ requestID: String, _ step: DifficultyStep, _ check: Violations,
        _ context: ServerContext, reply: @escaping @Sendable (Cdt_Activity_V1_TeamDifficulty) -> Reply
    ) async throws -> Reply {
        var check = check
        let id = check.name(name, of: "difficulties", "name") ?? ""
        try await base.admit(.difficulty(.approve, id), context: context)
        try check.refuse()
        let caller = base.caller(context)
        return try await base.once(try RequestIDs.key(requestID, of: request, context)) { keeper in
            try Reporting.advance(id, step, by: caller, &keeper).map(reply)
        }
    }
}
