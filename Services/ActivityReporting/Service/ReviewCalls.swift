import RPC
import ServiceKit
import Shared
import SwiftProtobuf

extension Cdt_Activity_V1_ListRejectedReportsRequest: PagedRequest {}

extension ActivityReportingHandlers {
    func listRejectedReports(
        _ request: Cdt_Activity_V1_ListRejectedReportsRequest, context: ServerContext
    ) async throws -> Cdt_Activity_V1_ListRejectedReportsResponse {
        var check = Violations()
        let period = check.month(request.period, "period", required: false)
        check.require(
            Cdt_Activity_V1_ReviewState.allCases.contains(request.state), "state", "is not a value of the contract",
            vi: "không phải giá trị của giao diện")
        try await admit(.somewhere(.read), context: context)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listRejectedReports, size: 100)
        let found = try await reporting.reviews(
            period, request.state == .unspecified ? nil : request.state, before: page.position?.first,
            limit: page.size + 1)
        let (kept, token) = try pageTokens.cut(found, to: page, of: request, Method.listRejectedReports) {
            [ResourceName.lastID($0.name)]
        }
        let visible = try await visible(kept, context: context) {
            ResourceName.lastID($0.report.team)
        }
        return .with {
            $0.rejectedReports = visible
            $0.nextPageToken = token
        }
    }

    func getRejectedReport(_ request: Cdt_Activity_V1_GetRejectedReportRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetRejectedReportResponse
    {
        var check = Violations()
        let id = check.name(request.name, of: "rejectedReports", "name") ?? ""
        try await admit(.kept(.read, id), context: context)
        try check.refuse()
        let report = try reporting.review(id)
        return .with { $0.rejectedReport = report }
    }

    func admitRejectedReport(_ request: Cdt_Activity_V1_AdmitRejectedReportRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_AdmitRejectedReportResponse
    {
        try await decide(request, request.name, request.reason, request.requestID, .admit, context) {
            report, obligation in
            .with {
                $0.rejectedReport = report
                if let obligation { $0.obligation = obligation }
            }
        }
    }

    func dismissRejectedReport(_ request: Cdt_Activity_V1_DismissRejectedReportRequest, context: ServerContext)
        async throws -> Cdt_Activity_V1_DismissRejectedReportResponse
    {
        try await decide(request, request.name, request.reason, request.requestID, .dismiss, context) { report, _ in
            .with { $0.rejectedReport = report }
        }
    }

    private func decide<Reply: Message & Sendable>(
        _ request: some Message, _ name: String, _ reason: String, _ requestID: String, _ verdict: ReviewVerdict,
        _ context: ServerContext,
        reply: @escaping @Sendable (Cdt_Activity_V1_RejectedReport, Cdt_Activity_V1_Obligation?) -> Reply
    ) async throws -> Reply {
        var check = Violations()
        let id = check.name(name, of: "rejectedReports", "name") ?? ""
        let reason = check.text(reason, "reason", max: 2000)
        try await admit(.kept(.approve, id), context: context)
        try check.refuse()
        let caller = caller(context)
        return try await once(try RequestIDs.key(requestID, of: request, context)) { [reporting] keeper in
            try reporting.decide(id, verdict, reason: reason, by: caller, &keeper).map(reply)
        }
    }
}
