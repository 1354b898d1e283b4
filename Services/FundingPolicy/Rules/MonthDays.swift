import ServiceKit

/// A set of days of one calendar month, one bit per day: unions over teams and intersections of conditions are one
/// instruction each.
package struct MonthDays: Sendable, Hashable {
    package let month: Month
    /// Bit 0 is the first of the month.
    package private(set) var bits: UInt32

    package init(_ month: Month, bits: UInt32 = 0) {
        self.month = month
        self.bits = bits & MonthDays.mask(month.length)
    }

    /// The days of the month that lie in any of the ranges.
    package init(_ month: Month, in ranges: some Sequence<DateRange>) {
        self.init(month)
        for range in ranges { insert(range) }
    }

    package static func none(_ month: Month) -> MonthDays { MonthDays(month) }
    package static func all(_ month: Month) -> MonthDays { MonthDays(month, bits: .max) }

    package var count: Int { bits.nonzeroBitCount }
    package var isEmpty: Bool { bits == 0 }
    package var isWhole: Bool { bits == MonthDays.mask(month.length) }

    package mutating func insert(_ range: DateRange) {
        let first = month.firstDay
        let low = max(0, range.from.map { first.days(until: $0) } ?? 0)
        let high = min(month.length - 1, range.to.map { first.days(until: $0) } ?? month.length - 1)
        guard low <= high else { return }
        bits |= MonthDays.mask(high + 1) & ~MonthDays.mask(low)
    }

    package func contains(_ date: LocalDate) -> Bool {
        let offset = month.firstDay.days(until: date)
        return offset >= 0 && offset < month.length && bits & (1 << UInt32(offset)) != 0
    }

    package func intersection(_ other: MonthDays) -> MonthDays { MonthDays(month, bits: bits & other.bits) }
    package func union(_ other: MonthDays) -> MonthDays { MonthDays(month, bits: bits | other.bits) }

    /// The days as few ranges, ascending, for people to read.
    package var ranges: [DateRange] {
        var result: [DateRange] = []
        var day = 0
        while day < month.length {
            guard bits & (1 << UInt32(day)) != 0 else {
                day += 1
                continue
            }
            let start = day
            while day < month.length, bits & (1 << UInt32(day)) != 0 { day += 1 }
            result.append(
                DateRange(from: month.firstDay.adding(days: start), to: month.firstDay.adding(days: day - 1)))
        }
        return result
    }

    private static func mask(_ days: Int) -> UInt32 { days >= 32 ? .max : (1 << UInt32(days)) - 1 }
}
