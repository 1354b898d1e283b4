import ServiceKit
import Storage

/// Reads teams with what each policy of a sweep says of them, within one transaction. What it learns of the tree of
/// units stays with it, so that of many teams only their own places are read.
struct CaseReader {
    struct Found {
        var team: TeamCase
        /// Days on which it lay in the sweep's scope; nil: nobody asked.
        var scopeDays: [DateRange]?
    }

    private let rules: EntitlementRules
    private(set) var reader: FactsReader
    /// One per policy; nil while its territory is not known.
    private var tracers: [TerritoryTracer?]
    private var scope: TerritoryTracer?

    init(_ plan: Sweep.Plan, _ reader: FactsReader) {
        rules = plan.rules
        self.reader = reader
        tracers = zip(rules.policies, plan.jurisdictions).map { policy, unit in
            guard let unit, let date = policy.territoryDate else { return nil }
            return TerritoryTracer(jurisdiction: unit.id, date: date)
        }
        scope = plan.scope.map { TerritoryTracer(jurisdiction: $0.unit, date: $0.date) }
    }

    /// For who asks about many teams.
    mutating func prepareForMany() throws { try reader.prefetchCrowdedUnits() }

    /// Teams in the order of their ids, which are ascending; without those that no policy concerns unless they are to
    /// be kept and, `inScope`, those outside.
    mutating func load(_ ids: [String], inScope: Bool = false, keeping kept: Set<String> = []) throws -> [Found] {
        guard !ids.isEmpty else { return [] }
        let facts = try reader.teams(ids)
        let listed = rules.policies.contains(where: \.requiresEnrolment) ? try reader.enrolments(of: ids) : [:]
        let shared = try reader.sharedUnits(facts)
        let reports = rules.policies.contains { $0.reportCondition != .none } ? try reader.reports(of: ids) : [:]
        var found: [Found] = []
        found.reserveCapacity(facts.count)
        for team in facts {
            let scopeDays = inScope ? try scope?.days(of: team.placements, in: reader) : nil
            if let scopeDays, scopeDays.isEmpty { continue }
            var coverage: [Coverage?] = []
            for index in rules.policies.indices {
                let territory = try tracers[index]?.days(of: team.placements, in: reader) ?? []
                coverage.append(
                    territory.isEmpty
                        ? nil
                        : Coverage(
                            territory: territory, enrolment: listed[team.id]?[rules.policies[index].name] ?? []))
            }
            if !kept.contains(team.id), coverage.allSatisfy({ $0 == nil }) { continue }
            let own = TeamCase(
                facts: team, coverage: coverage, sharedUnit: shared[team.id] ?? [],
                reports: reports[team.id] ?? TeamReports())
            found.append(Found(team: own, scopeDays: scopeDays))
        }
        return found
    }
}
