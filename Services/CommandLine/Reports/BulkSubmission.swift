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
    private static let concurrentReads = 16

    func run(progress: ProgressLine) async throws -> Result {
        let teams = try await teamKeys()
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
                for submission in try await submissions(for: page.obligations, teams: teams) {
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
        result.obligations = obligations
        result.submitted = submitted
        return result
    }

    /// Teams of the unit at the end of the month that came from the source system, with their keys there.
    private func teamKeys() async throws -> Set<String> {
        var request = Cdt_Registry_V1_ListTeamsRequest()
        request.unit = unit
        request.date = month.day(month.lastDay)
        let teams = try await allPages { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.registry.listTeams(request, options: suite.call)
            return (page.teams, page.nextPageToken)
        }
        return Set(teams.lazy.filter { $0.sourceSystem == source }.map(\.name))
    }

    private func submissions(
        for obligations: [Cdt_Activity_V1_Obligation], teams: Set<String>
    ) async throws -> [Cdt_Activity_V1_ReportSubmission] {
        let owing = obligations.filter { teams.contains($0.team) }
        let members = try await memberKeys(of: Set(owing.map(\.team)))
        return owing.compactMap { obligation in
            let keys = members[obligation.team] ?? []
            let own = obligation.person.isEmpty ? keys : keys.filter { $0.person == obligation.person }
            guard
                let report = ReportDraft.report(
                    of: own.compactMap { lines[$0.key] }, team: obligation.team, person: obligation.person,
                    month: month, platform: platform)
            else { return nil }
            var submission = Cdt_Activity_V1_ReportSubmission()
            // The obligation names the operation: the same file submitted twice is the same operations.
            submission.operationID = "\(source):\(obligation.name)"
            submission.report = report
            return submission
        }
    }

    private typealias MemberKey = (person: String, key: String)

    /// The members of each team in the month, by their keys in the source system.
    private func memberKeys(of teams: Set<String>) async throws -> [String: [MemberKey]] {
        let registry = try suite.registry
        let options = suite.call
        let date = month.day(month.lastDay)
        let source = source
        return try await withThrowingTaskGroup(of: (String, [MemberKey]).self) { group in
            var waiting = teams.sorted()[...]
            func startNext() {
                guard let team = waiting.popFirst() else { return }
                group.addTask {
                    var request = Cdt_Registry_V1_ListMembershipsRequest()
                    request.parent = team
                    request.date = date
                    request.pageSize = 1000
                    let answer = try await registry.listMemberships(request, options: options)
                    return (
                        team,
                        answer.memberships.filter { $0.sourceSystem == source }.map { ($0.person, $0.externalID) }
                    )
                }
            }
            for _ in 0..<Self.concurrentReads { startNext() }
            var keys: [String: [MemberKey]] = [:]
            while let (team, members) = try await group.next() {
                keys[team] = members
                startNext()
            }
            return keys
        }
    }
}
