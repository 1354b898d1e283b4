import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

@Suite("What reports add up to")
struct AchievementRuleTests {
    @Test(
        "A measure is read back as it was stored",
        arguments: [
            Measure.activity(skill: 5, beneficiary: 2, channel: 1, platform: "công dân số Xứ Lạng"),
            .activity(skill: 1, beneficiary: 1, channel: 4, platform: ""), .flow("accounts"), .stock("households"),
            .difficulty(kind: 10, severity: 3),
        ])
    func measureText(_ measure: Measure) {
        #expect(Measure(measure.kind, text: measure.text) == measure)
    }

    @Test("Some \"more than\" make the sum a \"more than\"; with a \"nearly\" it is neither")
    func qualifiers() {
        let (exact, more, nearly) = (Amount(5, .exact), Amount(8_140, .atLeast), Amount(17_000, .nearly))
        #expect((exact + exact).qualifier == .exact)
        #expect((exact + more).qualifier == .atLeast)
        #expect((exact + nearly).qualifier == .nearly)
        #expect((more + nearly).qualifier == .unspecified)
        #expect((more + nearly - nearly).qualifier == .atLeast)
    }

    static func value(
        _ person: String, _ counted: String, _ amount: Int64, for source: String? = nil
    ) -> StockValue {
        StockValue(
            person: person, counted: month(counted), source: month(source ?? counted), amount: Amount(amount, .exact))
    }

    @Test(
        "A counter is no larger than its sums can hold",
        arguments: [(-1, false), (0, true), (10_000_000_000, true), (10_000_000_001, false), (Int64.max, false)])
    func counterBounds(value: Int64, isTaken: Bool) {
        let submission = Cdt_Activity_V1_ReportSubmission.with {
            $0.report.counters = [
                .with {
                    $0.code = "stores"
                    $0.kind = .stock
                    $0.value = value
                }
            ]
        }
        let fields = ReportCheck.violations(in: submission, field: "s", today: day("2024-11-01")).map(\.field)
        #expect(fields.contains("s.report.counters[0].value") != isTaken)
    }

    /// The stock at the end of a month.
    static func stock(_ values: [StockValue], at month: Month) -> Amount {
        StockSeries.steps(values).filter { $0.key <= month }.values.reduce(.zero, +)
    }

    @Test("Each subject's last value stands until it tells of a newer one")
    func lastValues() {
        let values = [
            Self.value("a", "2024-01", 10), Self.value("b", "2024-01", 20), Self.value("a", "2024-03", 12),
        ]
        #expect(Self.stock(values, at: month("2023-12")).value == 0)
        #expect(Self.stock(values, at: month("2024-02")).value == 30)
        #expect(Self.stock(values, at: month("2024-03")).value == 32)
        #expect(StockSeries.steps(values).mapValues(\.value) == [month("2024-01"): 30, month("2024-03"): 2])
    }

    @Test("Where the team reports as a whole from some month on, its members' values no longer count, nor twice")
    func changeOfSubject() {
        let values = [
            Self.value("a", "2024-01", 10), Self.value("b", "2024-01", 20), Self.value("", "2024-02", 25),
        ]
        #expect(Self.stock(values, at: month("2024-01")).value == 30)
        #expect(Self.stock(values, at: month("2024-02")).value == 25)
        let back = values + [Self.value("a", "2024-03", 11)]
        #expect(Self.stock(back, at: month("2024-03")).value == 31)
    }

    @Test(
        "A correction for a closed month counts from the month in which it came, but not over that month's own report")
    func corrections() {
        let late = [Self.value("a", "2024-01", 10), Self.value("a", "2024-04", 8, for: "2024-01")]
        #expect(Self.stock(late, at: month("2024-03")).value == 10)
        #expect(Self.stock(late, at: month("2024-04")).value == 8)
        let own = late + [Self.value("a", "2024-04", 15)]
        #expect(Self.stock(own, at: month("2024-04")).value == 15)
        #expect(StockSeries.last(of: "a", before: month("2024-04"), own)?.value == 8)
        #expect(StockSeries.last(of: "a", before: month("2024-01"), own) == nil)
    }

