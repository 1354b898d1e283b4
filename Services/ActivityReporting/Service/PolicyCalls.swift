import RPC
import ServiceKit
import Shared
import SwiftProtobuf

extension Cdt_Activity_V1_ListReportingPoliciesRequest: PagedRequest {}
extension Cdt_Activity_V1_ListPeriodsRequest: PagedRequest {}

extension ActivityReportingHandlers {
    func setReportingPolicy(_ request: Cdt_Activity_V1_SetReportingPolicyRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_SetReportingPolicyResponse
    {
        try await admit(
            .unit(.administer, ResourceName.id(request.policy.jurisdiction, in: "units"), reporting.clock.today),
            context: context)
        _ = try Reporting.rules(of: request.policy).get()
        let key = try RequestIDs.key(request.requestID, of: request, context)
        let id = UUIDv7.next(at: reporting.clock.now)
        return try await once(key) { [reporting] keeper in
            try reporting.setPolicy(request.policy, id: id, in: keeper.tx, now: keeper.now)
                .map { policy in .with { $0.policy = policy } }
        }
    }

    func getReportingPolicy(_ request: Cdt_Activity_V1_GetReportingPolicyRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetReportingPolicyResponse
    {
        var check = Violations()
        let id = check.name(request.name, of: "reportingPolicies", "name")
        try await admit(.somewhere(.read), context: context)
        try check.refuse()
        let policy = try reporting.policy(id ?? "")
        return .with { $0.policy = policy }
    }

    func listReportingPolicies(
        _ request: Cdt_Activity_V1_ListReportingPoliciesRequest, context: ServerContext
    ) async throws -> Cdt_Activity_V1_ListReportingPoliciesResponse {
        var check = Violations()
        let jurisdiction = check.name(request.jurisdiction, of: "units", "jurisdiction", required: false)
        try await admit(.somewhere(.read), context: context)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listReportingPolicies, size: 100)
        let after = page.position.flatMap { $0.count == 2 ? (jurisdiction: $0[0], from: $0[1]) : nil }
        let found = try await reporting.policies(
            jurisdiction: jurisdiction, after: after ?? ("", ""), limit: page.size + 1)
        let (policies, token) = try pageTokens.cut(found, to: page, of: request, Method.listReportingPolicies) {
            [ResourceName.lastID($0.jurisdiction), $0.validFrom]
        }
        return .with {
            $0.policies = policies
            $0.nextPageToken = token
        }
    }

    func openPeriod(_ request: Cdt_Activity_V1_OpenPeriodRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_OpenPeriodResponse
    {
        var check = Violations()
        let month = check.month(request.period, "period")
        try await admit(.nation(.administer), context: context)
        try check.refuse()
        guard let month else { return .init() }
        return try await once(try RequestIDs.key(request.requestID, of: request, context)) { [reporting] keeper in
            try reporting.openPeriod(month, keeper).map { period in .with { $0.period = period } }
        }
    }

    func closePeriod(_ request: Cdt_Activity_V1_ClosePeriodRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ClosePeriodResponse
    {
        var check = Violations()
        let month = check.month(ResourceName.id(request.name, in: "periods") ?? request.name, "name")
        try await admit(.nation(.administer), context: context)
        try check.refuse()
        guard let month else { return .init() }
        let caller = caller(context)
        return try await once(try RequestIDs.key(request.requestID, of: request, context)) { [reporting] keeper in
            try reporting.closePeriod(month, by: caller, keeper).map { period in .with { $0.period = period } }
        }
    }

    func getPeriod(_ request: Cdt_Activity_V1_GetPeriodRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetPeriodResponse
    {
        var check = Violations()
        let month = check.month(ResourceName.id(request.name, in: "periods") ?? request.name, "name")
        try await admit(.somewhere(.read), context: context)
        try check.refuse()
        guard let month else { return .init() }
        let registry = registry
        let period = try await reporting.period(month)
        return .with {
            $0.period = period
            $0.registry = registry
        }
    }

    func listPeriods(_ request: Cdt_Activity_V1_ListPeriodsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListPeriodsResponse
    {
        try await admit(.somewhere(.read), context: context)
        let page = try pageTokens.page(of: request, Method.listPeriods, size: 100)
        let found = try await reporting.periods(before: page.position?.first, limit: page.size + 1)
        let (periods, token) = try pageTokens.cut(found, to: page, of: request, Method.listPeriods) {
            [ResourceName.lastID($0.name)]
        }
        return .with {
            $0.periods = periods
            $0.nextPageToken = token
        }
    }
}
