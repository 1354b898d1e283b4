import ServiceKit
import Shared
import Storage

/// What a claim is decided by, read in one transaction.
struct ClaimFacts {
    var rules: ClaimRules.Facts
    /// One per version of the policy: the facts an explanation is told from.
    var evidence: [Evidence]

    static func load(_ claim: Cdt_Funding_V1_Claim, _ transaction: ReadTransaction) throws -> ClaimFacts {
        let versions = try PolicyStore.versions(of: claim.policy, transaction)
            .filter { $0.policy.state == .active }
            .sorted {
                ($0.policy.validity.from ?? .distantPast, $0.policy.version) < (
                    $1.policy.validity.from ?? .distantPast, $1.policy.version
                )
            }
        let reader = FactsReader(transaction)
        guard let month = LocalDate(claim.submittedOn)?.calendarMonth else {
            throw StorageError.misuse("the date of \(claim.name) cannot be read")
        }
        let plan = try Sweep(months: month...month, policies: versions, explicit: true)
            .plan(reader, withCandidates: false)
        guard let team = try plan.cases(ofTeam: claim.team, forced: true, reader)?.team else {
            throw FundingErrors.teamNotFound(claim.team)
        }
        let coverage = team.coverage.map { $0 ?? Coverage(territory: []) }
        let persons = Set(claim.items.flatMap { $0.workedDays.map(\.person) }).sorted()
        var stays: [String: [DateRange]] = [:]
        if !persons.isEmpty {
            try transaction.forEach(
                "SELECT person_id, from_day, end_day FROM memberships WHERE team_id = ?", [.text(claim.team)]
            ) { stays[try $0.text(0), default: []].append(try $0.days(1)) }
        }
        let facts = ClaimRules.Facts(
            versions: zip(versions, coverage).map { ($0.policy, $1) }, team: team.facts, stays: stays,
            recorded: try reader.recordedLines(of: [claim.team])[claim.team] ?? RecordedLines(),
            budgetLines: versions.contains { $0.policy.hasBudgetCeiling(on: claim.component) }
                ? try reader.budgetLines(of: claim.policy) : [],
            usedByDay: try ClaimStore.usedByDay(
                team: claim.team, policy: claim.policy, component: claim.component, transaction),
            paidDays: try ClaimStore.days(
                of: persons, policy: claim.policy, component: claim.component, transaction))
        let evidence = zip(zip(versions, plan.jurisdictions), coverage).map { version, coverage in
            Evidence(policy: version.0.policy, jurisdiction: version.1, team: team.facts, coverage: coverage)
        }
        return ClaimFacts(rules: facts, evidence: evidence)
    }
}
