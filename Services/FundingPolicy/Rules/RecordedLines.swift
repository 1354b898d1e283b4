import ServiceKit

/// What stands in the books for one component of one beneficiary and month, or for one item of a claim.
package struct RecordedLine: Sendable, Hashable {
    /// `policies/{id}`.
    package var policy: String
    package var component: String
    /// Of an expense, the month of its date.
    package var month: Month
    /// nil: the team itself.
    package var person: String?
    /// `claims/{id}` and the item's key; empty: a line of runs.
    package var item: String
    /// Due for it altogether, as last recorded.
    package var due: Int64
    /// Set when a ceiling cut it: "a posted line that was cut is never due more than was posted".
    package var limit: Int64?

    package init(
        policy: String, component: String, month: Month, person: String? = nil, item: String = "", due: Int64,
        limit: Int64? = nil
    ) {
        self.policy = policy
        self.component = component
        self.month = month
        self.person = person
        self.item = item
        self.due = due
        self.limit = limit
    }

    package struct Key: Sendable, Hashable {
        package var policy: String
        package var component: String
        package var month: Month
        package var person: String?
        package var item: String
    }

    package var key: Key { Key(policy: policy, component: component, month: month, person: person, item: item) }
}

/// One team's lines in the books, each where it was recorded first.
package struct RecordedLines: Sendable {
    package private(set) var lines: [RecordedLine] = []
    private var positions: [RecordedLine.Key: Int] = [:]

    package init() {}

    package init(_ entries: [RecordedLine]) {
        for entry in entries { add(entry) }
    }

    /// Adds what was recorded next; of a line that is known, its new total.
    package mutating func add(_ entry: RecordedLine) {
        if let position = positions[entry.key] {
            lines[position].due = entry.due
            if let limit = entry.limit { lines[position].limit = min(limit, lines[position].limit ?? limit) }
        } else {
            positions[entry.key] = lines.count
            lines.append(entry)
        }
    }

    package subscript(_ key: RecordedLine.Key) -> RecordedLine? { positions[key].map { lines[$0] } }
    package var isEmpty: Bool { lines.isEmpty }
}

extension EntitlementRules {
    /// The lines booked to one team as they are to be recorded now.
    ///
    /// Ceilings "are used up in the recorded order of posting or approval; corrections replay that order and never
    /// reopen a cut": what is recorded comes first, in its order, with today's amounts where these months are computed
    /// again; then what is new, by month, person, policy and component. What is recorded and not decided again keeps
    /// its room whatever its place: otherwise a line that was taken back and is due again would pass the ceiling with
    /// those that have used its room meanwhile.
    ///
    /// - Parameter concerns: the months of each policy that are decided; lines of others stay as they are recorded.
    package func linesToRecord(
        of team: TeamCase, persons: [PersonCase] = [], teams: [String: TeamCase] = [:], months: ClosedRange<Month>,
        recorded: RecordedLines, concerns: (_ policy: Int, Month) -> Bool = { _, _ in true }
    ) throws(Money.Overflow) -> [EntitlementLine] {
        var lines: [EntitlementLine] = []
        var positions: [RecordedLine.Key: Int] = [:]
        for month in months {
            for line in try uncutLines(of: team, persons: persons, teams: teams, month: month)
            where line.team == team.facts.id && concerns(line.policy, month) {
                if !recorded.isEmpty { positions[key(of: line)] = lines.count }
                lines.append(line)
            }
        }
        var ceilings = CeilingUse()
        var isDecided = Array(repeating: false, count: lines.count)
        for line in recorded.lines where positions[line.key] == nil { try ceilings.use(line, policies: policies) }
        for line in recorded.lines {
            guard let position = positions[line.key] else { continue }
            lines[position].postedBefore = line.due
            lines[position].wasCut = line.limit != nil
            isDecided[position] = true
            try ceilings.apply(
                to: &lines[position], policies: policies, limit: line.limit)
        }
        for index in lines.indices where !isDecided[index] {
            try ceilings.apply(to: &lines[index], policies: policies)
        }
        return lines
    }

    /// Recorded lines of these months that nothing is due for any more, and no line says so: 0, as lines of their own.
    package func vanished(
        from recorded: RecordedLines, of team: TeamCase, lines: [EntitlementLine], months: [Month]
    ) -> [EntitlementLine] {
        let due = recorded.lines.filter { $0.item.isEmpty && $0.due != 0 && months.contains($0.month) }
        guard !due.isEmpty else { return [] }
        let present = Set(lines.map(key(of:)))
        return due.compactMap { line in
            guard !present.contains(line.key) else { return nil }
            let candidates = policies.indices.filter { index in
                policies[index].name == line.policy && policies[index].components.contains { $0.id == line.component }
            }
            guard let policy = candidates.first(where: { policies[$0].isInForce(in: line.month) }) ?? candidates.first,
                let component = policies[policy].components.firstIndex(where: { $0.id == line.component })
            else { return nil }
            let isOutside = team.coverage[policy].map { MonthDays(line.month, in: $0.territory).isEmpty } ?? true
            return EntitlementLine(
                month: line.month, team: team.facts.id, level: team.facts.level, person: line.person, policy: policy,
                component: component, rule: ruleOverride ?? policies[policy].partMonthRule,
                conditions: ConditionDays(none: line.month), days: .none(line.month), gross: 0, amount: 0,
                reasons: RefusalReasons(isOutside ? .outOfTerritory : .notActive), yieldsTo: nil, contributions: [],
                needsConsolidation: false, postedBefore: line.due, isOnlyRecorded: true, wasCut: line.limit != nil)
        }
    }

    func key(of line: EntitlementLine) -> RecordedLine.Key {
        RecordedLine.Key(
            policy: policies[line.policy].name, component: line.componentID(in: policies), month: line.month,
            person: line.person, item: "")
    }
}
