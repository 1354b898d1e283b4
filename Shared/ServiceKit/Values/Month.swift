/// A calendar month, the unit in which reports are due and allowances are paid.
package struct Month: Sendable, Hashable, Comparable {
    /// Months since the year 0: `year * 12 + month - 1`, so that differences and sums are plain integers.
    package let index: Int32

    package init(index: Int32) { self.index = index }

    /// The month, or nil outside 0001-01 … 9999-12.
    package init?(year: Int, month: Int) {
        guard (1...9999).contains(year), (1...12).contains(month) else { return nil }
        index = Int32(year * 12 + month - 1)
    }

    package static func < (a: Month, b: Month) -> Bool { a.index < b.index }

    package var year: Int { Int(index) / 12 }
    /// 1 … 12.
    package var month: Int { Int(index) % 12 + 1 }

    package var length: Int { LocalDate.lengthOfMonth(year: year, month: month) }
    package var firstDay: LocalDate {
        LocalDate(dayNumber: LocalDate.dayNumber(year: year, month: month, day: 1))
    }
    package var lastDay: LocalDate { firstDay.adding(days: length - 1) }
    package var days: DateRange { DateRange(from: firstDay, to: lastDay) }

    /// The given day of the month; "a due day beyond a month's end is its last day".
    package func day(_ day: Int) -> LocalDate { firstDay.adding(days: min(max(day, 1), length) - 1) }

    package func adding(months: Int) -> Month { Month(index: index + Int32(months)) }
    package var next: Month { Month(index: index + 1) }
    package var previous: Month { Month(index: index - 1) }

    /// Months from this one to `other`: 0 for the same month.
    package func months(until other: Month) -> Int { Int(other.index) - Int(index) }

    package func contains(_ date: LocalDate) -> Bool { date >= firstDay && date <= lastDay }

    /// Every month from `first` to `last`, both included; empty when `last` is earlier.
    package static func all(from first: Month, through last: Month) -> [Month] {
        first <= last ? (first.index...last.index).map(Month.init(index:)) : []
    }

    /// Every month that the days touch, whole; nil when the range has an open end.
    package static func touched(by range: DateRange) -> [Month]? {
        guard let from = range.from, let to = range.to else { return nil }
        return from <= to ? all(from: from.calendarMonth, through: to.calendarMonth) : []
    }
}

extension Month: Strideable {
    package func distance(to other: Month) -> Int { months(until: other) }
    package func advanced(by n: Int) -> Month { adding(months: n) }
}

extension Month: CustomStringConvertible, LosslessStringConvertible {
    /// Reads exactly `YYYY-MM`.
    package init?(_ description: String) {
        let bytes = Array(description.utf8)
        guard bytes.count == 7, bytes[4] == UInt8(ascii: "-") else { return nil }
        var numbers = [0, 0]
        for (i, byte) in bytes.enumerated() where i != 4 {
            guard let digit = Decimals.value(of: byte) else { return nil }
            numbers[i < 4 ? 0 : 1] = numbers[i < 4 ? 0 : 1] * 10 + digit
        }
        self.init(year: numbers[0], month: numbers[1])
    }

    /// `YYYY-MM`.
    package var description: String {
        var out: [UInt8] = []
        Decimals.append(year, digits: 4, to: &out)
        out.append(UInt8(ascii: "-"))
        Decimals.append(month, digits: 2, to: &out)
        return String(decoding: out, as: UTF8.self)
    }
}
