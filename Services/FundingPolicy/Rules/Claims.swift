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

/// Decides one team's expenses under one policy, in the order of approval.
///
/// "Caps belong to one team and the calendar year of the month or expense date … are used up in the recorded order of
/// posting or approval. Claims are taken until 31/1 of the next year, then refused LATE_CLAIM; what is unused then lapses."
package struct ExpenseRules: Sendable {
    package let policy: Policy
    package let component: Component
    private var usedInYear: [Int: Int64] = [:]
    private var usedInLife: Int64 = 0
    private var usedByDay: [WorkDay: Int64] = [:]

    package init(policy: Policy, component: Component) {
        self.policy = policy
        self.component = component
    }

    /// Last day on which an expense of a year can be claimed.
    package static func claimDeadline(forYear year: Int) -> LocalDate {
        LocalDate(year: year + 1, month: 1, day: 31) ?? .distantFuture
    }

    /// Decides the next item. `activeDay` says whether a day satisfies the conditions of the policy for the team:
    /// "an expense dated on a day that is not an active day of the team is refused, NOT_ACTIVE".
    package mutating func decide(_ item: ExpenseItem, team: TeamFacts, coverage: Coverage) throws(Money.Overflow)
        -> ExpenseDecision
    {
        let reasons = refusals(of: item, team: team, coverage: coverage)
        guard reasons.isEmpty else {
            return ExpenseDecision(item: item.id, due: 0, reasons: reasons, cutByDay: 0, cutByTeam: 0)
        }
        let perDay = try takeDailyCeiling(of: item)
        let left = min(perDay, try teamCeilingLeft(on: item.date))
        let year = item.date.year
        usedInYear[year] = try Money.add(usedInYear[year, default: 0], left)
        usedInLife = try Money.add(usedInLife, left)
        return ExpenseDecision(
            item: item.id, due: left, reasons: left < item.amount ? RefusalReasons(.cap) : [],
            cutByDay: item.amount - perDay, cutByTeam: perDay - left)
    }

    /// What one calendar year's ceiling still holds: after the deadline it lapses. Nil without a yearly ceiling.
    package func leftInYear(_ year: Int) throws(Money.Overflow) -> Int64? {
        var left: Int64?
        for cap in policy.caps where cap.kind == .teamYear && cap.cuts(component.id) {
            let own = max(0, try cap.ceiling(in: year, validity: policy.validity) - usedInYear[year, default: 0])
            left = min(left ?? own, own)
        }
        return left
    }

    private func refusals(of item: ExpenseItem, team: TeamFacts, coverage: Coverage) -> RefusalReasons {
        let days = item.workDays.isEmpty ? [item.date] : item.workDays.map(\.date)
        var reasons: RefusalReasons = []
        for day in Set(days) {
            let conditions = ConditionDays(policy: policy, team: team, coverage: coverage, month: day.calendarMonth)
            for (reason, holds) in conditions.byReason where !holds.contains(day) { reasons.insert(reason) }
        }
        if item.submittedOn > ExpenseRules.claimDeadline(forYear: item.date.year) { reasons.insert(.lateClaim) }
        return reasons
    }

    /// "An item with persons and days is first cut to the daily ceiling per person and day, over all claims of the team
    /// in order of approval". The amount is laid on the person-days in ascending order.
    private mutating func takeDailyCeiling(of item: ExpenseItem) throws(Money.Overflow) -> Int64 {
        let ceilings = policy.caps.filter { $0.kind == .memberDay && $0.cuts(component.id) }
        guard !item.workDays.isEmpty, let ceiling = ceilings.map(\.amount).min() else { return item.amount }
        var rest = item.amount
        for day in Set(item.workDays).sorted() {
            let taken = min(rest, max(0, ceiling - usedByDay[day, default: 0]))
            usedByDay[day] = try Money.add(usedByDay[day, default: 0], taken)
            rest -= taken
        }
        return item.amount - rest
    }

    private func teamCeilingLeft(on date: LocalDate) throws(Money.Overflow) -> Int64 {
        var left = try leftInYear(date.year) ?? .max
        for cap in policy.caps where cap.kind == .teamLife && cap.cuts(component.id) {
            left = min(left, max(0, cap.amount - usedInLife))
        }
        return left
    }
}

/// "RATE_PER_MEMBER_DAY pays worked days on a confirmed day sheet, never calendar days; one per person and day", and
/// "a worked day is paid only if it is an active day of the member".
package enum WorkedDayRules {
    package static func amount(
        _ component: Component, step: Int64, workDays: [WorkDay], isActive: (WorkDay) -> Bool
    ) throws(Money.Overflow) -> Int64 {
        let paid = Set(workDays).filter(isActive).count
        return try Money.multiply(Money.roundedDown(component.rate, to: step), Int64(paid))
    }
}
