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

    /// One team's lines and the evidence of each; `considered` holds (policy, month) pairs that looked at the team.
    package struct TeamResult: Sendable {
        package var team: TeamFacts
        package var lines: [EntitlementLine]
        package var evidence: [Evidence]
        package var considered: [(policy: Int, month: Month)]
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
            if known.contains(where: { $0.level == UnitFacts.nationLevel }) {
                candidates = try reader.candidateTeams(under: [])
            } else if !known.isEmpty {
                candidates = try reader.candidateTeams(under: Set(known.map(\.id)).sorted())
            }
            if recording {
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
    ///
    /// - Parameter recording: the lines are to be recorded: ceilings are used up as the books say, and what the books hold
    ///   beyond the lines comes as lines of 0.
    package func compute(
        _ range: Range<Int>, _ transaction: ReadTransaction, withEvidence: Bool, recording: Bool = false
    ) throws -> [Sweep.TeamResult] {
        var reader = FactsReader(transaction)
        let ids = Array(candidates[range])
        var tracers = self.tracers
        let recorded = recording ? try reader.recordedLines(of: ids) : [:]
        let cases = try loadCases(ids, &reader, &tracers, scope: scope, keeping: Set(recorded.keys))
        let peopled = cases.values.filter { hasMemberCoverage($0.case) }.map(\.case.facts.id).sorted()
        var persons: [String: [PersonCase]] = [:]
        var teams = cases.mapValues(\.case)
        if !peopled.isEmpty {
            let found = try reader.persons(in: peopled)
            let others = Set(found.flatMap { $0.stays.map(\.team) }).subtracting(teams.keys).sorted()
            for (id, other) in try loadCases(others, &reader, &tracers, scope: nil) { teams[id] = other.case }
            for person in found {
                for team in Set(person.stays.map(\.team)) where cases[team] != nil {
                    persons[team, default: []].append(person)
                }
            }
        }
        var results: [Sweep.TeamResult] = []
        for id in ids {
            guard let own = cases[id] else { continue }
            results.append(
                try result(
                    of: own.case, scopeDays: own.scopeDays, persons: persons[id] ?? [], teams: teams,
                    recorded: recording ? recorded[id] ?? RecordedLines() : nil, withEvidence: withEvidence))
        }
        return results
    }

    /// One team, whatever the scope: for the answer about a single team.
    package func cases(
        ofTeam id: String, forced: Bool, _ reader: inout FactsReader
    ) throws -> (team: TeamCase, teams: [String: TeamCase], persons: [PersonCase])? {
        var tracers = self.tracers
        guard var own = try loadCases([id], &reader, &tracers, scope: nil, keeping: [id])[id]?.case else {
            return nil
        }
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
        for (other, found) in try loadCases(others, &reader, &tracers, scope: nil) { teams[other] = found.case }
        return (own, teams, persons)
    }

    private var tracers: [TerritoryTracer?] {
        zip(rules.policies, jurisdictions).map { policy, unit in
            guard let unit, let date = policy.territoryDate else { return nil }
            return TerritoryTracer(jurisdiction: unit.id, date: date)
        }
    }

    private func hasMemberCoverage(_ team: TeamCase) -> Bool {
        zip(rules.policies, team.coverage).contains { $1 != nil && $0.beneficiary == .member }
    }

    /// Teams with what each policy says of them; without those that no policy and no scope concerns.
    private func loadCases(
        _ ids: [String], _ reader: inout FactsReader, _ tracers: inout [TerritoryTracer?],
        scope: (unit: String, date: LocalDate)?, keeping kept: Set<String> = []
    ) throws -> [String: (case: TeamCase, scopeDays: [DateRange]?)] {
        guard !ids.isEmpty else { return [:] }
        let facts = try reader.teams(ids)
        try reader.prefetchUnits(of: facts.values)
        var scopeTracer = scope.map { TerritoryTracer(jurisdiction: $0.unit, date: $0.date) }
        let listed = rules.policies.contains(where: \.requiresEnrolment) ? try reader.enrolments(of: ids) : [:]
        let shared = try reader.sharedUnits(facts.values)
        let reports =
            rules.policies.contains { $0.reportCondition != .none } ? try reader.reports(of: ids) : [:]
        var cases: [String: (case: TeamCase, scopeDays: [DateRange]?)] = [:]
        for (id, unnamed) in facts {
            let team = reader.named(unnamed)
            let scopeDays = try scopeTracer?.days(of: team.placements, in: reader)
            if let scopeDays, scopeDays.isEmpty { continue }
            var coverage: [Coverage?] = []
            for index in rules.policies.indices {
                let territory = try tracers[index]?.days(of: team.placements, in: reader) ?? []
                coverage.append(
                    territory.isEmpty
                        ? nil
                        : Coverage(territory: territory, enrolment: listed[id]?[rules.policies[index].name] ?? []))
            }
            if !kept.contains(id), coverage.allSatisfy({ $0 == nil }) { continue }
            let own = TeamCase(
                facts: team, coverage: coverage, sharedUnit: shared[id] ?? [], reports: reports[id] ?? TeamReports())
            cases[id] = (own, scopeDays)
        }
        return cases
    }

    private func result(
        of team: TeamCase, scopeDays: [DateRange]?, persons: [PersonCase], teams: [String: TeamCase],
        recorded: RecordedLines?, withEvidence: Bool
    ) throws -> Sweep.TeamResult {
        func isInScope(_ month: Month) -> Bool { scopeDays.map { !MonthDays(month, in: $0).isEmpty } ?? true }
        func concerns(_ policy: Int, _ month: Month) -> Bool {
            if !isInScope(month) { return false }
            guard !sweep.explicit else { return true }
            guard let coverage = team.coverage[policy] else { return false }
            return rules.policies[policy].isInForce(in: month) && !MonthDays(month, in: coverage.territory).isEmpty
        }
        var lines: [EntitlementLine]
        if let recorded {
            lines = try rules.linesToRecord(
                of: team, persons: persons, teams: teams, months: sweep.months, recorded: recorded, concerns: concerns)
            lines += rules.vanished(
                from: recorded, of: team, lines: lines, months: sweep.months.filter(isInScope))
        } else {
            lines = try rules.lines(of: team, persons: persons, teams: teams, months: sweep.months)
                .filter { concerns($0.policy, $0.month) }
        }
        var considered: [(policy: Int, month: Month)] = []
        for month in sweep.months {
            for policy in rules.policies.indices where team.coverage[policy] != nil && concerns(policy, month) {
                considered.append((policy, month))
            }
        }
        let byID = Dictionary(persons.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        return Sweep.TeamResult(
            team: team.facts, lines: lines,
            evidence: withEvidence
                ? lines.map { evidence(of: $0, team: team, person: $0.person.flatMap { byID[$0] }) } : [],
            considered: considered)
    }

    package func evidence(of line: EntitlementLine, team: TeamCase, person: PersonCase?) -> Evidence {
        Evidence(
            policy: rules.policies[line.policy], jurisdiction: jurisdictions[line.policy], team: team.facts,
            coverage: team.coverage[line.policy] ?? Coverage(territory: []), person: person, reports: team.reports)
    }
}
