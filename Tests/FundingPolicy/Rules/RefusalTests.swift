import FundingPolicy
import ServiceKit
import Testing

@Suite struct RefusalTests {
    @Test func everyReasonThatAppliesIsGivenInOrder() throws {
        let facts = TeamFacts(
            id: "teams/a", level: .commune, statuses: [StatusPeriod(.planned, days("2022-01-01"))], decision: nil)
        let team = Sample.teamCase(facts, coverage: Coverage(territory: [], enrolment: []))
        let line = try #require(try lines([Sample.yenBai()], team, "2026-02").first)
        #expect(
            line.reasons.ordered == [
                .outOfPeriod, .levelNotCovered, .notEstablished, .notEnrolled, .outOfTerritory, .notActive,
            ])
    }

    @Test(arguments: [
        (TeamStatus.planned, 0 as Int64), (.active, 600_000), (.suspended, 0), (.merged, 0), (.dissolved, 0),
    ])
    func onlyAnActiveTeamIsPaid(status: TeamStatus, expected: Int64) throws {
        var facts = Sample.team()
        facts.statuses = [StatusPeriod(status, days("2022-06-01"))]
        let line = try #require(try lines([Sample.haTinh()], Sample.teamCase(facts), "2024-05").first)
        #expect(line.amount == expected)
        #expect(line.reasons.ordered == (expected == 0 ? [.notActive] : []))
    }

    @Test func halfAMonthIsFifteenDaysWithBothEndsCounted() throws {
        var facts = Sample.team()
        facts.statuses = [StatusPeriod(.active, days("2024-02-01", "2024-02-15"))]
        #expect(try due([Sample.haTinh()], Sample.teamCase(facts), "2024-02") == 600_000)
        facts.statuses = [StatusPeriod(.active, days("2024-02-02", "2024-02-15"))]
        let short = try #require(try lines([Sample.haTinh()], Sample.teamCase(facts), "2024-02").first)
        #expect(short.amount == 0)
        #expect(short.reasons.ordered == [.notActive])
    }

    @Test func conditionsThatOnlyTogetherAreTooShortAreAllNamed() throws {
        // 20 days on the list and 20 days active, but only 10 in common.
        var facts = Sample.team()
        facts.statuses = [StatusPeriod(.active, days("2024-06-01", "2024-06-20"))]
        let team = Sample.teamCase(facts, coverage: Coverage(enrolment: [days("2024-06-11", "2024-06-30")]))
        let line = try #require(try lines([Sample.yenBai()], team, "2024-06").first)
        #expect(line.days.count == 10)
        #expect(line.reasons.ordered == [.notEnrolled, .notActive])
    }

    @Test func aMemberWhoHasLeftIsNotActive() throws {
        let team = Sample.teamCase(Sample.team())
        let left = Sample.members(1, in: "teams/a", days("2024-01-01", "2024-06-10"))
        let june = try #require(try lines([Sample.binhDuong()], team, persons: left, "2024-06").first)
        #expect(june.amount == 0)
        #expect(june.reasons.ordered == [.notActive])
        #expect(try lines([Sample.binhDuong()], team, persons: left, "2024-07").isEmpty)
    }

    @Test func theDecisionMustBeInForce() throws {
        let decision = LegalDocument(
            number: "9/QĐ-UBND", issuedOn: day("2024-01-10"), effective: days("2024-06-01", "2024-08-20"))
        let team = Sample.teamCase(Sample.team(decision: decision))
        let found = try lines([Sample.haTinh(.fullMonth)], team, "2024-05", "2024-08")
        #expect(found.map(\.amount) == [0, 600_000, 600_000, 0])
        #expect(found.first?.reasons.ordered == [.notEstablished])
    }
}

@Suite struct StackingTests {
    private func second(stackable: Bool, from: String, name: String = "policies/second") -> Policy {
        var policy = Sample.haTinh()
        policy.name = name
        policy.validity = days(from, "2025-12-31")
        policy.components = [Component(id: "allowance", kind: .ratePerTeamMonth, rate: 100_000)]
        policy.stackable = stackable
        return policy
    }

    @Test func thePolicyValidFromTheLaterDatePaysAlone() throws {
        let policies = [Sample.haTinh(), second(stackable: true, from: "2024-06-01")]
        let team = Sample.teamCase(Sample.team(), policies: 2)
        let may = try lines(policies, team, "2024-05")
        #expect(may.map(\.amount) == [600_000, 0])
        let june = try lines(policies, team, "2024-06")
        #expect(june.map(\.amount) == [0, 100_000])
        #expect(june.map(\.reasons.ordered) == [[.notStackable], []])
        #expect(june.first?.yieldsTo == 1)
    }

    @Test func onTheSameDateTheLowerIDPays() throws {
        let policies = [Sample.haTinh(), second(stackable: false, from: "2024-01-01", name: "policies/a")]
        let found = try lines(policies, Sample.teamCase(Sample.team(), policies: 2), "2024-06")
        #expect(found.map { policies[$0.policy].name } == ["policies/a", "policies/ha-tinh-119-2023"])
        #expect(found.map(\.amount) == [100_000, 0])
    }

    @Test func stackablePoliciesAllPay() throws {
        var first = Sample.haTinh()
        first.stackable = true
        let policies = [first, second(stackable: true, from: "2024-06-01")]
        #expect(try due(policies, Sample.teamCase(Sample.team(), policies: 2), "2024-06") == 700_000)
    }

    @Test func teamAndMemberPoliciesNeverExcludeEachOther() throws {
        let members = Sample.members(2, in: "teams/a", days("2023-01-01"))
        let team = Sample.teamCase(Sample.team(), policies: 2)
        #expect(try due([Sample.haTinh(), Sample.binhDuong()], team, persons: members, "2024-06") == 720_000)
    }
}

@Suite struct CeilingTests {
    @Test func aYearlyCeilingCutsTheMonthThatReachesIt() throws {
        var policy = Sample.haTinh()
        policy.caps = [Cap(kind: .teamYear, amount: 2_000_000)]
        let team = Sample.teamCase(Sample.team())
        let year = try lines([policy], team, "2024-01", "2025-01")
        #expect(year.map(\.amount) == [600_000, 600_000, 600_000, 200_000] + Array(repeating: 0, count: 8) + [600_000])
        #expect(year[3].reasons.ordered == [.cap])
        #expect(year[4].reasons.ordered == [.cap])
        // A part of the year is cut by what the months before it have used up.
        #expect(try due([policy], team, "2024-04", "2024-05") == 200_000)
    }

    @Test func aCeilingOverThePolicysLifeIsNotRenewed() throws {
        var policy = Sample.haTinh()
        policy.caps = [Cap(kind: .teamLife, amount: 7_000_000)]
        let team = Sample.teamCase(Sample.team())
        #expect(try due([policy], team, "2024-01", "2025-12") == 7_000_000)
        #expect(try due([policy], team, "2025-02") == 0)
    }

    @Test func aCeilingPerPersonAndMonthCountsAllComponents() throws {
        var policy = Sample.binhDuong()
        policy.components = [
            Component(id: "a", kind: .ratePerMemberMonth, rate: 60_000),
            Component(id: "b", kind: .ratePerMemberMonth, rate: 50_000),
        ]
        policy.caps = [Cap(kind: .memberMonth, amount: 100_000)]
        let members = Sample.members(2, in: "teams/a", days("2023-01-01"))
        let found = try lines([policy], Sample.teamCase(Sample.team()), persons: members, "2024-06")
        #expect(found.map(\.amount) == [60_000, 40_000, 60_000, 40_000])
    }
}
