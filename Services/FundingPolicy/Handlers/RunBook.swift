import ChangeFeed
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Runs: started, watched and read.
package struct RunBook: Sendable {
    typealias Method = Cdt_Funding_V1_FundingPolicyService.Method

    let database: Database
    let pageTokens: PageTokens
    let clock: Clock
    let outbox: Outbox

    package init(database: Database, outbox: Outbox, pageTokens: PageTokens, clock: Clock) {
        self.database = database
        self.outbox = outbox
        self.pageTokens = pageTokens
        self.clock = clock
    }

    package func start(_ request: Cdt_Funding_V1_StartRunRequest, caller: String, key: RequestIDs.Key?) async throws
        -> Cdt_Funding_V1_StartRunResponse
    {
        var check = Violations()
        _ = check.name(request.unit, of: "units", "unit", required: false)
        _ = check.name(request.policy, of: "policies", "policy", required: false)
        let months = EntitlementQueries.months(request.fromMonth, request.toMonth, &check)
        try check.refuse()
        guard let months else { return .init() }
        let now = clock.now
        let run = Cdt_Funding_V1_Run.with {
            $0.name = "runs/\(UUIDv7.next(at: now))"
            $0.state = .running
            $0.unit = request.unit
            $0.policy = request.policy
            $0.fromMonth = months.lowerBound.description
            $0.toMonth = months.upperBound.description
            $0.startedBy = caller
            $0.startTime = now.timestamp
        }
        return try await database.write { transaction in
            try RequestIDs.once(key, in: transaction, now: now) {
                var run = run
                if !run.unit.isEmpty {
                    guard let unit = try FactsReader(transaction).unit(run.unit) else {
                        return .failure(FundingErrors.unitNotFound(run.unit))
                    }
                    // The nation named and nothing named are one scope.
                    if unit.level == UnitFacts.nationLevel { run.unit = "" }
                }
                if !run.policy.isEmpty {
                    let versions = try PolicyStore.versions(of: run.policy, transaction)
                    if versions.isEmpty { return .failure(FundingErrors.policyNotFound(run.policy)) }
                    if !versions.contains(where: { $0.policy.state == .active }) {
                        return .failure(FundingErrors.policyNotActive(run.policy))
                    }
                }
                if let running = try RunStore.running(run, transaction) {
                    return .success(.with { $0.run = running })
                }
                try RunStore.insert(run, transaction)
                return .success(.with { $0.run = run })
            }
        }.get()
    }

    package func get(_ request: Cdt_Funding_V1_GetRunRequest) throws -> Cdt_Funding_V1_GetRunResponse {
        let run = try find(request.name, "name").run
        return .with { $0.run = run }
    }

    func find(_ name: String, _ field: String) throws -> RunStore.Numbered {
        var check = Violations()
        _ = check.name(name, of: "runs", field)
        try check.refuse()
        guard let found = try database.read({ try RunStore.get(name, $0) }) else {
            throw FundingErrors.runNotFound(name)
        }
        return found
    }

    /// Sends the run whenever it has moved on, and ends with it.
    package func watch(
        _ request: Cdt_Funding_V1_WatchRunRequest, send: (Cdt_Funding_V1_WatchRunResponse) async throws -> Void
    ) async throws {
        // Listening first, so that no step is missed between reading and waiting.
        let wakes = database.commits(on: RunStore.progressChannel, every: .seconds(10))
        var sent = try find(request.name, "name").run
        try await send(.with { $0.run = sent })
        if !sent.state.isUnderWay { return }
        for await _ in wakes {
            let run = try find(request.name, "name").run
            if run != sent {
                try await send(.with { $0.run = run })
                sent = run
            }
            if !run.state.isUnderWay { return }
        }
        try Task.checkCancellation()
    }

    package func list(_ request: Cdt_Funding_V1_ListRunsRequest) async throws -> Cdt_Funding_V1_ListRunsResponse {
        var check = Violations()
        _ = check.name(request.unit, of: "units", "unit", required: false)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listRuns, size: 100)
        let before = page.position?.first.flatMap { Int64($0) }
        let found = try await database.readPooled {
            try RunStore.list(unit: request.unit, before: before, limit: page.size + 1, $0)
        }
        let (rows, next) = try pageTokens.cut(found, to: page, of: request, Method.listRuns) { [String($0.number)] }
        return .with {
            $0.runs = rows.map(\.run)
            $0.nextPageToken = next
        }
    }

    package func lines(_ request: Cdt_Funding_V1_ListRunLinesRequest) async throws
        -> Cdt_Funding_V1_ListRunLinesResponse
    {
        var check = Violations()
        _ = check.name(request.team, of: "teams", "team", required: false)
        try check.refuse()
        let page = try pageTokens.page(of: request, Method.listRunLines, size: 100)
        let numbered = try find(request.run, "run")
        // Lines count only once the run is computed; those of an unchanged run are the earlier run's.
        let run = numbered.run.state == .unchanged ? try find(numbered.run.sameAs, "run") : numbered
        guard run.run.state.hasLines else { return .init() }
        var filter = RunStore.LineFilter()
        filter.team = request.team
        filter.reason = RefusalReason(rawValue: request.reason.rawValue)
        filter.onlyToPost = request.onlyDeltas
        let position = page.position.flatMap { RunStore.Position($0) }
        let (found, messages) = try await database.readPooled { [filter] transaction in
            let found = try RunStore.lines(
                run: run.number, filter, after: position, limit: page.size + 1, transaction)
            var policies: [String: Policy] = [:]
            let messages = try found.prefix(page.size).map { line in
                let record = line.record
                let key = "\(record.policy) \(record.policyVersion)"
                let policy: Policy
                if let known = policies[key] {
                    policy = known
                } else {
                    guard
                        let stored = try PolicyStore.get(
                            record.policy, version: record.policyVersion, transaction)
                    else { throw StorageError.misuse("\(key), which \(run.run.name) used, is gone") }
                    policy = stored.policy
                    policies[key] = policy
                }
                let evidence = try Evidence(content: line.evidence)
                var message =
                    request.explain
                    ? try EntitlementQueries.explained(record, policy: policy, evidence: evidence)
                    : record.message(policy, teamName: evidence.teamName)
                message.postedBeforeDong = record.postedBefore
                message.deltaDong = record.amount - record.postedBefore
                return message
            }
            return (found, messages)
        }
        var response = Cdt_Funding_V1_ListRunLinesResponse()
        response.lines = messages
        if found.count > page.size {
            response.nextPageToken = try pageTokens.token(
                after: RunStore.Position(found[page.size - 1].record).values, of: request, Method.listRunLines)
        }
        return response
    }
}
