import RPC
import ServiceKit
import Shared
import SwiftProtobuf

extension Cdt_Activity_V1_ListReportsRequest: PagedRequest {}

extension ActivityReportingHandlers {
    func submitReport(_ request: Cdt_Activity_V1_SubmitReportRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_SubmitReportResponse
    {
        let sent = reporting.submission(request.submission, caller: caller(context), field: "submission")
        guard let submission = try await admitted([sent], context: context).first else { return .init() }
        if let refusal = submission.refusal { throw refusal }
        let result = try await gatherer.submit(submission)
        if let refusal = result.refusal { throw refusal }
        return .with {
            $0.report = submission.key.report
            $0.version = result.verdict.obligation.reportVersion
            $0.obligation = result.verdict.obligation
            $0.outcome = result.verdict.outcome
        }
    }

    func submitReports(
        _ requests: RequestStream<Cdt_Activity_V1_SubmitReportsRequest>,
        response: ResponseWriter<Cdt_Activity_V1_SubmitReportsResponse>, context: ServerContext
    ) async throws {
        try await admit(.somewhere(.submit), context: context)
        let queue = SubmissionQueue()
        let caller = caller(context)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                do {
                    for try await request in requests {
                        try Self.checkCount(request.submissions)
                        let sent = request.submissions.enumerated().map { i, message in
                            reporting.submission(message, caller: caller, field: "submissions[\(i)]")
                        }
                        await queue.give(try await admitted(sent, context: context))
                    }
                    await queue.finish()
                } catch {
                    await queue.finish()
                    throw error
                }
            }
            group.addTask { [reporting] in
                do {
                    var position: Int64 = 0
                    while let batch = await queue.take() {
                        var verdicts = try await reporting.submit(batch).map(\.verdict)
                        for i in verdicts.indices {
                            position += 1
                            verdicts[i].position = position
                        }
                        try await response.write(.with { $0.verdicts = verdicts })
                    }
                } catch {
                    // Whoever waits for room must not wait for ever.
                    await queue.abandon()
                    throw error
                }
            }
            try await group.waitForAll()
        }
    }

    private static func checkCount(_ submissions: [Cdt_Activity_V1_ReportSubmission]) throws {
        guard submissions.count <= SubmissionQueue.messageLimit else {
            throw Refusal.invalid(
                "submissions", reason: "TOO_MANY", "send at most \(SubmissionQueue.messageLimit) in one message",
                vi: "gửi tối đa \(SubmissionQueue.messageLimit) báo cáo trong một thông điệp")
        }
    }

    func syncReports(_ request: Cdt_Activity_V1_SyncReportsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_SyncReportsResponse
    {
        try await admit(.somewhere(.submit), context: context)
        try Self.checkCount(request.submissions)
        let caller = caller(context)
        let registry = registry
        let submissions = request.submissions.enumerated().map { i, message in
            reporting.submission(message, caller: caller, field: "submissions[\(i)]")
        }
        var verdicts = try await reporting.submit(admitted(submissions, context: context)).map(\.verdict)
        for i in verdicts.indices { verdicts[i].position = Int64(i + 1) }
        return .with {
            $0.verdicts = verdicts
            $0.registry = registry
        }
    }

    func listReports(_ request: Cdt_Activity_V1_ListReportsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListReportsResponse
    {
        var check = Violations()
        var query = check.obligations(
            request.period, unit: request.unit, team: request.team, treeDate: request.treeDate)
        check.known(request.states, "states")
        try await admit(query.need, context: context)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listReports, size: 100)
        query.turn(to: page)
        let (found, next) = try await reporting.reports(
            query, states: Set(request.states), flagged: request.flagged)
        let token = try next.map {
            try pageTokens.token(after: $0.position, of: request, Method.listReports)
        }
        return .with {
            $0.reports = found
            $0.nextPageToken = token ?? ""
        }
    }

    func getReport(_ request: Cdt_Activity_V1_GetReportRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetReportResponse
    {
        var check = Violations()
        let key = check.key(request.name, of: "reports")
        check.require(request.version >= 0, "version", "must not be negative; 0 is the newest", vi: "không được âm")
        try await admit(.team([.read], key.team, key.period.lastDay), context: context)
        try check.refuse()
        let report = try reporting.report(key, version: request.version)
        return .with { $0.report = report }
    }

    func returnReport(_ request: Cdt_Activity_V1_ReturnReportRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ReturnReportResponse
    {
        var check = Violations()
        let reason = check.text(request.reason, "reason", max: 2000)
        return try await advance(
            request, request.name, request.version, request.requestID, .return(reason: reason), check, context
        ) { report in .with { $0.report = report } }
    }

    func endorseReport(_ request: Cdt_Activity_V1_EndorseReportRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_EndorseReportResponse
    {
        try await advance(request, request.name, request.version, request.requestID, .endorse, .init(), context) {
            report in .with { $0.report = report }
        }
    }

    func approveReport(_ request: Cdt_Activity_V1_ApproveReportRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ApproveReportResponse
    {
        try await advance(request, request.name, request.version, request.requestID, .approve, .init(), context) {
            report in .with { $0.report = report }
        }
    }

    func acceptReport(_ request: Cdt_Activity_V1_AcceptReportRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_AcceptReportResponse
    {
        try await advance(request, request.name, request.version, request.requestID, .accept, .init(), context) {
            report in .with { $0.report = report }
        }
    }

    /// One step of a report, whichever call asks for it.
    private func advance<Reply: Message & Sendable>(
        _ request: some Message, _ name: String, _ version: Int64, _ requestID: String, _ step: ReportStep,
        _ check: Violations, _ context: ServerContext,
        reply: @escaping @Sendable (Cdt_Activity_V1_Report) -> Reply
    ) async throws -> Reply {
        var check = check
        let key = check.key(name, of: "reports")
        try await admit(.team(step.verbs, key.team, key.period.lastDay), context: context)
        try check.refuse()
        let caller = caller(context)
        return try await once(try RequestIDs.key(requestID, of: request, context)) { keeper in
            try Reporting.advance(key, step, version: version, by: caller, &keeper).map(reply)
        }
    }
}
