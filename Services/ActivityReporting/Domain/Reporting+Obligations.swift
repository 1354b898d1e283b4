import ServiceKit
import Shared
import Storage

/// Which obligations are listed.
struct ObligationQuery: Sendable {
    var period: Month
    /// nil: wherever.
    var unit: String?
    var treeDate: LocalDate
    /// Empty: all.
    var states: Set<ObligationState> = []
    var team: String?
    var limit: Int
    var after = Cursor()

    /// The last obligation of the page before.
    struct Cursor: Sendable, Hashable {
        var place = 0
        var team = ""
        var person = ""
    }
}

extension Reporting {
    func obligation(_ key: ObligationKey) throws -> Cdt_Activity_V1_Obligation {
        let today = clock.today
        let found = try database.read { tx -> Cdt_Activity_V1_Obligation? in
            guard let row = try ObligationStore.get(key, in: tx), !row.void,
                let team = try RegistryFactsStore.team(key.team, in: tx)
            else { return nil }
            return row.view(team, today: today)
        }
        guard let found else { throw Refusal.obligationNotFound(key.obligation) }
        return found
    }

    /// A page of obligations, and where the next one begins; nil at the end.
    func obligations(_ query: ObligationQuery) async throws
        -> (page: [Cdt_Activity_V1_Obligation], next: ObligationQuery.Cursor?)
    {
        let today = clock.today
        return try await database.readPooled { [maps] tx in
            let page = try Reporting.page(query, today: today, maps, in: tx) { row in
                let state = row.standing.state(row.calendar, on: today)
                return query.states.isEmpty || query.states.contains(state)
            }
            return (page.rows.map { $0.view($1, today: today) }, page.next)
        }
    }

    /// A page of reports, in the order of their obligations.
    ///
    /// - Parameter states: of the newest version; empty: all.
    func reports(_ query: ObligationQuery, states: Set<Cdt_Activity_V1_ReportState>, flagged: Bool) async throws
        -> (page: [Cdt_Activity_V1_Report], next: ObligationQuery.Cursor?)
    {
        let today = clock.today
        return try await database.readPooled { [maps] tx in
            var found: [ObligationKey: Cdt_Activity_V1_Report] = [:]
            let page = try Reporting.page(query, today: today, maps, in: tx) { row in
                guard row.reportVersion > 0, states.isEmpty || states.contains(row.reportState),
                    !flagged || row.flagged ?? true,
                    let report = try ReportStore.get(row.key, version: 0, in: tx)?.report,
                    !flagged || !report.flags.isEmpty
                else { return false }
                found[row.key] = report
                return true
            }
            return (page.rows.compactMap { found[$0.0.key] }, page.next)
        }
    }

    private static func page(
        _ query: ObligationQuery, today: LocalDate, _ maps: PlaceMaps, in tx: ReadTransaction,
        wants: @escaping (ObligationRow) throws -> Bool
    ) throws -> ObligationPage {
        try Reporting.opened(query.period, in: tx)
        var page = ObligationPage(query: query, tx: tx, wants: wants)
        if let team = query.team {
            try page.read(teams: [team], place: 0)
        } else if let unit = query.unit {
            let map = try maps.map(in: tx)
            let record = try Reporting.unit(unit, on: query.treeDate, map, in: tx)
            if record.level == .hamlet {
                try page.read(teams: Reporting.teams(inHamlet: unit, on: query.treeDate, in: tx), place: 0)
            } else {
                for place in map.places(under: unit, on: query.treeDate) where place.id >= query.after.place {
                    try page.read(place: place.id)
                    if page.next != nil { break }
                }
            }
        } else {
            try page.readAll()
        }
        return page
    }

    /// A unit that is in force on a date, of any level.
    static func unit(
        _ id: String, on date: LocalDate, _ map: PlaceMap, field: String = "tree_date", in tx: ReadTransaction
    ) throws -> UnitRecord {
        guard let unit = try map.tree[id] ?? RegistryFactsStore.unit(id, in: tx) else {
            throw Refusal.unitNotFound(Names.name("units", id))
        }
        guard unit.validity.contains(date) else { throw Refusal.unitNotInForce(unit, on: date, field: field) }
        return unit
    }

    /// Teams that sit in a hamlet on a date.
    static func teams(inHamlet unit: String, on date: LocalDate, in tx: ReadTransaction) throws -> [String] {
        try RegistryFactsStore.teams(everIn: unit, in: tx).filter {
            try RegistryFactsStore.team($0, in: tx)?.unit(on: date) == unit
        }
    }

    // MARK: Setting aside

    static func excuse(_ key: ObligationKey, reason: String, _ keeper: inout ObligationKeeper) throws
        -> Result<Cdt_Activity_V1_Obligation, Refusal>
    {
        guard let old = try ObligationStore.get(key, in: keeper.tx), !old.void,
            let team = try RegistryFactsStore.team(key.team, in: keeper.tx)
        else { return .failure(.obligationNotFound(key.obligation)) }
        guard old.receivedOn == nil else { return .failure(.alreadyReceived(key.obligation)) }
        if try keeper.isClosed(old.calendar) { return .failure(.periodClosed(key.period)) }
        var row = old
        row.excused = true
        if !row.waived { row.reason = reason }
        try keeper.save(row, was: old, of: team)
        return .success(row.view(team, today: keeper.now.localDate))
    }

