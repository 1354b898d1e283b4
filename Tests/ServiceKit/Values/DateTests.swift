import Testing

@testable import ServiceKit

@Suite struct LocalDateTests {
    @Test(arguments: [
        ("1970-01-01", 0), ("1969-12-31", -1), ("2000-02-29", 11_016), ("2000-03-01", 11_017), ("2024-10-31", 20_027),
        ("2025-07-01", 20_270), ("0001-01-01", -719_162), ("9999-12-31", 2_932_896),
    ])
    func countsDaysOfTheGregorianCalendar(text: String, number: Int32) throws {
        let date = try #require(LocalDate(text))
        #expect(date.dayNumber == number)
        #expect(date.description == text)
    }

    @Test(arguments: [
        "", "2024-1-01", "2024-01-1", "2024-01-011", "24-01-01", "2024/01/01", "2024-13-01", "2024-00-01", "2024-01-00",
        "2024-04-31", "2023-02-29", "1900-02-29", "0000-01-01", " 2024-01-01", "2024-01-01 ", "2024-01-0１", "20240101",
        "2024-01-01T00:00", "-024-01-01", "+024-01-01",
    ])
    func refusesWhatIsNotExactlyADay(text: String) { #expect(LocalDate(text) == nil) }

    @Test func everyDayOfFourCenturiesRoundTrips() {
        var expected = (year: 1800, month: 1, day: 1)
        var date = LocalDate(year: 1800, month: 1, day: 1)!
        while expected.year < 2201 {
            #expect(date.components == expected)
            #expect(LocalDate(year: expected.year, month: expected.month, day: expected.day) == date)
            date = date.next
            expected.day += 1
            if expected.day > LocalDate.lengthOfMonth(year: expected.year, month: expected.month) {
                expected.day = 1
                expected.month += 1
            }
            if expected.month > 12 { expected = (expected.year + 1, 1, 1) }
        }
    }

    @Test func knowsItsMonthAndWeekday() {
        let date = LocalDate("2024-02-10")!
        #expect(date.firstDayOfMonth.description == "2024-02-01")
        #expect(date.lastDayOfMonth.description == "2024-02-29")
        #expect(date.calendarMonth.description == "2024-02")
        #expect(date.weekday == 6)
        #expect(LocalDate("1969-12-28")!.weekday == 7)
        #expect(date.adding(days: 20).description == "2024-03-01")
        #expect(LocalDate("2025-06-30")!.days(until: LocalDate("2025-07-01")!) == 1)
        #expect(LocalDate("2025-06-30")! < LocalDate("2025-07-01")!)
    }
}

@Suite struct MonthTests {
    @Test func readsAndWritesYearAndMonth() {
        #expect(Month("2024-10")?.description == "2024-10")
        #expect(Month("0001-01")?.description == "0001-01")
        for text in ["2024-13", "2024-00", "2024-1", "2024-010", "202410", "2024-10-01", "", "0000-12", "2024_10"] {
            #expect(Month(text) == nil, "\(text)")
        }
    }

    @Test func knowsItsDays() {
        let february = Month("2024-02")!
        #expect(february.firstDay.description == "2024-02-01")
        #expect(february.lastDay.description == "2024-02-29")
        #expect(february.length == 29)
        #expect(february.days.dayCount == 29)
        #expect(february.day(31).description == "2024-02-29", "a due day beyond a month's end is its last day")
        #expect(february.day(5).description == "2024-02-05")
        #expect(february.contains(LocalDate("2024-02-29")!))
        #expect(!february.contains(LocalDate("2024-03-01")!))
    }

    @Test func countsOverTheTurnOfTheYear() {
        let december = Month("2024-12")!
        #expect(december.next.description == "2025-01")
        #expect(december.adding(months: -12).description == "2023-12")
        #expect(december.months(until: Month("2025-02")!) == 2)
        #expect((december...Month("2025-02")!).map(\.description) == ["2024-12", "2025-01", "2025-02"])
        #expect(Month.all(from: december, through: Month("2024-11")!).isEmpty)
        let range = DateRange(from: LocalDate("2024-12-31"), to: LocalDate("2025-01-01"))
        #expect(Month.touched(by: range)?.map(\.description) == ["2024-12", "2025-01"])
    }
}

@Suite struct DateRangeTests {
    func range(_ text: String) -> DateRange {
        let ends = text.split(separator: "/").map(String.init)
        return DateRange(from: LocalDate(ends[0]), to: LocalDate(ends[1]))
    }

