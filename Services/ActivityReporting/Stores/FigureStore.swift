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

    /// The slot this process adds in, so that no two processes fight for one row; readers sum over all slots.
    var slot = 0

    private enum Scope: Int {
        case bucket = 0
        case place = 1
    }

    func apply(_ changes: FigureChanges, in tx: WriteTransaction) throws {
        struct Holder: Hashable {
            var scope: Scope
            var id: Int
            var level: TeamLevel
            var calendar: Int64
        }
        var sums: [Holder: Tally] = [:]
        for (key, tally) in changes.sums where tally != .zero {
            let (counted, calendar) = (key.counted, key.calendar)
            sums[
                Holder(scope: .bucket, id: counted.bucket, level: counted.level, calendar: calendar), default: .zero] +=
                tally
            sums[Holder(scope: .place, id: counted.place, level: counted.level, calendar: calendar), default: .zero] +=
                tally
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
        let buckets = Set(cover.buckets)
        if buckets.count > 4 {
            try add(period, .bucket, nil, level, in: tx) { holder, tally, calendar in
                if buckets.contains(holder) { score.add(tally, calendar, on: today) }
            }
        } else {
            for bucket in buckets {
                try add(period, .bucket, bucket, level, in: tx) { score.add($1, $2, on: today) }
            }
        }
        for place in cover.plus { try add(period, .place, place, level, in: tx) { score.add($1, $2, on: today) } }
        for place in cover.minus {
            try add(period, .place, place, level, in: tx) { score.add(.zero - $1, $2, on: today) }
        }
        return score
    }

    private func add(
        _ period: Month, _ scope: Scope, _ holder: Int?, _ level: TeamLevel?, in tx: ReadTransaction,
        _ body: (Int, Tally, ReportingCalendar) -> Void
    ) throws {
        var sql = """
            SELECT holder, level, calendar, expected, received, on_time, late, excused, waived
            FROM figures WHERE period = ? AND scope = ?
            """
        var bindings: [SQLValue] = [.text(period.description), SQLValue(scope.rawValue)]
        if let holder {
            sql += " AND holder = ?"
            bindings.append(SQLValue(holder))
        }
        try tx.forEach(sql, bindings) { row in
            if let level, try row.int(1) != level.rawValue { return }
            let tally = Tally(
                expected: try row.int(3), received: try row.int(4), onTime: try row.int(5), late: try row.int(6),
                excused: try row.int(7), waived: try row.int(8))
            body(try row.int(0), tally, ReportingCalendar(code: try row.int64(2)))
        }
    }

    /// Obligations of a period that stand, wherever.
    func obligations(_ period: Month, in tx: ReadTransaction) throws -> Int {
        try tx.count(
            "SELECT coalesce(sum(expected + excused + waived), 0) FROM figures WHERE period = ? AND scope = ?",
            [.text(period.description), SQLValue(Scope.bucket.rawValue)])
    }
}
