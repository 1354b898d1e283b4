import ServiceKit
import Shared
import Storage

/// What the change feed is told of.
enum FeedNews: Sendable {
    case obligation(ObligationRow)
    case difficulty(DifficultyRow)
    case session(SessionRow, of: Cdt_Activity_V1_Course)
}

/// Appends to the change feed, in the transaction that changes what it tells of.
/// The text is the trace context of the call that caused the change.
typealias ActivityFeed = @Sendable (FeedNews, Instant, String, WriteTransaction) throws -> Void

/// Keeps obligations and figures in step with the registry facts, within one transaction.
///
/// Every change of an obligation goes through `save`, so the row, its event and the sums it stands in never differ.
struct ObligationKeeper {
    let tx: WriteTransaction
    let now: Instant
    /// Trace context of the call that causes the changes.
    var traceparent: String
    private let maps: PlaceMaps
    private let feed: ActivityFeed
    private let figures = FigureStore()
    private let slot: Int
    /// Read when first needed: a report of a known obligation needs neither.
    private var policies: PolicyBook?
    private var waivers: [Waiver]?
    private var map: PlaceMap?
    private var changes = FigureChanges()
    private var achieved = AchievementKeeper()
    private var periodRows: [Month: PeriodRow?] = [:]
    /// Parents of hamlets, nil for other units.
    private var hamletParents: [String: [UnitRecord.Stretch]?] = [:]

    /// - Parameter slot: the one in which sums are changed, see `SumSlots`.
    init(
        _ tx: WriteTransaction, now: Instant, traceparent: String = "", maps: PlaceMaps, slot: Int,
        feed: @escaping ActivityFeed
    ) {
        self.tx = tx
        self.now = now
        self.traceparent = traceparent
        self.maps = maps
        self.slot = slot
        self.feed = feed
    }

    /// Writes the sums that have changed; the last step.
    func finish() throws {
        try figures.apply(changes, slot: slot, in: tx)
        try achieved.finish(slot: slot, in: tx)
    }

    /// A period, when it is kept.
    mutating func period(_ month: Month) throws -> PeriodRow? {
        if let known = periodRows[month] { return known }
        let row = try PeriodStore.get(month, in: tx)
        periodRows[month] = .some(row)
        return row
    }

    /// Whether what is owed under a calendar stays as it is from now on.
    mutating func isClosed(_ calendar: ReportingCalendar) throws -> Bool {
        try period(calendar.period)?.isClosed(calendar, on: now.localDate) ?? false
    }

    /// The period that runs for a team today: where its policy has another start day than the first it may be named by
    /// the next month.
    mutating func currentPeriod(of team: TeamRow) throws -> Month {
        let (today, month) = (now.localDate, now.localDate.calendarMonth)
        for period in [month, month.next] {
            let calendar = ReportingCalendar(period: period, rules: try rules(for: team, period))
            if calendar.days.contains(today) { return period }
        }
        return month
    }

    /// A team's values of a stock.
    mutating func stock(of team: String, _ code: String) throws -> [StockValue] {
        try achieved.stock(of: team, code, in: tx)
    }

    /// Tells the followers of a difficulty.
    func tell(_ row: DifficultyRow) throws { try feed(.difficulty(row), now, traceparent, tx) }

    /// Tells the followers of a session.
    func tell(_ row: SessionRow, of course: Cdt_Activity_V1_Course) throws {
        try feed(.session(row, of: course), now, traceparent, tx)
    }

    /// Stores a changed obligation with its event and its part in the figures.
    ///
    /// - Parameter versions: those of its report, from the first on; nil: they are to be read where they matter.
    mutating func save(
        _ new: ObligationRow, was old: ObligationRow?, of team: TeamRow, versions: [Cdt_Activity_V1_Report]? = nil
    ) throws {
        var row = new
        let isNews = old.map { $0.fact != new.fact } ?? true
        if isNews { row.version += 1 }
        if let counted = team.counted {
            row.summed = row.counting
            try achieved.replace(
                row.key, from: old?.summed ?? 0, to: row.summed, versions: versions, at: counted, in: tx)
        }
        try ObligationStore.put(row, in: tx)
        if isNews { try feed(.obligation(row), now, traceparent, tx) }
        guard let counted = team.counted else { return }
        if let old { changes.add(.zero - old.tally, at: counted, old.calendar) }
        changes.add(row.tally, at: counted, row.calendar)
    }

