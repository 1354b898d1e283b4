import ServiceKit

/// One item of a claim: an expense of one day or, with `workDays`, an amount for persons at work on days.
package struct ExpenseItem: Sendable, Hashable {
    /// Key of the item, for the reader.
    package var id: String
    /// Date of the expense; of an item with worked days, the last of them.
    package var date: LocalDate
    package var amount: Int64
    /// Persons and their worked days; empty for other expenses.
    package var workDays: [WorkDay]
    /// Local date of submission.
    package var submittedOn: LocalDate

    package init(id: String, date: LocalDate, amount: Int64, workDays: [WorkDay] = [], submittedOn: LocalDate) {
        self.id = id
        self.date = date
        self.amount = amount
        self.workDays = workDays
        self.submittedOn = submittedOn
    }
}

/// One person at work on one day.
package struct WorkDay: Sendable, Hashable, Comparable {
    package var person: String
    package var date: LocalDate
    package init(person: String, date: LocalDate) {
        self.person = person
        self.date = date
    }
    package static func < (a: WorkDay, b: WorkDay) -> Bool { (a.person, a.date) < (b.person, b.date) }
}

/// What became of one item.
package struct ExpenseDecision: Sendable, Hashable {
    package var item: String
    package var due: Int64
    package var reasons: RefusalReasons
    /// Cut by the ceiling per person and worked day.
    package var cutByDay: Int64
    /// Cut by the team's yearly ceiling or the one over the policy's life.
    package var cutByTeam: Int64
}

