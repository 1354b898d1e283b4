import ServiceKit
import Storage

extension Sweep {
    /// Computes a plan's teams, chunk after chunk, within one transaction.
    package struct Computation {
        private let plan: Plan
        /// The lines are to be recorded: ceilings are used up as the books say, and what the books hold beyond the lines
        /// comes as lines of 0.
        private let isRecording: Bool
        private var cases: CaseReader

        package init(_ plan: Plan, _ transaction: ReadTransaction, recording: Bool) throws {
            self.plan = plan
            isRecording = recording
            cases = CaseReader(plan, FactsReader(transaction))
            if recording { try cases.prepareForMany() }
        }

        /// The teams at these positions of the plan's candidates, in the order of their ids.
        package mutating func results(of range: Range<Int>) throws -> [TeamResult] {
            let ids = Array(plan.candidates[range])
            let recorded = isRecording ? try cases.reader.recordedLines(of: ids) : [:]
            let own = try cases.load(ids, inScope: true, keeping: Set(recorded.keys))
            let peopled = own.values.filter { plan.hasMemberCoverage($0.team) }.map(\.team.facts.id).sorted()
            var persons: [String: [PersonCase]] = [:]
            var teams: [String: TeamCase] = [:]
            if !peopled.isEmpty {
                teams = own.mapValues(\.team)
                let found = try cases.reader.persons(in: peopled)
                let others = Set(found.flatMap { $0.stays.map(\.team) }).subtracting(teams.keys).sorted()
                for (id, other) in try cases.load(others) { teams[id] = other.team }
                for person in found {
                    for team in Set(person.stays.map(\.team)) where own[team] != nil {
                        persons[team, default: []].append(person)
                    }
                }
            }
            var results: [TeamResult] = []
            results.reserveCapacity(ids.count)
            for id in ids {
                guard let found = own[id] else { continue }
                results.append(
                    try result(
                        of: found, persons: persons[id] ?? [], teams: teams,
                        recorded: isRecording ? recorded[id] ?? RecordedLines() : nil))
            }
            return results
        }

        private func result(
            of found: CaseReader.Found, persons: [PersonCase], teams: [String: TeamCase], recorded: RecordedLines?
        ) throws -> TeamResult {
            let (team, rules, months) = (found.team, plan.rules, plan.sweep.months)
            func isInScope(_ month: Month) -> Bool {
                found.scopeDays.map { !MonthDays(month, in: $0).isEmpty } ?? true
            }
            func concerns(_ policy: Int, _ month: Month) -> Bool {
                if !isInScope(month) { return false }
                guard !plan.sweep.explicit else { return true }
                guard let coverage = team.coverage[policy] else { return false }
                return rules.policies[policy].isInForce(in: month) && !MonthDays(month, in: coverage.territory).isEmpty
            }
            var lines: [EntitlementLine]
            if let recorded {
                lines = try rules.linesToRecord(
                    of: team, persons: persons, teams: teams, months: months, recorded: recorded, concerns: concerns)
                lines += rules.vanished(from: recorded, of: team, lines: lines, months: months.filter(isInScope))
            } else {
                lines = try rules.lines(of: team, persons: persons, teams: teams, months: months)
                    .filter { concerns($0.policy, $0.month) }
            }
            var considered: [(policy: Int, month: Month)] = []
            for month in months {
                for policy in rules.policies.indices where team.coverage[policy] != nil && concerns(policy, month) {
                    considered.append((policy, month))
                }
            }
            return TeamResult(subject: team, persons: persons, lines: lines, considered: considered)
        }
    }
}
