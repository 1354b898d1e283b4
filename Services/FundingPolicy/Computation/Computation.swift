import ServiceKit
import Storage

extension Sweep {
    /// Computes a plan's teams, chunk after chunk, within one transaction.
    package struct Computation {
        private let plan: Plan
        /// The lines are to be recorded: ceilings are used up as the books say, and what the books hold beyond the
        /// lines comes as lines of 0.
        private let isRecording: Bool
        /// Whose lines in the books are asked for; nil: all months', which have used up ceilings.
        private let recordedMonths: ClosedRange<Month>?
        private var cases: CaseReader

        package init(_ plan: Plan, _ transaction: ReadTransaction, recording: Bool) throws {
            self.plan = plan
            isRecording = recording
            recordedMonths = plan.rules.policies.contains { !$0.caps.isEmpty } ? nil : plan.sweep.months
            cases = CaseReader(plan, FactsReader(transaction))
            if recording { try cases.prepareForMany() }
        }

        /// The teams at these positions of the plan's candidates, in the order of their ids.
        package mutating func results(of range: Range<Int>) throws -> [TeamResult] {
            let ids = Array(plan.candidates[range])
            let recorded = isRecording ? try cases.reader.recordedLines(of: ids, in: recordedMonths) : [:]
            let own = try cases.load(ids, inScope: true, keeping: Set(recorded.keys))
            let peopled = own.filter { plan.hasMemberCoverage($0.team) }.map(\.team.facts.id)
            var persons: [String: [PersonCase]] = [:]
            var teams: [String: TeamCase] = [:]
            if !peopled.isEmpty {
                for found in own { teams[found.team.facts.id] = found.team }
                var others: Set<String> = []
                for person in try cases.reader.persons(in: peopled) {
                    for (index, stay) in person.stays.enumerated()
                    where !person.stays[..<index].contains(where: { $0.team == stay.team }) {
                        if teams[stay.team] == nil {
                            others.insert(stay.team)
                        } else {
                            persons[stay.team, default: []].append(person)
                        }
                    }
                }
                for other in try cases.load(others.sorted()) { teams[other.team.facts.id] = other.team }
            }
            return try own.map { found in
                let id = found.team.facts.id
                return try result(
                    of: found, persons: persons[id] ?? [], teams: teams,
                    recorded: isRecording ? recorded[id] ?? RecordedLines() : nil)
            }
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
                if !recorded.isEmpty {
                    lines += rules.vanished(from: recorded, of: team, lines: lines, months: months.filter(isInScope))
                }
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
