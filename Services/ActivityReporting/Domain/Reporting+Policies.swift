import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension PolicyRow {
    /// As the contract shows it.
    var view: Cdt_Activity_V1_ReportingPolicy {
        let rules = policy.rules
        return .with {
            $0.name = Names.name("reportingPolicies", policy.id)
            $0.jurisdiction = Names.name("units", policy.jurisdiction)
            $0.validFrom = policy.validity.from?.description ?? ""
            $0.validTo = policy.validity.to?.description ?? ""
            $0.communeTeamSubject =
                Cdt_Activity_V1_ReportingSubject(rawValue: rules.communeTeams.rawValue) ?? .unspecified
            $0.hamletTeamSubject =
                Cdt_Activity_V1_ReportingSubject(rawValue: rules.hamletTeams.rawValue) ?? .unspecified
            $0.startDay = Int32(rules.startDay)
            $0.dueDay = Int32(rules.dueDay)
            $0.graceDays = Int32(rules.graceDays)
            $0.minimumDays = Int32(rules.minimumDays)
            $0.closingDays = Int32(rules.closingDays)
            if let document { $0.document = document }
            $0.createTime = createdAt.timestamp
        }
    }
}

extension Reporting {
    /// What a policy says, or every violation in it.
    static func rules(of policy: Cdt_Activity_V1_ReportingPolicy)
        -> Result<(rules: ReportingRules, from: LocalDate, to: LocalDate?), Refusal>
    {
        var found: [Violation] = []
        func number(_ value: Int32, _ field: String, _ range: ClosedRange<Int>, default standard: Int? = nil) -> Int {
            let value = Int(value)
            if value == 0, let standard { return standard }
            if !range.contains(value) {
                found.append(
                    Violation(
                        "policy.\(field)", "give a number from \(range.lowerBound) to \(range.upperBound)",
                        vi: "cần số từ \(range.lowerBound) đến \(range.upperBound)"))
            }
            return value
        }
        func subject(_ value: Cdt_Activity_V1_ReportingSubject, _ field: String) -> ReportingSubject {
            guard let subject = ReportingSubject(rawValue: value.rawValue) else {
                found.append(Violation("policy.\(field)", "give MEMBER or TEAM", vi: "cần MEMBER hoặc TEAM"))
                return .team
            }
            return subject
        }
        let rules = ReportingRules(
            communeTeams: subject(policy.communeTeamSubject, "commune_team_subject"),
            hamletTeams: subject(policy.hamletTeamSubject, "hamlet_team_subject"),
            startDay: number(policy.startDay, "start_day", 1...28, default: 1),
            dueDay: number(policy.dueDay, "due_day", 1...31, default: 5),
            graceDays: number(policy.graceDays, "grace_days", 0...60),
            minimumDays: number(policy.minimumDays, "minimum_days", 1...31, default: 1),
            closingDays: number(
                policy.closingDays, "closing_days", 1...365, default: ReportingRules.standardClosingDays))
        if ResourceName.id(policy.jurisdiction, in: "units") == nil {
            found.append(
                Violation("policy.jurisdiction", "give a unit as units/{id}", vi: "cần đơn vị dạng units/{id}"))
        }
        let from = LocalDate(policy.validFrom)
        if from?.day != rules.startDay {
            found.append(
                Violation(
                    "policy.valid_from",
                    "give the first day of a period: day \(rules.startDay) of a month, as YYYY-MM-DD",
                    vi: "cần ngày đầu của một kỳ: ngày \(rules.startDay) của tháng, dạng YYYY-MM-DD"))
        }
        let to = LocalDate(policy.validTo)
        if !policy.validTo.isEmpty, to == nil || from.map({ $0 > (to ?? .distantPast) }) ?? false {
            found.append(
                Violation(
                    "policy.valid_to", "give a day not before valid_from, or nothing",
                    vi: "cần ngày không trước ngày bắt đầu, hoặc để trống"))
        }
        guard let from, found.isEmpty else { return .failure(.invalid(found)) }
        return .success((rules, from, to))
    }

    /// Sets a unit's policy from a day on, and has what it governs derived again.
    func setPolicy(_ policy: Cdt_Activity_V1_ReportingPolicy, id: UniqueID, in tx: WriteTransaction, now: Instant)
        throws
        -> Result<Cdt_Activity_V1_ReportingPolicy, Refusal>
    {
        let (rules, from, to): (ReportingRules, LocalDate, LocalDate?)
        switch Reporting.rules(of: policy) {
        case .failure(let refusal): return .failure(refusal)
        case .success(let read): (rules, from, to) = read
        }
        let validity = DateRange(from: from, to: to)
        let unit = ResourceName.lastID(policy.jurisdiction)
        guard let record = try RegistryFactsStore.unit(unit, in: tx) else {
            return .failure(.unitNotFound(policy.jurisdiction))
        }
        let others = try PolicyStore.of(unit, in: tx)
        if let later = others.first(where: { ($0.policy.validity.from ?? .distantPast) >= from }) {
            return .failure(
                .policyOverlaps(
                    later.policy.validity.from?.description ?? "", jurisdiction: policy.jurisdiction))
        }
        if let closed = try closedPeriod(under: rules, validity, record, on: now.localDate, in: tx) {
            let free = ReportingCalendar.firstDay(of: closed.next, startDay: rules.startDay)
            return .failure(.policyInClosedPeriod(closed, from: free, jurisdiction: policy.jurisdiction))
        }
        if let last = others.last, last.policy.validity.contains(from) {
            try PolicyStore.end(last.policy.id, on: from.previous, in: tx)
        }
        let row = PolicyRow(
            policy: DatedPolicy(id: id.description, jurisdiction: unit, validity: validity, rules: rules),
            document: policy.hasDocument ? policy.document : nil, createdAt: now)
        try PolicyStore.insert(row, in: tx)
        try PeriodStore.deriveAgain(in: tx)
        tx.notify(RegistryFeed.channel)
        return .success(row.view)
    }

    /// The newest period that new rules would govern in a unit though it is closed there: "closed periods keep their
    /// own copy of the facts they used".
    private func closedPeriod(
        under rules: ReportingRules, _ validity: DateRange, _ unit: UnitRecord, on today: LocalDate,
        in tx: WriteTransaction
    ) throws -> Month? {
        let (book, map) = (try PolicyStore.book(in: tx), try maps.map(within: tx))
        return try PeriodStore.all(in: tx).first { row in
            guard validity.contains(ReportingCalendar.firstDay(of: row.period, startDay: rules.startDay)) else {
                return false
            }
            let now = book.governing(row.period) { date in
                let place = unit.level == .hamlet ? PlacePath(unit.parents).unit(on: date) ?? "" : unit.id
                return [unit.id] + map.tree.chain(of: place, on: date).map(\.id).filter { $0 != unit.id }
            }
            return row.isClosed(ReportingCalendar(period: row.period, rules: now?.rules ?? .standard), on: today)
        }?.period
    }

    func policy(_ id: String) throws -> Cdt_Activity_V1_ReportingPolicy {
        guard let row = try database.read({ try PolicyStore.get(id, in: $0) }) else {
            throw Refusal.policyNotFound("reportingPolicies/\(id)")
        }
        return row.view
    }

    func policies(jurisdiction: String?, after: (jurisdiction: String, from: String), limit: Int) async throws
        -> [Cdt_Activity_V1_ReportingPolicy]
    {
        try await database.readPooled { tx in
            try PolicyStore.list(jurisdiction: jurisdiction, after: after, limit: limit, in: tx).map(\.view)
        }
    }
}
