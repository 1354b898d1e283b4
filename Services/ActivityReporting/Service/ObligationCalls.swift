import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Activity_V1_ListObligationsRequest: PagedRequest {}

extension ActivityReportingHandlers {
    func getObligation(_ request: Cdt_Activity_V1_GetObligationRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetObligationResponse
    {
        var check = Violations()
        let key = check.key(request.name, of: "obligations")
        try await admit(.team([.read], key.team, key.period.lastDay), context: context)
        try check.refuse()
        let registry = registry
        let obligation = try reporting.obligation(key)
        return .with {
            $0.obligation = obligation
            $0.registry = registry
        }
    }

    func listObligations(_ request: Cdt_Activity_V1_ListObligationsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListObligationsResponse
    {
        var check = Violations()
        var query = check.obligations(
            request.period, unit: request.unit, team: request.team, treeDate: request.treeDate)
        check.known(request.states, "states")
        try await admit(query.need, context: context)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listObligations, size: 100, maximum: 5000)
        query.states = Set(request.states.compactMap { ObligationState(rawValue: $0.rawValue) })
        query.turn(to: page)
        let registry = registry
        let (found, next) = try await reporting.obligations(query)
        let token = try next.map {
            try pageTokens.token(after: $0.position, of: request, Method.listObligations)
        }
        return .with {
            $0.obligations = found
            $0.nextPageToken = token ?? ""
            $0.registry = registry
        }
    }

    func excuseObligation(_ request: Cdt_Activity_V1_ExcuseObligationRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ExcuseObligationResponse
    {
        var check = Violations()
        let key = check.key(request.name, of: "obligations")
        let reason = check.text(request.reason, "reason")
        try await admit(.team([.approve], key.team, key.period.lastDay), context: context)
        try check.refuse()
        return try await once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.excuse(key, reason: reason, &keeper).map { obligation in .with { $0.obligation = obligation }
            }
        }
    }

    func waiveObligations(_ request: Cdt_Activity_V1_WaiveObligationsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_WaiveObligationsResponse
    {
        var check = Violations()
        let period = check.month(request.period, "period") ?? Month(index: 0)
        let unit = check.name(request.unit, of: "units", "unit") ?? ""
        let reason = check.text(request.reason, "reason")
        try await admit(.unit(.administer, unit, period.lastDay), context: context)
        try check.refuse()
        let id = UUIDv7.next(at: reporting.clock.now).description
        let waiver = Waiver(id: id, period: period, unit: unit, reason: reason)
        let (decision, caller) = (request.hasDecision ? request.decision : nil, caller(context))
        let reply = try await once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.waive(waiver, decision: decision, by: caller, keeper)
                .map { Cdt_Activity_V1_WaiveObligationsResponse.with { $0.waiver = Names.name("waivers", id) } }
        }
        // Also for a repeated request: the first may have been cut off here.
        try await reporting.apply(waiver)
        return reply
    }
}
