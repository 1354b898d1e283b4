import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Answers what is due, and stores nothing.
package struct EntitlementQueries: Sendable {
    /// Months in one question at most: ten years.
    package static let longestPeriod = 120
    /// Months in one question about one team, whose lines are all explained in one answer.
    package static let longestTeamPeriod = 36
    /// Lines in one streamed message.
    private static let batch = 200

    let database: Database
    let freshness: @Sendable () -> Cdt_Common_V1_Freshness

    package init(database: Database, freshness: @escaping @Sendable () -> Cdt_Common_V1_Freshness) {
        self.database = database
        self.freshness = freshness
    }

    /// The months of a request; nil when a violation was noted.
    static func months(
        _ from: String, _ to: String, _ check: inout Violations, longest: Int = longestPeriod
    ) -> ClosedRange<Month>? {
        guard let first = check.month(from, "from_month") else { return nil }
        let last: Month
        if to.isEmpty {
            last = first
        } else {
            guard let month = check.month(to, "to_month") else { return nil }
            last = month
        }
        guard first <= last else {
            check.add(
                "to_month", reason: "INVALID_INTERVAL", "\(last) is before from_month (\(first))",
                vi: "\(last) sớm hơn from_month (\(first))")
            return nil
        }
        guard first.months(until: last) < longest else {
            check.add(
                "to_month", reason: "TOO_LONG", "ask for at most \(longest) months",
                vi: "chỉ được hỏi tối đa \(longest) tháng")
            return nil
        }
        return first...last
    }

    // MARK: One team

    package func team(_ request: Cdt_Funding_V1_GetTeamEntitlementRequest) async throws
        -> Cdt_Funding_V1_GetTeamEntitlementResponse
    {
        var check = Violations()
        _ = check.name(request.team, of: "teams", "team")
        _ = check.name(request.policy, of: "policies", "policy", required: false)
        check.require(
            request.policyVersion >= 0 && (request.policyVersion == 0 || !request.policy.isEmpty), "policy_version",
            "needs a policy", vi: "cần kèm chính sách")
        let rule =
            request.rule == .unspecified
            ? nil : PolicyMessages.partMonthRule(request.rule, "rule", &check)
        let months = EntitlementQueries.months(
            request.fromMonth, request.toMonth, &check, longest: EntitlementQueries.longestTeamPeriod)
        try check.refuse()
        guard let months else { return .init() }
        let freshness = freshness()
        var response = try await database.readPooled { transaction in
            let policies = try EntitlementQueries.policies(
                request.policy.isEmpty
                    ? []
                    : [
                        .with {
                            $0.policy = request.policy
                            $0.version = request.policyVersion
                        }
                    ], transaction)
            return try EntitlementQueries.answer(
                request.team, policies: policies, forced: !request.policy.isEmpty, rule: rule, months: months,
                transaction)
        }
        response.freshness = freshness
        return response
    }

    private static func answer(
        _ id: String, policies: [StoredPolicy], forced: Bool, rule: PartMonthRule?, months: ClosedRange<Month>,
        _ transaction: ReadTransaction
    ) throws -> Cdt_Funding_V1_GetTeamEntitlementResponse {
        let reader = FactsReader(transaction)
        let plan = try Sweep(months: months, policies: policies, explicit: forced).plan(reader, withCandidates: false)
        guard let (team, teams, persons) = try plan.cases(ofTeam: id, forced: forced, reader) else {
            throw FundingErrors.teamNotFound(id)
        }
        let values = policies.map(\.policy)
        do {
            let lines = try EntitlementRules(policies: values, ruleOverride: rule).lines(
                of: team, persons: persons, teams: teams, months: months, includingClaims: true,
                includingBookedElsewhere: true)
            let byID = Dictionary(persons.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
            var tally = Tally(policies: values)
            try tally.add(lines.filter { $0.team == id })
            var response = Cdt_Funding_V1_GetTeamEntitlementResponse()
            response.lines = try lines.map { line in
                var record = LineRecord(line, policies: values)
                if line.team != id { record.bookedTo = line.team }
                let evidence = plan.evidence(
                    of: line, team: teams[line.team] ?? team, person: line.person.flatMap { byID[$0] })
                return try explained(record, policy: values[line.policy], evidence: evidence)
            }
            response.totals = tally.totals
            response.amountDong = tally.amount
            response.byRule = try PartMonthRule.allCases.map { rule in
                let amount = try EntitlementRules(policies: values, ruleOverride: rule)
                    .lines(of: team, persons: persons, teams: teams, months: months)
                    .reduce(0) { try Money.add($0, $1.amount) }
                return .with {
                    $0.rule = PolicyMessages.message(rule)
                    $0.amountDong = amount
                }
            }
            response.ceilings = try ceilings(values, covering: team, months: months)
            return response
        } catch is Money.Overflow {
            throw FundingErrors.tooLarge()
        }
    }

    private static func ceilings(_ policies: [Policy], covering team: TeamCase, months: ClosedRange<Month>) throws
        -> [Cdt_Funding_V1_CeilingLine]
    {
        var lines: [Cdt_Funding_V1_CeilingLine] = []
        for (policy, coverage) in zip(policies, team.coverage) {
            guard coverage != nil, policy.levels.contains(team.facts.level) else { continue }
            for cap in policy.caps where cap.kind == .teamYear || cap.kind == .teamLife {
                let years = cap.kind == .teamLife ? 0...0 : months.lowerBound.year...months.upperBound.year
                for year in years {
                    if year > 0, let january = Month(year: year, month: 1),
                        !policy.validity.overlaps(
                            DateRange(from: january.firstDay, to: january.adding(months: 11).lastDay))
                    {
                        continue
                    }
                    let amount = try cap.ceiling(in: year, validity: policy.validity)
                    lines.append(
                        .with {
                            $0.policy = policy.name
                            $0.kind = .init(rawValue: cap.kind.rawValue) ?? .unspecified
                            $0.year = Int32(year)
                            $0.amountDong = amount
                            $0.step = CeilingTexts.step(cap, year: year, ceiling: amount, validity: policy.validity)
                        })
                }
            }
        }
        return lines
    }

    static func explained(_ record: LineRecord, policy: Policy, evidence: Evidence) throws
        -> Cdt_Funding_V1_EntitlementLine
    {
        var message = record.message(policy, teamName: evidence.teamName)
        if let explainer = Explainer(policy: policy, line: record, evidence: evidence) {
            message.refusals = explainer.refusals()
            message.explanation = try explainer.explanation()
        }
        return message
    }

    // MARK: Many teams

    /// The policies a request names, drafts included; without any, every active one.
    static func policies(_ references: [Cdt_Funding_V1_PolicyReference], _ transaction: ReadTransaction) throws
        -> [StoredPolicy]
    {
        if references.isEmpty { return try PolicyStore.active(transaction) }
        var found: [StoredPolicy] = []
        for reference in references {
            if reference.version > 0 {
                guard let stored = try PolicyStore.get(reference.policy, version: Int(reference.version), transaction)
                else { throw FundingErrors.policyNotFound(reference.policy, version: Int(reference.version)) }
                try refuseUnsound(stored.policy, transaction)
                found.append(stored)
            } else {
                let versions = try PolicyStore.versions(of: reference.policy, transaction)
                if versions.isEmpty { throw FundingErrors.policyNotFound(reference.policy) }
                let active = versions.filter { $0.policy.state == .active }
                if active.isEmpty { throw FundingErrors.policyNotActive(reference.policy) }
                found += active
            }
        }
        return found
    }

    /// A draft must be sound to be simulated; that it overlaps the version it will follow is no obstacle.
    private static func refuseUnsound(_ policy: Policy, _ transaction: ReadTransaction) throws {
        guard policy.state == .draft else { return }
        let violations = PolicyValidation.violations(
            of: policy,
            jurisdictionKnown: try PolicyStore.jurisdiction(of: policy, FactsReader(transaction)) != nil)
        if !violations.isEmpty { throw FundingErrors.invalidPolicy(.failedPrecondition, violations) }
    }

    package func compute(
        _ request: Cdt_Funding_V1_ComputeEntitlementsRequest,
        send: (Cdt_Funding_V1_ComputeEntitlementsResponse) async throws -> Void
    ) async throws {
        var check = Violations()
        _ = check.name(request.unit, of: "units", "unit", required: false)
        for (index, reference) in request.policies.enumerated() {
            _ = check.name(reference.policy, of: "policies", "policies[\(index)].policy")
        }
        let months = EntitlementQueries.months(request.fromMonth, request.toMonth, &check)
        try check.refuse()
        guard let months else { return }
        let asked = freshness()
        let plan = try await database.readPooled { transaction in
            let reader = FactsReader(transaction)
            if !request.unit.isEmpty, try reader.unit(request.unit) == nil {
                throw FundingErrors.unitNotFound(request.unit)
            }
            return try Sweep(
                months: months, unit: request.unit,
                policies: try EntitlementQueries.policies(request.policies, transaction)
            ).plan(reader)
        }
        let policies = plan.rules.policies
        var tally = Tally(policies: policies)
        for chunk in plan.chunks {
            // Each chunk is a read of its own: a slow client holds no reader.
            let results = try await database.readPooled { transaction in
                do {
                    return try plan.compute(chunk, transaction)
                } catch is Money.Overflow {
                    throw FundingErrors.tooLarge()
                }
            }
            var lines: [Cdt_Funding_V1_EntitlementLine] = []
            for result in results {
                try tally.add(result)
                guard !request.totalsOnly else { continue }
                for line in result.lines {
                    let record = LineRecord(line, policies: policies)
                    lines.append(
                        request.explain
                            ? try EntitlementQueries.explained(
                                record, policy: policies[line.policy], evidence: plan.evidence(of: line, in: result))
                            : record.message(policies[line.policy], teamName: result.team.displayName))
                }
            }
            var start = 0
            repeat {
                let part = Array(lines[start..<min(start + EntitlementQueries.batch, lines.count)])
                start += EntitlementQueries.batch
                let amount = tally.amount
                try await send(
                    .with {
                        $0.lines = part
                        $0.amountDong = amount
                        $0.teamsDone = Int64(chunk.upperBound)
                        $0.teamsTotal = Int64(plan.candidates.count)
                        $0.freshness = asked
                    })
            } while start < lines.count
        }
        let ended = tally
        try await send(
            .with {
                $0.totals = ended.totals
                $0.amountDong = ended.amount
                $0.teamsDone = Int64(plan.candidates.count)
                $0.teamsTotal = Int64(plan.candidates.count)
                $0.complete = true
                $0.freshness = asked
            })
    }
}