/// Decides one team's expenses under one version of a policy, in the order of approval.
///
/// "Caps belong to one team and the calendar year of the month or expense date … are used up in the recorded order of
/// posting or approval. Claims are taken until 31/1 of the next year, then refused LATE_CLAIM; what is unused then
/// lapses."
package struct ExpenseRules: Sendable {
    package let policy: Policy
    package let component: Component
    /// What is used up, by all that was recorded before.
    package private(set) var ceilings: CeilingUse
    /// Taken from the ceiling per person and worked day, over all claims of the team.
    package private(set) var usedByDay: [WorkDay: Int64]

    package init(
        policy: Policy, component: Component, ceilings: CeilingUse = CeilingUse(), usedByDay: [WorkDay: Int64] = [:]
    ) {
        self.policy = policy
        self.component = component
        self.ceilings = ceilings
        self.usedByDay = usedByDay
    }

    /// Last day on which an expense of a year can be claimed.
    package static func claimDeadline(forYear year: Int) -> LocalDate {
        LocalDate(year: year + 1, month: 1, day: 31) ?? .distantFuture
    }

    /// Decides the next item: "an expense dated on a day that is not an active day of the team is refused, NOT_ACTIVE",
    /// and "a worked day is paid only if it is an active day of the member". `isMember` says the latter.
    package mutating func decide(
        _ item: ExpenseItem, team: TeamFacts, coverage: Coverage, isMember: (WorkDay) -> Bool = { _ in true }
    ) throws(Money.Overflow) -> ExpenseDecision {
        let reasons = refusals(of: item, team: team, coverage: coverage)
        guard reasons.isEmpty else { return refused(item, reasons) }
        let worked = Set(item.workDays)
        let active = worked.filter(isMember)
        // Without a ceiling per day nothing tells what one day's share is: then every day must count.
        if active.count < worked.count, active.isEmpty || dailyCeiling == nil {
            return refused(item, RefusalReasons(.notActive))
        }
        let perDay = try takeDailyCeiling(of: item, days: active)
        let left = try ceilings.take(
            perDay, component: component.id, month: item.date.calendarMonth, person: nil, policy: policy)
        var cut: RefusalReasons = active.count < worked.count ? RefusalReasons(.notActive) : []
        if left < item.amount { cut.insert(.cap) }
        return ExpenseDecision(
            item: item.id, due: left, reasons: cut, cutByDay: item.amount - perDay, cutByTeam: perDay - left)
    }

    private func refused(_ item: ExpenseItem, _ reasons: RefusalReasons) -> ExpenseDecision {
        ExpenseDecision(item: item.id, due: 0, reasons: reasons, cutByDay: 0, cutByTeam: 0)
    }

    /// What one calendar year's ceiling still holds: after the deadline it lapses. Nil without a yearly ceiling.
    package func leftInYear(_ year: Int) throws(Money.Overflow) -> Int64? {
        var left: Int64?
        for cap in policy.caps where cap.kind == .teamYear && cap.cuts(component.id) {
            let used = ceilings.used(cap, policy: policy, year: year)
            let own = max(0, try cap.ceiling(in: year, validity: policy.validity) - used)
            left = min(left ?? own, own)
        }
        return left
    }

    func refusals(of item: ExpenseItem, team: TeamFacts, coverage: Coverage) -> RefusalReasons {
        let days = item.workDays.isEmpty ? [item.date] : item.workDays.map(\.date)
        var reasons: RefusalReasons = []
        for day in Set(days) { reasons.formUnion(refusals(on: day, team: team, coverage: coverage)) }
        if item.submittedOn > ExpenseRules.claimDeadline(forYear: item.date.year) { reasons.insert(.lateClaim) }
        return reasons
    }

    private func refusals(on day: LocalDate, team: TeamFacts, coverage: Coverage) -> RefusalReasons {
        let conditions = ConditionDays(policy: policy, team: team, coverage: coverage, month: day.calendarMonth)
        var reasons: RefusalReasons = []
        for (reason, holds) in conditions.byReason where !holds.contains(day) { reasons.insert(reason) }
        return reasons
    }

    private var dailyCeiling: Int64? {
        policy.caps.filter { $0.kind == .memberDay && $0.cuts(component.id) }.map(\.amount).min()
    }

    /// "An item with persons and days is first cut to the daily ceiling per person and day, over all claims of the team
    /// in order of approval". The amount is laid on the person-days in ascending order.
    private mutating func takeDailyCeiling(of item: ExpenseItem, days: Set<WorkDay>) throws(Money.Overflow) -> Int64 {
        guard !item.workDays.isEmpty, let ceiling = dailyCeiling else { return item.amount }
        var rest = item.amount
        for day in days.sorted() {
            let taken = min(rest, max(0, ceiling - usedByDay[day, default: 0]))
            usedByDay[day] = try Money.add(usedByDay[day, default: 0], taken)
            rest -= taken
        }
        return item.amount - rest
    }

    // MARK: Worked days

    /// "RATE_PER_MEMBER_DAY pays worked days on a confirmed day sheet, never calendar days; one per person and day",
    /// and "a worked day is paid only if it is an active day of the member". Persons come in ascending order, each with
    /// what is due for each month.
    package mutating func decideDays(
        _ item: ExpenseItem, team: TeamFacts, coverage: Coverage, paid: Set<WorkDay>, isMember: (WorkDay) -> Bool
    ) throws(Money.Overflow) -> WorkedDaysDecision {
        var decision = WorkedDaysDecision()
        let rate = Money.roundedDown(component.rate, to: policy.roundingStep)
        let isLate = item.submittedOn > ExpenseRules.claimDeadline(forYear: item.date.year)
        var payable: [WorkDay] = []
        for day in Set(item.workDays).sorted() {
            var reasons = refusals(on: day.date, team: team, coverage: coverage)
            if reasons.isEmpty, !isMember(day) { reasons.insert(.notActive) }
            if isLate { reasons.insert(.lateClaim) }
            if reasons.isEmpty, paid.contains(day) { reasons.insert(.cap) }
            decision.reasons.formUnion(reasons)
            if reasons.isEmpty { payable.append(day) }
        }
        var gross: [WorkedDaysDecision.Payee: Int64] = [:]
        for day in payable {
            let taken = min(rate, max(0, (dailyCeiling ?? rate) - usedByDay[day, default: 0]))
            usedByDay[day] = try Money.add(usedByDay[day, default: 0], taken)
            if taken < rate { decision.reasons.insert(.cap) }
            decision.cutByDay = try Money.add(decision.cutByDay, rate - taken)
            let payee = WorkedDaysDecision.Payee(person: day.person, month: day.date.calendarMonth)
            gross[payee] = try Money.add(gross[payee, default: 0], taken)
        }
        for (payee, amount) in gross.sorted(by: { $0.key < $1.key }) {
            let left = try ceilings.take(
                amount, component: component.id, month: payee.month, person: payee.person, policy: policy)
            if left < amount { decision.reasons.insert(.cap) }
            decision.cutByTeam = try Money.add(decision.cutByTeam, amount - left)
            decision.due = try Money.add(decision.due, left)
            decision.parts.append((payee, left, left < amount))
        }
        decision.paid = payable
        return decision
    }
}

/// What became of an item that is paid by the worked day.
package struct WorkedDaysDecision: Sendable {
    package struct Payee: Sendable, Hashable, Comparable {
        package var person: String
        package var month: Month
        package static func < (a: Payee, b: Payee) -> Bool { (a.month, a.person) < (b.month, b.person) }
    }
    package var due: Int64 = 0
    package var reasons: RefusalReasons = []
    package var cutByDay: Int64 = 0
    package var cutByTeam: Int64 = 0
    package var parts: [(payee: Payee, due: Int64, isCut: Bool)] = []
    /// Days that are paid.
    package var paid: [WorkDay] = []
}
