import ServiceKit
import Shared
import Storage

/// What is decided about a report that was kept for review.
enum ReviewVerdict: Sendable {
    case admit
    case dismiss
}

extension Reporting {
    func review(_ id: String) throws -> Cdt_Activity_V1_RejectedReport {
        guard let row = try database.read({ try ReviewStore.get(id, in: $0) }) else {
            throw Refusal.rejectedReportNotFound("rejectedReports/\(id)")
        }
        return row.view
    }

    /// Newest first, those before the given id.
    func reviews(_ period: Month?, _ state: Cdt_Activity_V1_ReviewState?, before id: String?, limit: Int) async throws
        -> [Cdt_Activity_V1_RejectedReport]
    {
        try await database.readPooled {
            try ReviewStore.list(period, state, before: id, limit: limit, in: $0).map(\.view)
        }
    }

    /// Decides once and for ever; the obligation is that of an admitted report.
    func decide(
        _ id: String, _ verdict: ReviewVerdict, reason: String, by caller: String, _ keeper: inout ObligationKeeper
    ) throws -> Result<(Cdt_Activity_V1_RejectedReport, Cdt_Activity_V1_Obligation?), Refusal> {
        let tx = keeper.tx
        guard var row = try ReviewStore.get(id, in: tx) else {
            return .failure(.rejectedReportNotFound("rejectedReports/\(id)"))
        }
        guard row.state == .waiting else { return .failure(.alreadyDecided(row)) }
        var obligation: Cdt_Activity_V1_Obligation?
        if case .admit = verdict {
            var desk = ReportDesk(keeper, platforms: platforms)
            let admitted = try desk.admit(row)
            keeper = desk.keeper
            switch admitted {
            case .failure(let refusal): return .failure(refusal)
            case .success(let found): obligation = found
            }
        }
        let decision = ReviewRow.Decision(by: caller, at: keeper.now, reason: reason)
        row.state = obligation == nil ? .dismissed : .admitted
        row.decision = decision
        try ReviewStore.decide(id, row.state, decision, in: tx)
        return .success((row.view, obligation))
    }
}
