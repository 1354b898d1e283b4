import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Takes reports in: decides, stores, counts, tells, all in the caller's transaction.
struct ReportDesk {
    private(set) var keeper: ObligationKeeper
    private let tx: WriteTransaction
    private let now: Instant
    private let platforms: PlatformBooks

    init(_ keeper: ObligationKeeper, platforms: PlatformBooks) {
        self.keeper = keeper
        self.platforms = platforms
        tx = keeper.tx
        now = keeper.now
    }

    func finish() throws { try keeper.finish() }

    mutating func take(_ submission: Submission) throws -> SubmissionResult {
        let id = submission.message.operationID
        keeper.traceparent = submission.traceparent
        if let refusal = submission.refusal { return refused(refusal, id) }
        if let done = try ReportStore.operation(id, of: submission.caller, in: tx) {
            guard done.digest == submission.digest else { return refused(.operationReused(id), id, .conflict) }
            return again(done.verdict, submission)
        }
        let key = submission.key
        guard try keeper.period(key.period) != nil else { return refused(.periodNotOpen(key.period), id) }
        guard let team = try currentTeam(key) else { return refused(.teamNotFound("teams/\(key.team)"), id) }
        guard let row = try ObligationStore.get(key, in: tx), !row.void else {
            return try withoutObligation(submission)
        }
        guard submission.message.baseVersion == row.reportVersion else {
            var result = refused(.versionConflict(key.report, current: row.reportVersion), id, .conflict)
            // Who was offline meanwhile sees what to decide on without asking.
            if let newest = try ReportStore.get(key, version: 0, in: tx) { result.verdict.newest = newest.report }
            return result
        }
        if let declared = LocalDate(submission.message.report.declaredOn), declared < row.calendar.firstDay {
            return refused(.declaredTooEarly(submission.field, row.calendar), id)
        }
        let report = submission.message.report
        let stored = try store(report, of: team, row, at: now, by: submission.caller)
        let verdict = Cdt_Activity_V1_ReportVerdict.with {
            $0.operationID = id
            $0.outcome = .applied
            $0.obligation = stored.row.view(team, today: now.localDate)
            $0.flags = stored.flags
        }
        try remember(submission, verdict)
        return SubmissionResult(verdict: verdict)
    }

    /// Takes in a report that was kept for review, as if it had been accepted when it came.
    mutating func admit(_ kept: ReviewRow) throws -> Result<Cdt_Activity_V1_Obligation, Refusal> {
        let key = kept.key
        guard let team = try currentTeam(key) else { return .failure(.teamNotFound("teams/\(key.team)")) }
        guard let row = try ObligationStore.get(key, in: tx), !row.void else {
            return .failure(.stillNotActive(key, kept: kept.name))
        }
        guard row.reportVersion == 0 else { return .failure(.reportedSince(key, kept: kept.name)) }
        if let declared = LocalDate(kept.content.declaredOn), declared < row.calendar.firstDay {
            return .failure(.declaredTooEarly(kept.name, row.calendar))
        }
        let stored = try store(kept.content, of: team, row, at: kept.submittedAt, by: kept.submittedBy)
        return .success(stored.row.view(team, today: now.localDate))
    }

    /// The team, with its obligations in the period derived from the facts at hand.
    private mutating func currentTeam(_ key: ObligationKey) throws -> TeamRow? {
        guard var team = try RegistryFactsStore.team(key.team, in: tx) else { return nil }
        if try RegistryFactsStore.isChanged(team.id, in: tx) {
            team = try keeper.place(team, periods: PeriodStore.all(in: tx).map(\.period))
            try keeper.derive(team, in: PeriodStore.changing(on: now.localDate, in: tx).map(\.period))
            try RegistryFactsStore.unmarkChanged(team.id, in: tx)
        } else if let done = try keeper.period(key.period)?.derivedTo, team.id > done {
            team = try keeper.place(team, periods: PeriodStore.all(in: tx).map(\.period))
            try keeper.derive(team, in: [key.period])
        }
        return team
    }

