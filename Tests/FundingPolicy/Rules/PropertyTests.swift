import FundingPolicy
import ServiceKit
import TestSupport
import Testing

@Suite(.ownThread) struct EntitlementPropertyTests {
    private static func randomRange(_ random: inout SeededGenerator) -> DateRange {
        let start = day("2023-10-01").adding(days: Int.random(in: 0...600, using: &random))
        return DateRange(
            from: start,
            to: Bool.random(using: &random) ? nil : start.adding(days: Int.random(in: 0...400, using: &random)))
    }

    @Test(arguments: 0..<40)
    func amountsOverRandomHistories(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<25 {
            var facts = Sample.team(decision: LegalDocument(number: "1", effective: Self.randomRange(&random)))
            facts.statuses = [StatusPeriod(.active, Self.randomRange(&random))]
            let team = Sample.teamCase(facts, coverage: Coverage(territory: [Self.randomRange(&random)]))
            let persons = (0..<Int.random(in: 0...4, using: &random)).map { index in
                PersonCase(id: "people/\(index)", stays: [Stay(team: facts.id, days: Self.randomRange(&random))])
            }
            let rate = Int64.random(in: 1...2_000_000, using: &random)
            var policy = Sample.binhDuong()
            policy.components[0].rate = rate
            let whole = month("2024-01")...month("2025-06")
            var totals: [PartMonthRule: Int64] = [:]
            for rule in PartMonthRule.allCases {
                let rules = EntitlementRules(policies: [policy], ruleOverride: rule)
                let all = try rules.lines(of: team, persons: persons, teams: [facts.id: team], months: whole)
                totals[rule] = all.reduce(0) { $0 + $1.amount }
                // The sum of the component-months is the entitlement of the period, however it is cut.
                let byMonth = try whole.reduce(into: Int64(0)) { sum, month in
                    sum += try rules.lines(of: team, persons: persons, teams: [facts.id: team], months: month...month)
                        .reduce(0) { $0 + $1.amount }
                }
                #expect(byMonth == totals[rule])
                #expect(all.allSatisfy { $0.amount >= 0 && $0.amount <= rate })
                // Nothing is refused without a reason, nothing paid with one.
                #expect(
                    all.allSatisfy { ($0.amount == 0 && $0.rule != .daily) == !$0.reasons.isEmpty || $0.rule == .daily }
                )
            }
            #expect(totals[.fullMonth]! <= totals[.daily]!)
            #expect(totals[.daily]! <= totals[.anyDay]!)
            #expect(totals[.fullMonth]! <= totals[.halfMonth]!)
            #expect(totals[.halfMonth]! <= totals[.anyDay]!)
        }
    }

    @Test(arguments: 0..<20)
    func aPersonIsPaidAtMostOncePerMonthOverAllTeams(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(1000 + seed))
        let cases = (0..<4).map { Sample.teamCase(Sample.team("teams/\($0)")) }
        let teams = Dictionary(uniqueKeysWithValues: cases.map { ($0.facts.id, $0) })
        let person = PersonCase(
            id: "people/1",
            stays: (0..<6).map { _ in
                Stay(team: "teams/\(Int.random(in: 0..<4, using: &random))", days: Self.randomRange(&random))
            })
        for month in month("2024-01")...month("2025-06") {
            let rules = EntitlementRules(policies: [Sample.binhDuong()])
            let booked = try cases.flatMap {
                try rules.lines(of: $0, persons: [person], teams: teams, months: month...month)
            }
            #expect(booked.count <= 1)
            let union = DateRange.unionDayCount(person.stays.map(\.days), in: month.days) ?? 0
            #expect(booked.reduce(0) { $0 + $1.amount } == (union >= 15 ? 60_000 : 0))
        }
    }

    @Test func ceilingsAreNeverExceededByAnySequenceOfClaims() throws {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<50 {
            let policy = Sample.daNang2024()
            var rules = ExpenseRules(policy: policy, component: policy.components[0])
            var paid: [Int: Int64] = [:]
            for index in 0..<40 {
                let date = day("2024-08-10").adding(days: Int.random(in: 0...500, using: &random))
                let item = ExpenseItem(
                    id: "\(index)", date: date, amount: .random(in: 1...900_000, using: &random), submittedOn: date)
                paid[date.year, default: 0] += try rules.decide(item, team: Sample.team(), coverage: Coverage()).due
            }
            #expect(paid.values.allSatisfy { $0 <= 3_000_000 })
        }
    }
}

@Suite struct MoneyTests {
    @Test func amountsThatDoNotFitAreRefusedNotWrapped() {
        #expect(throws: Money.Overflow.self) { try Money.multiply(.max, 2) }
        #expect(throws: Money.Overflow.self) { try Money.add(.max, 1) }
        #expect(throws: Money.Overflow.self) { try Money.share(.max, 3, of: 2) }
    }

    @Test func theProductMayExceedInt64AsLongAsTheResultFits() throws {
        #expect(try Money.share(.max, 30, of: 31) == 8_925_843_906_633_654_006)
    }

    @Test(
        arguments: [(1_234_567, 1, 1_234_567), (1_234_567, 1000, 1_234_000), (999, 1000, 0)] as [(Int64, Int64, Int64)])
    func roundingGoesDown(amount: Int64, step: Int64, expected: Int64) {
        #expect(Money.roundedDown(amount, to: step) == expected)
    }

    @Test(
        arguments: [(0, "0"), (600, "600"), (60_000, "60,000"), (-120_000, "-120,000"), (1_000_000, "1,000,000")]
            as [(Int64, String)])
    func amountsAreGrouped(amount: Int64, text: String) { #expect(Money.text(amount) == text) }
}