    // MARK: Deriving

    /// Derives what some teams owe in a period.
    ///
    /// - Parameter existing: the obligations stored for these teams and the period.
    mutating func derive(
        _ teams: [TeamRow], _ period: Month, memberships: [String: [MembershipStretch]], existing: [ObligationRow]
    ) throws {
        let byTeam = Dictionary(grouping: existing, by: \.key.team)
        for team in teams {
            try derive(
                team, period, memberships: memberships[team.id] ?? [], existing: byTeam[team.id] ?? [])
        }
    }

    private mutating func derive(
        _ team: TeamRow, _ period: Month, memberships: [MembershipStretch], existing: [ObligationRow]
    ) throws {
        let rules = try rules(for: team, period)
        let calendar = ReportingCalendar(period: period, rules: rules)
        let owed = rules.owed(by: team.level, in: calendar.days, teamActive: team.active, memberships: memberships)
        var before = Dictionary(existing.map { ($0.key.person, $0) }) { first, _ in first }
        if owed.isEmpty && before.isEmpty { return }
        // What a closed period says stays: nothing is added to it, and nothing in it changes.
        let isOver = try isClosed(calendar) || existing.contains { try isClosed($0.calendar) }
        let waiver = try waiver(for: team, calendar)
        let unit = team.unit(on: calendar.lastDay)
        for report in owed {
            let old = before.removeValue(forKey: report.person)
            if try old.map({ try self.isClosed($0.calendar) }) ?? isOver {
                if let old { try keepUp(old, groups: report.groups, of: team) }
                continue
            }
            var row =
                old
                ?? ObligationRow(
                    key: ObligationKey(period: period, team: team.id, person: report.person), calendar: calendar,
                    activeDays: report.activeDays, unit: unit)
            row.calendar = calendar
            row.activeDays = report.activeDays
            row.unit = unit
            row.void = false
            row.groups = report.groups
            if row.isUnread { try read(&row) }
            if row.waived != (waiver != nil) {
                row.waived = waiver != nil
                if !row.excused || waiver != nil { row.reason = waiver?.reason ?? "" }
            }
            if row != old || row.summed != row.counting { try save(row, was: old, of: team) }
        }
        for old in before.values where !old.void || old.summed != old.counting || old.isUnread {
            var row = old
            if try !self.isClosed(old.calendar) { row.void = true }
            if row.isUnread { try read(&row) }
            if row == old, row.summed == row.counting { continue }
            try save(row, was: old, of: team)
        }
    }

    /// Of a closed period nothing changes but what was not kept when it was stored.
    private mutating func keepUp(_ old: ObligationRow, groups: MemberGroups, of team: TeamRow) throws {
        guard old.summed != old.counting || old.isUnread else { return }
        var row = old
        if row.isUnread {
            try read(&row)
            row.groups = groups
        }
        try save(row, was: old, of: team)
    }

    /// Reads from the report what the obligation keeps of it.
    private func read(_ row: inout ObligationRow) throws {
        let versions = try ReportStore.contents(row.key, through: row.reportVersion, in: tx)
        row.flagged = versions.last.map { !$0.flags.isEmpty } ?? false
        row.helped = versions.last { $0.month(of: row.key) == row.key.period }?.helped ?? 0
    }

    /// Derives what one team owes in the given periods.
    mutating func derive(_ team: TeamRow, in periods: [Month]) throws {
        let memberships = try RegistryFactsStore.memberships(from: team.id, through: team.id, in: tx)
        for period in periods {
            let existing = try ObligationStore.list(period, from: team.id, through: team.id, in: tx)
            try derive(team, period, memberships: memberships[team.id] ?? [], existing: existing)
        }
    }

    // MARK: Places

