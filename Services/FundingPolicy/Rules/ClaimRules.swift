import ServiceKit

/// Decides a claim's items one after the other, each under the version of the policy that is in force on its date.
package struct ClaimRules: Sendable {
    /// Everything a decision stands on.
    package struct Facts: Sendable {
        /// The policy's active versions, oldest first, with what each says of the team.
        package var versions: [(policy: Policy, coverage: Coverage)]
        package var team: TeamFacts
        /// Stays of the persons of the claim in this team.
        package var stays: [String: [DateRange]]
        package var recorded: RecordedLines
        /// What all teams together are due by component and year, each as a line of January; only where a ceiling over
        /// the budget asks for it.
        package var budgetLines: [RecordedLine]
        /// Taken from the ceiling per person and day by earlier claims of the team.
        package var usedByDay: [WorkDay: Int64]
        /// Days of these persons that are paid already, in whatever team.
        package var paidDays: Set<WorkDay>

        package init(
            versions: [(policy: Policy, coverage: Coverage)], team: TeamFacts, stays: [String: [DateRange]] = [:],
            recorded: RecordedLines = RecordedLines(), budgetLines: [RecordedLine] = [],
            usedByDay: [WorkDay: Int64] = [:], paidDays: Set<WorkDay> = []
        ) {
            self.versions = versions
            self.team = team
            self.stays = stays
            self.recorded = recorded
            self.budgetLines = budgetLines
            self.usedByDay = usedByDay
            self.paidDays = paidDays
        }
    }

    /// What is to be booked for an item.
    package struct Part: Sendable, Hashable {
        /// nil: the team.
        package var person: String?
        package var month: Month
        package var due: Int64
        package var isCut: Bool
    }

    package struct Decision: Sendable {
        /// Position of the version that decided.
        package var version: Int
        package var component: Component
        package var claimed: Int64
        package var due: Int64
        package var reasons: RefusalReasons
        package var cutByDay: Int64
        package var cutByTeam: Int64
        package var parts: [Part]
        package var paidDays: [WorkDay]
        /// What was left of each yearly and life-long ceiling before the item, those over the budget among them.
        package var ceilings: [(cap: Cap, year: Int, ceiling: Int64, left: Int64)]
    }

    package let facts: Facts
    package let componentID: String
    private var ceilings: CeilingUse
    /// Taken from the ceiling per person and day, this claim's items included.
    package private(set) var usedByDay: [WorkDay: Int64]
    private var paidDays: Set<WorkDay>

    package init(facts: Facts, component: String) throws(Money.Overflow) {
        self.facts = facts
        componentID = component
        let policies = facts.versions.map(\.policy)
        var (own, budgets) = (CeilingUse(), CeilingUse(of: .budgets))
        for line in facts.recorded.lines { try own.use(line, policies: policies) }
        for line in facts.budgetLines { try budgets.use(line, policies: policies) }
        ceilings = CeilingUse(team: own, budgets: budgets)
        usedByDay = facts.usedByDay
        paidDays = facts.paidDays
    }

    /// The version in force on a date; without one the last before it, or the first.
    package static func version(on date: LocalDate, of policies: [Policy], component: String) -> Int? {
        let own = policies.indices.filter { index in policies[index].components.contains { $0.id == component } }
        return own.first { policies[$0].validity.contains(date) }
            ?? own.last { (policies[$0].validity.from ?? .distantPast) <= date } ?? own.first
    }

    package mutating func decide(_ item: ExpenseItem) throws(Money.Overflow) -> Decision? {
        let policies = facts.versions.map(\.policy)
        guard let index = ClaimRules.version(on: item.date, of: policies, component: componentID),
            let component = policies[index].components.first(where: { $0.id == componentID })
        else { return nil }
        let (policy, coverage) = facts.versions[index]
        let before = try ceilingsLeft(policy, year: item.date.year)
        var rules = ExpenseRules(policy: policy, component: component, ceilings: ceilings, usedByDay: usedByDay)
        let stays = facts.stays
        func isMember(_ day: WorkDay) -> Bool { stays[day.person, default: []].contains { $0.contains(day.date) } }
        var decision = Decision(
            version: index, component: component, claimed: item.amount, due: 0, reasons: [], cutByDay: 0, cutByTeam: 0,
            parts: [], paidDays: [], ceilings: before)
        if component.kind == .ratePerMemberDay {
            let days = try rules.decideDays(
                item, team: facts.team, coverage: coverage, paid: paidDays, isMember: isMember)
            decision.claimed = try Money.multiply(
                Money.roundedDown(component.rate, to: policy.roundingStep), Int64(Set(item.workDays).count))
            (decision.due, decision.reasons) = (days.due, days.reasons)
            (decision.cutByDay, decision.cutByTeam) = (days.cutByDay, days.cutByTeam)
            decision.parts = days.parts.map {
                Part(person: $0.payee.person, month: $0.payee.month, due: $0.due, isCut: $0.isCut)
            }
            decision.paidDays = days.paid
            paidDays.formUnion(days.paid)
        } else {
            let expense = try rules.decide(item, team: facts.team, coverage: coverage, isMember: isMember)
            (decision.due, decision.reasons) = (expense.due, expense.reasons)
            (decision.cutByDay, decision.cutByTeam) = (expense.cutByDay, expense.cutByTeam)
            decision.parts = [
                Part(
                    person: nil, month: item.date.calendarMonth, due: expense.due,
                    isCut: expense.due < item.amount)
            ]
        }
        ceilings = rules.ceilings
        usedByDay = rules.usedByDay
        return decision
    }

    private func ceilingsLeft(_ policy: Policy, year: Int) throws(Money.Overflow) -> [(
        cap: Cap, year: Int, ceiling: Int64, left: Int64
    )] {
        var result: [(cap: Cap, year: Int, ceiling: Int64, left: Int64)] = []
        for cap in policy.caps
        where cap.cuts(componentID) && [.teamYear, .teamLife, .budgetYear].contains(cap.kind) {
            let ceiling = try cap.ceiling(in: year, validity: policy.validity)
            let used = ceilings.used(cap, policy: policy, year: year)
            result.append((cap, cap.kind == .teamLife ? 0 : year, ceiling, max(0, ceiling - used)))
        }
        return result
    }
}