    /// Records a waiver: the period is open, and the unit in force on its last day. `apply` then goes over the teams.
    static func waive(
        _ waiver: Waiver, decision: Cdt_Common_V1_LegalDocument?, by caller: String, _ keeper: ObligationKeeper
    ) throws -> Result<Void, Refusal> {
        let (tx, period) = (keeper.tx, waiver.period)
        guard try PeriodStore.get(period, in: tx) != nil else { return .failure(.periodNotOpen(period)) }
        let changing = try PeriodStore.changing(on: keeper.now.localDate, in: tx)
        guard changing.contains(where: { $0.period == period }) else { return .failure(.periodClosed(period)) }
        guard let unit = try RegistryFactsStore.unit(waiver.unit, in: tx) else {
            return .failure(.unitNotFound(Names.name("units", waiver.unit)))
        }
        guard unit.validity.contains(period.lastDay) else {
            return .failure(.unitNotInForce(unit, on: period.lastDay, field: "unit"))
        }
        try PolicyStore.insert(waiver, decision: decision, by: caller, now: keeper.now, in: tx)
        return .success(())
    }

    /// Applies a recorded waiver to the teams known now; deriving applies it to those that come later.
    func apply(_ waiver: Waiver) async throws {
        let day = waiver.period.lastDay
        let (isHamlet, places) = try await database.readPooled { [maps] tx in
            let map = try maps.map(in: tx)
            return (map.tree[waiver.unit] == nil, map.places(under: waiver.unit, on: day).map(\.id))
        }
        if isHamlet {
            return try await keep { keeper in
                let ids = try Reporting.teams(inHamlet: waiver.unit, on: day, in: keeper.tx)
                try Reporting.derive(
                    ids.compactMap { try RegistryFactsStore.team($0, in: keeper.tx) }, waiver.period, &keeper)
            }
        }
        for place in places {
            try await keep { keeper in
                try Reporting.derive(
                    try RegistryFactsStore.teams(in: place, in: keeper.tx), waiver.period, &keeper)
            }
        }
    }

    private static func derive(_ teams: [TeamRow], _ period: Month, _ keeper: inout ObligationKeeper) throws {
        let periods = try PeriodStore.all(in: keeper.tx).map(\.period)
        for team in teams {
            let placed = try keeper.place(team, periods: periods)
            try keeper.derive(placed, in: [period])
        }
    }
}

/// Gathers a page of obligations, and stops when it is full or has cost enough.
private struct ObligationPage {
    let query: ObligationQuery
    let tx: ReadTransaction
    let wants: (ObligationRow) throws -> Bool
    private(set) var rows: [(ObligationRow, TeamRow)] = []
    /// Set when there may be more.
    private(set) var next: ObligationQuery.Cursor?
    private var looked = 0
    private var team: TeamRow?

    /// Rows looked at for one page; a rare state is then found over several pages instead of in one long call.
    private static let effort = 50_000

    init(query: ObligationQuery, tx: ReadTransaction, wants: @escaping (ObligationRow) throws -> Bool) {
        self.query = query
        self.tx = tx
        self.wants = wants
    }

    mutating func readAll() throws {
        let (after, limit) = (query.after, query.limit)
        var last = after
        while next == nil {
            let batch = try ObligationStore.page(
                query.period, after: (last.team, last.person), limit: max(limit, 500), in: tx)
            for row in batch where !(try add(row, place: 0)) { return }
            guard let end = batch.last, batch.count == max(limit, 500) else { return }
            last = .init(place: 0, team: end.key.team, person: end.key.person)
        }
    }

    mutating func read(place: Int) throws {
        let after = place == query.after.place ? query.after : .init()
        for row in try ObligationStore.page(query.period, place: place, after: (after.team, after.person), in: tx)
        where !(try add(row, place: place)) { return }
    }

    mutating func read(teams: [String], place: Int) throws {
        let after = (query.after.team, query.after.person)
        for team in teams.sorted() where team >= after.0 {
            for row in try ObligationStore.list(query.period, from: team, through: team, in: tx)
            where (row.key.team, row.key.person) > after {
                if !(try add(row, place: place)) { return }
            }
        }
    }

    /// False when the page is at its end.
    private mutating func add(_ row: ObligationRow, place: Int) throws -> Bool {
        looked += 1
        if try !row.void && wants(row) {
            if team?.id != row.key.team { team = try RegistryFactsStore.team(row.key.team, in: tx) }
            if let team { rows.append((row, team)) }
        }
        guard rows.count >= query.limit || looked >= Self.effort else { return true }
        next = .init(place: place, team: row.key.team, person: row.key.person)
        return false
    }
}
