import RPC
import ServiceKit
import Shared
import Storage

/// What may be done to a report: "SUBMITTED → ENDORSED (team leader) → APPROVED (commune) → ACCEPTED (province);
/// RETURNED with a reason".
enum ReportStep: Sendable {
    case `return`(reason: String)
    case endorse
    case approve
    case accept

    var from: [Cdt_Activity_V1_ReportState] {
        switch self {
        case .return: [.submitted, .endorsed, .approved]
        case .endorse: [.submitted]
        case .approve: [.endorsed]
        case .accept: [.approved]
        }
    }

    /// Who may take it: any one of these. Whoever may take a report further may return it.
    var verbs: [ActivityVerb] {
        switch self {
        case .return: [.endorse, .approve, .accept]
        case .endorse: [.endorse]
        case .approve: [.approve]
        case .accept: [.accept]
        }
    }

    var to: Cdt_Activity_V1_ReportState {
        switch self {
        case .return: .returned
        case .endorse: .endorsed
        case .approve: .approved
        case .accept: .accepted
        }
    }
}

extension Reporting {
    /// Takes reports in, in one transaction; one verdict for each, in order. A refused one leaves nothing behind.
    func submit(_ submissions: [Submission]) async throws -> [SubmissionResult] {
        let now = clock.now
        return try await database.write { [maps, slot = slots.any, feed, platforms] tx in
            var desk = ReportDesk(
                ObligationKeeper(tx, now: now, maps: maps, slot: slot, feed: feed), platforms: platforms)
            let results = try submissions.map { try desk.take($0) }
            try desk.finish()
            tx.notify(FigureStore.channel)
            return results
        }
    }

    func submission(_ message: Cdt_Activity_V1_ReportSubmission, caller: String, field: String) -> Submission {
        Submission(message, caller: caller, field: field, now: clock.now)
    }

    func report(_ key: ObligationKey, version: Int64) throws -> Cdt_Activity_V1_Report {
        guard let row = try database.read({ try ReportStore.get(key, version: version, in: $0) }) else {
            throw Refusal.reportNotFound(key.report)
        }
        return row.report
    }

    /// Takes the newest version of a report one step further.
    ///
    /// - Parameter version: the version the caller has looked at; 0: whichever is the newest.
    static func advance(
        _ key: ObligationKey, _ step: ReportStep, version: Int64, by caller: String, _ keeper: inout ObligationKeeper
    ) throws -> Result<Cdt_Activity_V1_Report, Refusal> {
        let tx = keeper.tx
        guard var report = try ReportStore.get(key, version: 0, in: tx),
            let old = try ObligationStore.get(key, in: tx), let team = try RegistryFactsStore.team(key.team, in: tx)
        else { return .failure(.reportNotFound(key.report)) }
        guard version == 0 || version == report.version else {
            return .failure(.versionConflict(key.report, current: report.version))
        }
        guard step.from.contains(report.state) else {
            return .failure(.wrongReportState(key.report, state: report.state, allowed: step.from))
        }
        report.state = step.to
        if case .return(let reason) = step { report.stateReason = reason } else { report.stateReason = "" }
        report.stateAt = keeper.now
        report.stateBy = caller
        try ReportStore.setState(of: report, in: tx)
        var row = old
        row.reportState = step.to
        try keeper.save(row, was: old, of: team)
        return .success(report.report)
    }
}