    /// Stores the next version of a report with all that follows from it.
    ///
    /// - Parameter moment: when it came.
    private mutating func store(
        _ sent: Cdt_Activity_V1_Report, of team: TeamRow, _ old: ObligationRow, at moment: Instant, by sender: String
    ) throws -> (row: ObligationRow, flags: [Cdt_Activity_V1_ReportFlag]) {
        var (report, row) = (sent, old)
        let earlier = old.reportVersion > 0 ? try ReportStore.contents(old.key, through: old.reportVersion, in: tx) : []
        row.reportVersion += 1
        row.reportState = .submitted
        // "After the period is closed it is an adjustment in the current period."
        let isClosed = try keeper.isClosed(row.calendar)
        report.countedIn = (isClosed ? try keeper.currentPeriod(of: team) : row.key.period).description
        if row.receivedOn == nil, !isClosed {
            // "The clock is the server's; for PAPER and IMPORT the declared date"; "the first submission decides".
            let declared = LocalDate(report.declaredOn)
            row.receivedOn = declared ?? moment.localDate
            row.receivedAt = declared.map { Instant($0) } ?? moment
        }
        let narrative = Plausibility.fingerprint(report.narrative)
        report.flags = try flags(of: report, row, team, narrative)
        row.flagged = !report.flags.isEmpty
        if !isClosed { row.helped = report.helped }
        try ReportStore.insert(
            ReportRow(
                key: row.key, version: row.reportVersion, content: report, state: .submitted, stateAt: now,
                stateBy: sender, submittedAt: moment, submittedBy: sender), narrative: narrative, in: tx)
        try keeper.save(row, was: old, of: team, versions: earlier + [report])
        try keeper.tell(
            report, after: earlier.last, of: row.key, version: row.reportVersion, unit: row.unit, by: sender)
        return (row, report.flags)
    }

    private mutating func flags(
        of report: Cdt_Activity_V1_Report, _ row: ObligationRow, _ team: TeamRow, _ narrative: [UInt8]?
    ) throws -> [Cdt_Activity_V1_ReportFlag] {
        let key = row.key
        return try Plausibility.flags(
            of: report, activeDays: row.activeDays,
            lastStock: { code in
                let values = try keeper.stock(of: key.team, code)
                return StockSeries.last(of: key.person, before: key.period, values)?.value
            },
            sameNarrative: try narrative.flatMap { try ReportStore.other(than: key, withNarrative: $0, in: tx) },
            unknown: try unknownPlatforms(report, row, team))
    }

    private mutating func unknownPlatforms(
        _ report: Cdt_Activity_V1_Report, _ row: ObligationRow, _ team: TeamRow
    ) throws -> Set<String> {
        let named = Set(report.activities.map(\.platform)).subtracting([""])
        if named.isEmpty { return [] }
        let book = try platforms.book(in: tx)
        if book.isEmpty { return [] }
        let chain = try keeper.chain(of: team, on: row.calendar.lastDay)
        return named.filter { !book.knows($0, in: chain, during: row.calendar.days) }
    }

    /// "A report for a period in which the subject was not active is rejected and kept for review."
    private mutating func withoutObligation(_ submission: Submission) throws -> SubmissionResult {
        let (key, id) = (submission.key, submission.message.operationID)
        let owed = try ObligationStore.list(key.period, from: key.team, through: key.team, in: tx).filter { !$0.void }
        if let other = owed.first, other.key.person.isEmpty != key.person.isEmpty {
            return refused(.wrongSubject(team: key.team, memberReports: key.person.isEmpty), id)
        }
        let review = submission.reviewID.description
        let name = Names.name("rejectedReports", review)
        let refusal = Refusal.notActive(key, kept: name)
        try ReviewStore.keep(
            review, key.period, reason: refusal.reason, content: submission.message.report, now: now,
            by: submission.caller, in: tx)
        var result = refused(refusal, id, .keptForReview)
        result.verdict.rejectedReport = name
        try remember(submission, result.verdict)
        return result
    }

    private func remember(_ submission: Submission, _ verdict: Cdt_Activity_V1_ReportVerdict) throws {
        try ReportStore.insert(
            operation: submission.message.operationID, of: submission.caller, digest: submission.digest,
            verdict: verdict, in: tx)
    }

    /// "Same id + same payload = same answer."
    private func again(_ verdict: Cdt_Activity_V1_ReportVerdict, _ submission: Submission) -> SubmissionResult {
        guard verdict.outcome == .applied else {
            return SubmissionResult(
                verdict: verdict, refusal: .notActive(submission.key, kept: verdict.rejectedReport))
        }
        var verdict = verdict
        verdict.outcome = .duplicate
        return SubmissionResult(verdict: verdict)
    }

    private func refused(_ refusal: Refusal, _ operation: String, _ outcome: Cdt_Activity_V1_SubmitOutcome = .rejected)
        -> SubmissionResult
    {
        let verdict = Cdt_Activity_V1_ReportVerdict.with {
            $0.operationID = operation
            $0.outcome = outcome
            $0.problems = refusal.problems
        }
        return SubmissionResult(verdict: verdict, refusal: refusal)
    }
}