    @Test(arguments: [
        ("2024-01-01/2024-01-31", "2024-01-31/2024-02-05", "2024-01-31/2024-01-31"),
        ("2024-01-01/2024-01-31", "2024-02-01/2024-02-05", ""),
        ("../2024-01-31", "2024-01-15/..", "2024-01-15/2024-01-31"),
        ("../..", "../2024-01-15", "../2024-01-15"),
        ("../..", "../..", "../.."),
        ("2024-01-10/..", "2024-01-15/..", "2024-01-15/.."),
    ])
    func intersects(a: String, b: String, common: String) {
        #expect(range(a).intersection(range(b))?.description ?? "" == common)
        #expect(range(b).intersection(range(a))?.description ?? "" == common)
        #expect(range(a).overlaps(range(b)) == !common.isEmpty)
    }

    @Test func countsEachDayOfAUnionOnce() {
        let ranges = [
            "2024-01-11/2024-01-30", "2024-01-01/2024-01-10", "2024-01-05/2024-01-06", "2024-02-02/2024-02-02",
        ]
        .map(range)
        #expect(DateRange.union(ranges).map(\.description) == ["2024-01-01/2024-01-30", "2024-02-02/2024-02-02"])
        #expect(DateRange.unionDayCount(ranges) == 31)
        #expect(DateRange.unionDayCount(ranges, in: Month("2024-01")!.days) == 30)
        #expect(DateRange.unionDayCount([.always, ranges[0]], in: Month("2024-02")!.days) == 29)
        #expect(DateRange.unionDayCount([range("2024-01-01/.."), range("2024-01-05/..")]) == nil)
        #expect(
            DateRange.union([range("2024-01-01/.."), range("2023-12-01/2024-01-05")]).map(\.description) == [
                "2023-12-01/.."
            ])
        #expect(DateRange.unionDayCount([]) == 0)
    }

    @Test func bothEndsCount() {
        #expect(range("2024-01-01/2024-01-01").dayCount == 1)
        #expect(range("2024-01-02/2024-01-01").isEmpty)
        #expect(range("2024-01-01/..").dayCount == nil)
        let stored = DateRange(from: LocalDate("2024-01-01"), exclusiveEnd: LocalDate("2024-02-01"))
        #expect(stored.to?.description == "2024-01-31")
        #expect(stored.exclusiveEnd?.description == "2024-02-01")
    }
}

@Suite struct ClockTests {
    @Test(arguments: [
        ("2025-06-30T16:59:59.999Z", Int64(1_751_302_799_999), "2025-06-30"),
        ("2025-06-30T17:00:00.000Z", Int64(1_751_302_800_000), "2025-07-01"),
        ("1969-12-31T23:59:59.999Z", Int64(-1), "1970-01-01"),
        ("2024-02-29T12:34:56.789Z", Int64(1_709_210_096_789), "2024-02-29"),
        ("0001-01-01T00:00:00.000Z", Int64(-62_135_596_800_000), "0001-01-01"),
        ("9999-12-31T16:59:59.999Z", Int64(253_402_275_599_999), "9999-12-31"),
    ])
    func theLocalDayTurnsAtSeventeenHoursUTC(text: String, milliseconds: Int64, date: String) {
        let instant = Instant(microseconds: milliseconds * 1000)
        #expect(instant.description == text)
        #expect(instant.localDate.description == date)
        #expect(Instant(instant.timestamp) == instant)
    }

    @Test func aTestSetsTheClock() {
        let settable = SettableClock(LocalDate("2024-10-31")!, hour: 23)
        let clock = settable.clock
        #expect(clock.today.description == "2024-10-31")
        #expect(clock.now.localMinuteOfDay == 23 * 60)
        settable.advance(by: .seconds(3600))
        #expect(clock.today.description == "2024-11-01")
        settable.set(LocalDate("2025-07-01")!)
        #expect(clock.today.description == "2025-07-01")
    }
}
