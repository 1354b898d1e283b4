import ServiceKit
import Testing

@testable import ActivityReporting

func day(_ text: String) -> LocalDate { LocalDate(text)! }
func month(_ text: String) -> Month { Month(text)! }
func range(_ from: String?, _ to: String?) -> DateRange {
    DateRange(from: from.map(day), to: to.map(day))
}

@Suite("Periods and their days")
struct ReportingCalendarTests {
    struct Row: Sendable {
        var period: String
        var startDay = 1
        var dueDay = 5
        var grace = 3
        var expected: [String]
    }

    static let rows = [
        Row(period: "2024-10", expected: ["2024-10-01", "2024-10-31", "2024-11-05", "2024-11-08"]),
        Row(period: "2024-12", expected: ["2024-12-01", "2024-12-31", "2025-01-05", "2025-01-08"]),
        Row(period: "2024-03", startDay: 15, expected: ["2024-02-15", "2024-03-14", "2024-04-05", "2024-04-08"]),
        Row(period: "2024-01", startDay: 28, expected: ["2023-12-28", "2024-01-27", "2024-02-05", "2024-02-08"]),
        Row(period: "2024-01", dueDay: 31, expected: ["2024-01-01", "2024-01-31", "2024-02-29", "2024-03-03"]),
        Row(
            period: "2025-01", dueDay: 30, grace: 0, expected: ["2025-01-01", "2025-01-31", "2025-02-28", "2025-02-28"]),
    ]

    @Test("First, last, due and grace day", arguments: rows)
    func days(_ row: Row) {
        let rules = ReportingRules(startDay: row.startDay, dueDay: row.dueDay, graceDays: row.grace)
        let calendar = ReportingCalendar(period: month(row.period), rules: rules)
        #expect(
            [calendar.firstDay, calendar.lastDay, calendar.dueOn, calendar.graceUntil].map(\.description)
                == row.expected)
    }
}

@Suite("States of an obligation")
struct StandingTests {
    static let calendar = ReportingCalendar(period: month("2024-10"), rules: .standard)

    static let rows: [(Standing, String, ObligationState)] = [
        (Standing(), "2024-10-31", .notDue),
        (Standing(), "2024-11-01", .due),
        (Standing(), "2024-11-05", .due),
        (Standing(), "2024-11-08", .due),
        (Standing(), "2024-11-09", .missing),
        (Standing(receivedOn: day("2024-10-20")), "2024-10-21", .onTime),
        (Standing(receivedOn: day("2024-11-05")), "2026-01-01", .onTime),
        (Standing(receivedOn: day("2024-11-06")), "2024-11-06", .late),
        (Standing(receivedOn: day("2025-02-01")), "2025-02-01", .late),
        (Standing(excused: true), "2024-12-01", .excused),
        (Standing(receivedOn: day("2024-11-01"), excused: true), "2024-12-01", .onTime),
        (Standing(receivedOn: day("2024-11-07"), excused: true), "2024-12-01", .late),
        (Standing(waived: true), "2024-12-01", .waived),
        (Standing(receivedOn: day("2024-11-01"), waived: true), "2024-12-01", .waived),
    ]

    @Test("by what came and what day it is", arguments: rows)
    func state(_ standing: Standing, _ today: String, _ expected: ObligationState) {
        #expect(standing.state(Self.calendar, on: day(today)) == expected)
    }

    @Test("The counts agree with the states", arguments: rows)
    func score(_ standing: Standing, _ today: String, _ state: ObligationState) {
        var score = Score()
        score.add(standing.tally(Self.calendar), Self.calendar, on: day(today))
        #expect(score.tally.onTime == (state == .onTime ? 1 : 0))
        #expect(score.tally.late == (state == .late ? 1 : 0))
        #expect(score.missing == (state == .missing ? 1 : 0))
        #expect(score.due == (state == .due ? 1 : 0))
        #expect(score.notDue == (state == .notDue ? 1 : 0))
        #expect(score.tally.excused == (state == .excused ? 1 : 0))
        #expect(score.tally.waived == (state == .waived ? 1 : 0))
        #expect(score.tally.expected == (state == .excused || state == .waived ? 0 : 1))
    }
}

@Suite("Who owes a report")
struct DerivationTests {
    static let october = ReportingCalendar(period: month("2024-10"), rules: .standard).days

    @Test("A member active on any day owes one, where members report")
    func members() {
        let owed = ReportingRules.standard.owed(
            by: .commune, in: Self.october, teamActive: [range("2022-05-01", nil)],
            memberships: [
                MembershipStretch(person: "a", days: range("2022-05-01", nil)),
                MembershipStretch(person: "b", days: range("2022-05-01", "2024-10-01")),
                MembershipStretch(person: "c", days: range("2024-10-31", nil)),
                MembershipStretch(person: "d", days: range("2022-05-01", "2024-09-30")),
                MembershipStretch(person: "e", days: range("2024-11-01", nil)),
                MembershipStretch(person: "f", days: range("2022-05-01", "2024-10-03")),
                MembershipStretch(person: "f", days: range("2024-10-30", nil)),
            ])
        #expect(owed.map(\.person) == ["a", "b", "c", "f"])
        #expect(owed.map(\.activeDays) == [31, 1, 1, 5])
    }

