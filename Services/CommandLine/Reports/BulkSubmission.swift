import Foundation
import RPC
import Shared
import Synchronization

/// Submits the reports of a file for every obligation of a period under a unit.
///
/// The obligations say who owes a report, so that the file need not know the reporting policy: where a team reports as
/// one, its members' rows are added.
struct BulkSubmission {
    struct Result: Sendable {
        var obligations = 0
        var submitted = 0
        var outcomes: [Cdt_Activity_V1_SubmitOutcome: Int] = [:]
        var problems: [Cdt_Activity_V1_ReportVerdict] = []
    }

    let suite: Connections
    let lines: ReportLines
    let month: ReportMonth
    /// Resource name; empty: the country.
    let unit: String
    /// System in which the file's member ids are keys.
    let source: String
    let platform: String
    private static let submissionsPerMessage = 250

    func run() async throws -> Result {
        let members = try await membersByTeam()
        let progress = ProgressLine(label: "reports", unit: "reports")
        let call = try await suite.activity.submitReports(options: suite.stream)
        let done = Mutex(0)
        let receiver = Task { [responses = call.responses] in
            var result = Result()
            for try await response in responses {
                for verdict in response.verdicts {
                    result.outcomes[verdict.outcome, default: 0] += 1
                    if verdict.outcome != .applied && verdict.outcome != .duplicate { result.problems.append(verdict) }
                }
                done.withLock { $0 += response.verdicts.count }
            }
            return result
        }
        var obligations = 0
        var submitted = 0
        do {
            var message = Cdt_Activity_V1_SubmitReportsRequest()
            var request = Cdt_Activity_V1_ListObligationsRequest()
            request.period = "\(month)"
            request.unit = unit
            request.pageSize = 2000
            repeat {
                let page = try await suite.activity.listObligations(request, options: suite.call)
                request.pageToken = page.nextPageToken
                obligations += page.obligations.count
                for submission in submissions(for: page.obligations, members: members) {
                    message.submissions.append(submission)
                    submitted += 1
                    if message.submissions.count == Self.submissionsPerMessage {
                        try await call.requests.send(message)
                        message = Cdt_Activity_V1_SubmitReportsRequest()
                        progress.update(done.withLock { $0 })
                    }
                }
            } while !request.pageToken.isEmpty
            if !message.submissions.isEmpty { try await call.requests.send(message) }
            call.requests.finish()
        } catch {
            call.cancel()
            // The server's own word on a stream it ended is better than "cannot send".
            if case .failure(let cause as RPCError) = await receiver.result, cause.code != .cancelled { throw cause }
            throw error
        }
        var result = try await receiver.value
        progress.update(done.withLock { $0 })
        progress.finish()
        result.obligations = obligations
        result.submitted = submitted
        return result
    }

    private func submissions(
        for obligations: [Cdt_Activity_V1_Obligation], members: [String: [Member]]
    ) -> [Cdt_Activity_V1_ReportSubmission] {
        obligations.compactMap { obligation in
            let team = members[obligation.team] ?? []
            let own = obligation.person.isEmpty ? team : team.filter { $0.person == obligation.person }
            guard
                let report = ReportDraft.report(
                    of: own.map(\.line), team: obligation.team, person: obligation.person, month: month,
                    platform: platform)
            else { return nil }
            var submission = Cdt_Activity_V1_ReportSubmission()
            // The obligation names the operation: the same file submitted twice is the same operations.
            submission.operationID = "\(source):\(obligation.name)"
            submission.report = report
            return submission
        }
    }

    /// A member who is in the file.
    private struct Member {
        let person: String
        let line: ReportLine
    }

    /// The members that came from the source system and have a row, by team: one stream, however many teams there are.
    private func membersByTeam() async throws -> [String: [Member]] {
        var request = Cdt_Registry_V1_ExportMembersRequest()
        request.unit = unit
        request.date = month.day(month.lastDay)
        request.sourceSystem = source
        let progress = ProgressLine(label: "members", unit: "members", total: lines.members)
        var members: [String: [Member]] = [:]
        var seen = 0
        for try await part in try await suite.imports.exportMembers(request, options: suite.stream).responses {
            for ((row, name), person) in zip(zip(part.rows, part.names), part.people) {
                seen += 1
                guard let line = lines[row.externalID], let team = name.firstRange(of: "/memberships/") else {
                    continue
                }
                members[String(name[..<team.lowerBound]), default: []].append(Member(person: person, line: line))
            }
            progress.update(seen)
        }
        progress.finish()
        return members
    }
}
