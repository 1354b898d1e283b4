/// A calendar day in Vietnam, without a time and without a zone: the day number of the proleptic Gregorian calendar.
///
/// Every rule of the suite counts in such days ("as of D means: the state that was in force on date D"), so the type
/// is one integer: comparing, adding and counting cost an instruction, and no calendar library is asked.
package struct LocalDate: Sendable, Hashable, Comparable {
    /// Days since 1970-01-01.
    package let dayNumber: Int32

    package init(dayNumber: Int32) { self.dayNumber = dayNumber }

    /// The day, or nil when there is none such (31 April, month 13) or its year is outside 1…9999.
    package init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1,
            day <= LocalDate.lengthOfMonth(year: year, month: month)
        else { return nil }
        dayNumber = LocalDate.dayNumber(year: year, month: month, day: day)
    }

    package static let distantPast = LocalDate(dayNumber: dayNumber(year: 1, month: 1, day: 1))
    package static let distantFuture = LocalDate(dayNumber: dayNumber(year: 9999, month: 12, day: 31))

    package static func < (a: LocalDate, b: LocalDate) -> Bool { a.dayNumber < b.dayNumber }

    package var year: Int { components.year }
    package var month: Int { components.month }
    package var day: Int { components.day }

    /// Year, month and day at once, for who needs more than one of them.
    package var components: (year: Int, month: Int, day: Int) {
        // Days from civil, inverted: eras of 400 years, years that begin on 1 March so that the leap day comes last.
        let shifted = Int(dayNumber) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// The calendar month the day lies in.
    package var calendarMonth: Month {
        let (year, month, _) = components
        return Month(index: Int32(year * 12 + month - 1))
    }

    package var firstDayOfMonth: LocalDate { LocalDate(dayNumber: dayNumber - Int32(day) + 1) }
    package var lastDayOfMonth: LocalDate { calendarMonth.lastDay }

    package func adding(days: Int) -> LocalDate { LocalDate(dayNumber: dayNumber + Int32(days)) }
    package var next: LocalDate { LocalDate(dayNumber: dayNumber + 1) }
    package var previous: LocalDate { LocalDate(dayNumber: dayNumber - 1) }

    /// Days from this day to `other`: 0 for the same day, negative when `other` is earlier.
    package func days(until other: LocalDate) -> Int { Int(other.dayNumber) - Int(dayNumber) }

    /// 1 Monday … 7 Sunday (ISO 8601).
    package var weekday: Int {
        let sinceThursday = (Int(dayNumber) + 3) % 7  // 1970-01-01 was a Thursday
        return (sinceThursday < 0 ? sinceThursday + 7 : sinceThursday) + 1
    }

    package static func isLeap(year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    package static func lengthOfMonth(year: Int, month: Int) -> Int {
        switch month {
        case 2: isLeap(year: year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    static func dayNumber(year: Int, month: Int, day: Int) -> Int32 {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int32(era * 146_097 + dayOfEra - 719_468)
    }
}

extension LocalDate: CustomStringConvertible, LosslessStringConvertible {
    /// Reads exactly `YYYY-MM-DD`: ten characters, ASCII digits, a day that exists. Anything else is nil.
    package init?(_ description: String) {
        var description = description
        guard let date = description.withUTF8({ LocalDate(utf8: $0) }) else { return nil }
        self = date
    }

    /// The same from the bytes of a text.
    package init?(utf8 bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            let year = Decimals.value(of: bytes[0..<4]), let month = Decimals.value(of: bytes[5..<7]),
            let day = Decimals.value(of: bytes[8..<10])
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    /// `YYYY-MM-DD`.
    package var description: String {
        String(unsafeUninitializedCapacity: 10) { out in
            guard let start = out.baseAddress else { return 0 }
            var line = LineBuffer(lent: start, capacity: 10)
            append(to: &line)
            return line.count
        }
    }

    func append<Sink: ByteSink & ~Copyable>(to out: inout Sink) {
        let (year, month, day) = components
        if (0...9999).contains(year) {
            withUnsafeBytes(of: Decimals.yearAndMonth(year, month).littleEndian) { out.append($0) }
            return withUnsafeBytes(of: UInt16(Decimals.pair(UInt64(day))).littleEndian) { out.append($0) }
        }
        Decimals.append(year, digits: 4, to: &out)
        out.append(UInt8(ascii: "-"))
        Decimals.append(month, digits: 2, to: &out)
        out.append(UInt8(ascii: "-"))
        Decimals.append(day, digits: 2, to: &out)
    }
}