    @Test("Days count while team and membership are both active")
    func bothActive() {
        let owed = ReportingRules.standard.owed(
            by: .commune, in: Self.october, teamActive: [range("2022-01-01", "2024-10-10"), range("2024-10-25", nil)],
            memberships: [
                MembershipStretch(person: "gap", days: range("2024-10-11", "2024-10-24")),
                MembershipStretch(person: "in", days: range("2024-10-10", "2024-10-25")),
            ])
        #expect(owed == [OwedReport(person: "in", activeDays: 2)])
    }

    @Test("A hamlet team owes one as a whole, if it was active")
    func teams() {
        let rules = ReportingRules.standard
        #expect(
            rules.owed(by: .hamlet, in: Self.october, teamActive: [range("2024-10-31", nil)], memberships: [])
                == [OwedReport(person: "", activeDays: 1)])
        #expect(
            rules.owed(by: .hamlet, in: Self.october, teamActive: [range("2024-11-01", nil)], memberships: []).isEmpty)
    }

    @Test("Fewer days than the least: nothing is owed")
    func minimumDays() {
        let rules = ReportingRules(minimumDays: 15)
        #expect(
            rules.owed(by: .hamlet, in: Self.october, teamActive: [range("2024-10-18", nil)], memberships: []).isEmpty)
        #expect(
            rules.owed(by: .hamlet, in: Self.october, teamActive: [range("2024-10-17", nil)], memberships: []).count
                == 1)
    }

    /// Tuần Giáo: 19 commune teams of 10 members and 177 hamlet teams of 5.
    @Test("19 commune teams and 177 hamlet teams owe 367 reports, or 1,075 if every member reports")
    func tuanGiao() {
        func total(_ rules: ReportingRules) -> Int {
            func team(_ size: Int) -> [MembershipStretch] {
                (0..<size).map { MembershipStretch(person: "people/\($0)", days: range("2022-06-01", nil)) }
            }
            let active = [range("2022-06-01", nil)]
            let communes = rules.owed(by: .commune, in: Self.october, teamActive: active, memberships: team(10)).count
            let hamlets = rules.owed(by: .hamlet, in: Self.october, teamActive: active, memberships: team(5)).count
            return 19 * communes + 177 * hamlets
        }
        #expect(total(.standard) == 367)
        #expect(total(ReportingRules(hamletTeams: .member)) == 1_075)
    }

    @Test("330 of 367 received, 300 on time: completeness 330/367, timeliness 300/367, 37 missing")
    func score() {
        let calendar = ReportingCalendar(period: month("2024-10"), rules: .standard)
        var tally = Tally.zero
        for i in 0..<367 {
            let received = i < 300 ? day("2024-11-05") : i < 330 ? day("2024-11-07") : nil
            tally += Standing(receivedOn: received).tally(calendar)
        }
        var score = Score()
        score.add(tally, calendar, on: day("2024-11-09"))
        #expect(score.tally == Tally(expected: 367, received: 330, onTime: 300, late: 30))
        #expect(score.missing == 37)
        var before = Score()
        before.add(tally, calendar, on: day("2024-11-08"))
        #expect(before.missing == 0)
        #expect(before.due == 37)
    }
}

@Suite("Which policy holds")
struct PolicyBookTests {
    static func policy(_ id: String, _ unit: String, _ from: String, _ to: String? = nil, startDay: Int = 1)
        -> DatedPolicy
    {
        DatedPolicy(
            id: id, jurisdiction: unit, validity: range(from, to),
            rules: ReportingRules(startDay: startDay, graceDays: 7))
    }

    static let rows: [(String, [DatedPolicy], String, String?)] = [
        ("none", [], "2024-10", nil),
        (
            "nearest ancestor", [policy("n", "nation", "2024-01-01"), policy("p", "province", "2024-01-01")], "2024-10",
            "p"
        ),
        ("ancestor above", [policy("n", "nation", "2024-01-01"), policy("x", "other", "2024-01-01")], "2024-10", "n"),
        ("not yet on the first day", [policy("p", "province", "2024-10-02")], "2024-10", nil),
        ("still on the first day", [policy("p", "province", "2024-01-01", "2024-10-01")], "2024-10", "p"),
        ("over by the first day", [policy("p", "province", "2024-01-01", "2024-09-30")], "2024-10", nil),
        ("own start day decides the first day", [policy("p", "province", "2024-10-15", startDay: 15)], "2024-11", "p"),
        ("period before begins too early", [policy("p", "province", "2024-10-15", startDay: 15)], "2024-10", nil),
        (
            "a nearer one with another start day",
            [policy("n", "nation", "2024-01-01"), policy("c", "commune", "2024-03-20", startDay: 20)], "2024-10", "c"
        ),
        (
            "the newer where both would begin in force",
            [
                policy("old", "province", "2024-01-15", "2024-03-31", startDay: 15),
                policy("new", "province", "2024-04-01"),
            ], "2024-04", "new"
        ),
    ]

    @Test("the nearest ancestor's, in force on the period's first day", arguments: rows)
    func governing(_ name: String, _ policies: [DatedPolicy], _ period: String, _ expected: String?) {
        let book = PolicyBook(policies)
        let found = book.governing(month(period)) { _ in ["commune", "district", "province", "nation"] }
        #expect(found?.id == expected, "\(name)")
    }
}
