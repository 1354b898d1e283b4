import ServiceKit
import Shared
import Storage

/// Whose entitlements are computed, for which months, under which policies.
package struct Sweep: Sendable {
    package var months: ClosedRange<Month>
    /// `units/{id}`; empty: the whole country.
    package var unit: String
    package var policies: [StoredPolicy]
    /// The policies were named by the caller: lines are given also where one does not apply.
    package var explicit: Bool

    package init(months: ClosedRange<Month>, unit: String = "", policies: [StoredPolicy], explicit: Bool = false) {
        self.months = months
        self.unit = unit
        self.policies = policies
        self.explicit = explicit
    }

    /// A sweep with its places resolved, and the teams it may concern.
    package struct Plan: Sendable {
        package let sweep: Sweep
        package let rules: EntitlementRules
        /// One per policy: the unit whose territory it covers; nil while the registry has not told it.
        package let jurisdictions: [UnitFacts?]
        /// The scope's unit and the date on which its territory is read; nil: the whole country.
        let scope: (unit: String, date: LocalDate)?
        /// Ascending; some of them may turn out to lie outside.
        package let candidates: [String]
    }

    /// One team's lines and what they stand on; `considered` holds (policy, month) pairs that looked at the team.
    package struct TeamResult: Sendable {
        package let subject: TeamCase
        /// Those with a stay in the team, where a policy pays them.
        let persons: [PersonCase]
        package let lines: [EntitlementLine]
        package let considered: [(policy: Int, month: Month)]

        package var team: TeamFacts { subject.facts }
    }

    /// - Parameter withCandidates: false where a single team is asked about.
    /// - Parameter recording: also the teams that something was recorded for, wherever they are now.
    package func plan(_ reader: FactsReader, withCandidates: Bool = true, recording: Bool = false) throws -> Plan {
        let rules = EntitlementRules(policies: policies.map(\.policy))
        let jurisdictions = try policies.map { try PolicyStore.jurisdiction(of: $0.policy, reader) }
        var scope: (unit: String, date: LocalDate)?
        var candidates: [String] = []
        if !unit.isEmpty, let facts = try reader.unit(unit) {
            if facts.level > UnitFacts.nationLevel {
                // The territory as at the end of the period or, of an abolished unit, on its last day.
                var date = months.upperBound.lastDay
                if let to = facts.validity.to, to < date { date = to }
                if let from = facts.validity.from, from > date { date = from }
                scope = (unit, date)
            }
        }
        if !withCandidates {
            candidates = []
        } else if let scope {
            candidates = try reader.candidateTeams(under: [scope.unit])
        } else {
            let known = jurisdictions.compactMap { $0 }
            let isNationwide = known.contains { $0.level == UnitFacts.nationLevel }
            if isNationwide {
                candidates = try reader.candidateTeams(under: [])
            } else if !known.isEmpty {
                candidates = try reader.candidateTeams(under: Set(known.map(\.id)).sorted())
            }
            if recording, !isNationwide {
                candidates = Set(candidates).union(try reader.recordedTeams(under: policies.map(\.policy.name)))
                    .sorted()
            }
        }
        return Plan(sweep: self, rules: rules, jurisdictions: jurisdictions, scope: scope, candidates: candidates)
    }
}

extension UnitFacts {
    static let nationLevel = 1
}

extension Sweep.Plan {
    /// Months of teams computed at a time, which bounds what is in memory at once.
    package static let teamMonthsPerChunk = 1024

    package var chunks: [Range<Int>] {
        let months = sweep.months.lowerBound.months(until: sweep.months.upperBound) + 1
        let size = max(FactsReader.listSize / 4, Self.teamMonthsPerChunk / months)
        return stride(from: 0, to: candidates.count, by: size).map { $0..<min($0 + size, candidates.count) }
    }

    /// Computes the teams at these positions of `candidates`, in the order of their ids.
    package func compute(_ range: Range<Int>, _ transaction: ReadTransaction) throws -> [Sweep.TeamResult] {
        var computation = try Sweep.Computation(self, transaction, recording: false)
        return try computation.results(of: range)
    }

    /// One team, whatever the scope: for the answer about a single team.
    package func cases(
        ofTeam id: String, forced: Bool, _ reader: FactsReader
    ) throws -> (team: TeamCase, teams: [String: TeamCase], persons: [PersonCase])? {
        var cases = CaseReader(self, reader)
        guard var own = try cases.load([id], keeping: [id]).first?.team else { return nil }
        if forced {
            for index in own.coverage.indices where own.coverage[index] == nil {
                own.coverage[index] = Coverage(
                    territory: [],
                    enrolment: try reader.enrolments(of: [id])[id]?[rules.policies[index].name] ?? [])
            }
        }
        var teams = [id: own]
        guard hasMemberCoverage(own) else { return (own, teams, []) }
        let persons = try reader.persons(in: [id])
        let others = Set(persons.flatMap { $0.stays.map(\.team) }).subtracting([id]).sorted()
        for found in try cases.load(others) { teams[found.team.facts.id] = found.team }
        return (own, teams, persons)
    }

    func hasMemberCoverage(_ team: TeamCase) -> Bool {
        rules.policies.indices.contains { team.coverage[$0] != nil && rules.policies[$0].beneficiary == .member }
    }

    /// What a line of a result stands on.
    package func evidence(of line: EntitlementLine, in result: Sweep.TeamResult) -> Evidence {
        evidence(
            of: line, team: result.subject,
            person: line.person.flatMap { person in result.persons.first { $0.id == person } })
    }

    package func evidence(of line: EntitlementLine, team: TeamCase, person: PersonCase?) -> Evidence {
        Evidence(
            policy: rules.policies[line.policy], jurisdiction: jurisdictions[line.policy], team: team.facts,
            coverage: team.coverage[line.policy] ?? Coverage(territory: []), person: person, reports: team.reports)
    }
}
