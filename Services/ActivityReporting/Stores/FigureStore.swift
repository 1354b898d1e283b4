import ServiceKit
import Storage

/// Changes to the figures, gathered in a transaction and written once per sum.
struct FigureChanges {
    struct Key: Hashable {
        var counted: TeamRow.CountedAt
        var calendar: Int64
    }

    private(set) var sums: [Key: Tally] = [:]

    mutating func add(_ tally: Tally, at counted: TeamRow.CountedAt, _ calendar: ReportingCalendar) {
        sums[Key(counted: counted, calendar: calendar.code), default: .zero] += tally
    }
}

/// Sums of obligations per place and per bucket; see `PlaceCover`.
///
/// They change in the transaction that changes the obligation, so they are exact at any moment.
struct FigureStore: Sendable {
    /// Wakes those who watch figures.
    static let channel = "activity.figures"

    /// - Parameter slot: the one to add in; readers sum over all.
    func apply(_ changes: FigureChanges, slot: Int, in tx: WriteTransaction) throws {
        struct Holder: Hashable {
            var scope: SumScope
            var id: Int
            var level: TeamLevel
            var calendar: Int64
        }
        var sums: [Holder: Tally] = [:]
        for (key, tally) in changes.sums where tally != .zero {
            for (scope, id) in key.counted.holders {
                sums[Holder(scope: scope, id: id, level: key.counted.level, calendar: key.calendar), default: .zero] +=
                    tally
            }
        }
        for (holder, tally) in sums where tally != .zero {
            try tx.execute(
                """
                INSERT INTO figures (period, scope, holder, level, calendar, slot,
                    expected, received, on_time, late, excused, waived)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (period, scope, holder, level, calendar, slot) DO UPDATE SET
                    expected = figures.expected + excluded.expected, received = figures.received + excluded.received,
                    on_time = figures.on_time + excluded.on_time, late = figures.late + excluded.late,
                    excused = figures.excused + excluded.excused, waived = figures.waived + excluded.waived
                """,
                [
                    .text(ReportingCalendar(code: holder.calendar).period.description), SQLValue(holder.scope.rawValue),
                    SQLValue(holder.id), SQLValue(holder.level.rawValue), .integer(holder.calendar), SQLValue(slot),
                    SQLValue(tally.expected), SQLValue(tally.received), SQLValue(tally.onTime), SQLValue(tally.late),
                    SQLValue(tally.excused), SQLValue(tally.waived),
                ])
        }
    }

    /// The figures of a period on a day, of the sums that a cover names.
    func score(_ period: Month, _ cover: PlaceCover, level: TeamLevel?, today: LocalDate, in tx: ReadTransaction) throws
        -> Score
    {
        var score = Score()
        for part in cover.parts {
            try add(period, part, level, in: tx) { tally, calendar in
                score.add(part.isMinus ? .zero - tally : tally, calendar, on: today)
            }
        }
        return score
    }

    /// Reads the sums of one part: as many rows however many reports stand in them, and however many periods are kept.
    static func query(_ period: Month, _ part: PlaceCover.Part) -> (sql: String, bindings: [SQLValue]) {
        let sql = """
            SELECT holder, level, calendar, expected, received, on_time, late, excused, waived
            FROM figures WHERE period = ? AND scope = ?
            """
        let bindings: [SQLValue] = [.text(period.description), SQLValue(part.scope.rawValue)]
        guard let holder = part.holder else { return (sql, bindings) }
        return (sql + " AND holder = ?", bindings + [SQLValue(holder)])
    }

    private func add(
        _ period: Month, _ part: PlaceCover.Part, _ level: TeamLevel?, in tx: ReadTransaction,
        _ body: (Tally, ReportingCalendar) -> Void
    ) throws {
        let (sql, bindings) = FigureStore.query(period, part)
        // Most rows share one.
        var calendar = ReportingCalendar(period: period, rules: .standard)
        try tx.forEach(sql, bindings) { row in
            guard try part.wanted.contains(row.int(0)), try level.map({ try row.int(1) == $0.rawValue }) ?? true else {
                return
            }
            let tally = Tally(
                expected: try row.int(3), received: try row.int(4), onTime: try row.int(5), late: try row.int(6),
                excused: try row.int(7), waived: try row.int(8))
            let code = try row.int64(2)
            if calendar.code != code { calendar = ReportingCalendar(code: code) }
            body(tally, calendar)
        }
    }

    /// Obligations of a period that stand, wherever.
    func obligations(_ period: Month, in tx: ReadTransaction) throws -> Int {
        try tx.count(
            "SELECT coalesce(sum(expected + excused + waived), 0) FROM figures WHERE period = ? AND scope = ?",
            [.text(period.description), SQLValue(SumScope.bucket.rawValue)])
    }
}