    /// Sees to it that a team is counted where its facts say it is, now and in all periods kept.
    mutating func place(_ team: TeamRow, periods: [Month]) throws -> TeamRow {
        let path = try PlacePath.of(placements: team.placements) { unit in
            if let known = hamletParents[unit] { return known }
            let record = try RegistryFactsStore.unit(unit, in: tx)
            let parents = record.flatMap { $0.level == .hamlet ? $0.parents : nil }
            hamletParents[unit] = .some(parents)
            return parents
        }
        let (place, bucket) = try PlaceStore.place(for: path, in: tx)
        let counted = TeamRow.CountedAt(place: place, bucket: bucket, level: team.level)
        guard counted != team.counted else { return team }
        if let old = team.counted {
            let isElsewhere = try hasLeft(old.place, for: path)
            var standing: [(ObligationKey, Int64)] = []
            for period in periods {
                for row in try ObligationStore.list(period, from: team.id, through: team.id, in: tx) {
                    changes.add(.zero - row.tally, at: old, row.calendar)
                    changes.add(row.tally, at: counted, row.calendar)
                    if isElsewhere { try retell(row) }
                    if row.summed > 0 { standing.append((row.key, row.summed)) }
                }
            }
            try achieved.move(team.id, standing, from: old, to: counted, in: tx)
            if isElsewhere {
                for row in try DifficultyStore.all(of: team.id, in: tx) { try save(row) }
            }
        }
        try RegistryFactsStore.setCounted(counted, of: team.id, in: tx)
        var placed = team
        placed.counted = counted
        return placed
    }

    /// Whether a team is on other ground today than where it was counted; that its commune became another is no move.
    private mutating func hasLeft(_ place: Int, for path: PlacePath) throws -> Bool {
        let today = now.localDate
        guard let old = try PlaceStore.path(place, in: tx)?.unit(on: today), let new = path.unit(on: today), old != new
        else { return false }
        return try maps.map(within: tx).tree.standIn(for: old, on: today)?.id != new
    }

    /// Followers of the feed who may see only the old or only the new place learn that it is gone, or that it is there.
    private func retell(_ row: ObligationRow) throws {
        var row = row
        row.version += 1
        try ObligationStore.put(row, in: tx)
        try feed(.obligation(row), now, traceparent, tx)
    }

    // MARK: Policies and waivers

    private mutating func rules(for team: TeamRow, _ period: Month) throws -> ReportingRules {
        let book = try policies ?? PolicyStore.book(in: tx)
        policies = book
        if book.isEmpty { return .standard }
        let map = try map(holding: team)
        return book.governing(period) { ObligationKeeper.chain(of: team, on: $0, map) }?.rules ?? .standard
    }

    private mutating func waiver(for team: TeamRow, _ calendar: ReportingCalendar) throws -> Waiver? {
        let all = try waivers ?? PolicyStore.waivers(in: tx)
        waivers = all
        let candidates = all.filter { $0.period == calendar.period }
        if candidates.isEmpty { return nil }
        let map = try map(holding: team)
        let chain = Set(ObligationKeeper.chain(of: team, on: calendar.period.lastDay, map))
        return candidates.first { chain.contains($0.unit) }
    }

    /// The units above a team on a date, nearest first.
    mutating func chain(of team: TeamRow, on date: LocalDate) throws -> [String] {
        ObligationKeeper.chain(of: team, on: date, try map(holding: team))
    }

    private mutating func map(holding team: TeamRow) throws -> PlaceMap {
        // A place that this very transaction has made is not in a map of before.
        if let map, team.counted.map({ map.place($0.place) != nil }) ?? true { return map }
        let current = try maps.map(within: tx)
        map = current
        return current
    }

    /// The units above a team on a date, nearest first; a hamlet team's hamlet comes before its commune.
    private static func chain(of team: TeamRow, on date: LocalDate, _ map: PlaceMap) -> [String] {
        let unit = team.unit(on: date)
        guard let counted = team.counted, let commune = map.place(counted.place)?.path.unit(on: date) else {
            return [unit]
        }
        let above = map.tree.chain(of: commune, on: date).map(\.id)
        return above.contains(unit) ? above : [unit] + above
    }
}