    @Test("Nor does it count over the reports of the months between, or say again who reports")
    func correctionsOfLongAgo() {
        let since = [
            Self.value("a", "2024-01", 100), Self.value("a", "2024-02", 150), Self.value("a", "2024-03", 200),
            Self.value("a", "2024-04", 110, for: "2024-01"),
        ]
        #expect(
            StockSeries.steps(since).mapValues(\.value) == [
                month("2024-01"): 100, month("2024-02"): 50, month("2024-03"): 50,
            ])
        let team = [
            Self.value("a", "2024-01", 10), Self.value("", "2024-02", 25),
            Self.value("a", "2024-04", 31, for: "2024-01"),
        ]
        #expect(Self.stock(team, at: month("2024-04")).value == 25)
    }

    @Test(
        "A threshold is reached by whole numbers, never by rounding",
        arguments: [
            (49_999, 100_000, 5_000, false), (50_000, 100_000, 5_000, true), (199, 200, 10_000, false),
            (200, 200, 10_000, true), (0, 200, 1, false), (Int64.max / 2, Int64.max, 5_000, false),
        ] as [(Int64, Int64, Int64, Bool)])
    func thresholds(_ numerator: Int64, _ denominator: Int64, _ threshold: Int64, _ reached: Bool) {
        #expect(Indicator.reaches(numerator, of: denominator, threshold: threshold) == reached)
    }

    @Test("A period closes 30 days after its due day, or after it was opened where that is later")
    func closing() {
        let standard = ReportingCalendar(period: month("2024-10"), rules: .standard)
        #expect(!standard.isClosed(on: day("2024-12-05"), openedOn: day("2024-10-01")))
        #expect(standard.isClosed(on: day("2024-12-06"), openedOn: day("2024-10-01")))
        #expect(!standard.isClosed(on: day("2026-11-22"), openedOn: day("2026-11-01")))
        var rules = ReportingRules.standard
        rules.closingDays = 365
        let long = ReportingCalendar(period: month("2024-10"), rules: rules)
        #expect(!long.isClosed(on: day("2025-11-05"), openedOn: day("2024-10-01")))
        #expect(long.isClosed(on: day("2025-11-06"), openedOn: day("2024-10-01")))
        #expect(ReportingCalendar(code: long.code) == long)
        #expect(ReportingCalendar(code: standard.code) == standard)
    }

    static func flags(
        _ report: Cdt_Activity_V1_Report, last: [String: Int64] = [:], same: String? = nil
    ) -> [Cdt_Activity_V1_ReportConcern] {
        Plausibility.flags(of: report, activeDays: 20, lastStock: { last[$0] }, sameNarrative: same).map(\.concern)
    }

    @Test("What is odd is flagged with its reason")
    func plausibility() {
        func helped(_ count: Int64, person: String = "people/p") -> Cdt_Activity_V1_Report {
            .with { report in
                report.person = person
                report.activities = [.with { $0.count = count }]
            }
        }
        #expect(Self.flags(helped(2_000)).isEmpty)
        #expect(Self.flags(helped(2_001)) == [.implausibleCount])
        #expect(Self.flags(helped(10_000, person: "")).isEmpty)
        #expect(Self.flags(helped(1), same: "reports/x") == [.copiedNarrative])
        func stock(_ value: Int64, why: String = "") -> Cdt_Activity_V1_Report {
            .with { report in
                report.counters = [
                    .with {
                        $0.code = "stores"
                        $0.kind = .stock
                        $0.value = value
                        $0.explanation = why
                    }
                ]
            }
        }
        #expect(Self.flags(stock(10), last: ["stores": 10]).isEmpty)
        #expect(Self.flags(stock(9), last: ["stores": 10]) == [.stockFellUnexplained])
        #expect(Self.flags(stock(9, why: "hai hộ chuyển đi"), last: ["stores": 10]) == [.stockFell])
        #expect(Self.flags(stock(9)).isEmpty)
    }

    @Test("Narratives are compared without case, tone marks and blanks, and short ones not at all")
    func narratives() {
        let text = "Tổ đã đi từng ngõ, gõ từng nhà, hướng dẫn bà con nộp hồ sơ trực tuyến"
        #expect(Plausibility.fingerprint(text) != nil)
        #expect(Plausibility.fingerprint(text) == Plausibility.fingerprint("  " + text.uppercased() + " !"))
        #expect(Plausibility.fingerprint("Không có khó khăn") == nil)
    }
}

extension AchievementRuleTests {
    /// The stock at the end of a month, by looking at all values anew.
    private static func recount(_ values: [StockValue], _ last: Month) -> Int64 {
        let known = values.filter { $0.counted <= last }
        guard let latest = known.map(\.source).max() else { return 0 }
        let isTeam = known.contains { $0.source == latest && $0.person.isEmpty }
        let people = Set(known.map(\.person)).filter { $0.isEmpty == isTeam }
        return people.reduce(Int64(0)) { sum, person in
            let newest = known.filter { $0.person == person }.max { ($0.source, $0.counted) < ($1.source, $1.counted) }
            return sum + (newest?.amount.value ?? 0)
        }
    }

    @Test("Adding value by value gives what looking at all of them gives", arguments: 1...20)
    func stocksRecounted(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let first = month("2024-01")
        var values: [StockValue] = []
        var seen: Set<String> = []
        for _ in 0..<40 {
            let source = Int32.random(in: 0..<12, using: &random)
            let counted = source + (Bool.random(using: &random) ? 0 : .random(in: 0..<4, using: &random))
            let person = ["", "a", "b", "c"].randomElement(using: &random) ?? ""
            // Each version of a report counts once in a month.
            guard seen.insert("\(source) \(counted) \(person)").inserted else { continue }
            values.append(
                StockValue(
                    person: person, counted: Month(index: first.index + counted),
                    source: Month(index: first.index + source),
                    amount: Amount(.random(in: 0..<50, using: &random), .exact)))
        }
        let steps = StockSeries.steps(values)
        var sum = Int64(0)
        for offset in Int32(0)..<16 {
            let month = Month(index: first.index + offset)
            sum += steps[month]?.value ?? 0
            #expect(sum == Self.recount(values, month) && Self.stock(values, at: month).value == sum)
        }
    }
}
