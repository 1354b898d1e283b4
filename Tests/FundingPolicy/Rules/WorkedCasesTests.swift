import FundingPolicy
import ServiceKit
import Testing

/// The worked cases of the specification that need rates, part months and dates, to the đồng.
@Suite struct WorkedCasesTests {
    @Test(
        arguments: [("2024-01", "2024-12", 6_000_000), ("2024-04", "2024-06", 1_500_000)] as [(String, String, Int64)])
    func yenBaiPaysAnEnrolledTeam(from: String, to: String, expected: Int64) throws {
        let team = Sample.teamCase(Sample.team(), coverage: Coverage(enrolment: [days("2022-12-09")]))
        #expect(try due([Sample.yenBai()], team, from, to) == expected)
    }

    @Test(
        arguments: [
            (PartMonthRule.anyDay, 6_000_000), (.fullMonth, 5_400_000), (.halfMonth, 6_000_000), (.daily, 5_729_032),
        ] as [(PartMonthRule, Int64)])
    func haTinhTeamEstablishedOn15March(rule: PartMonthRule, expected: Int64) throws {
        let decision = LegalDocument(number: "5/QĐ-UBND", issuedOn: day("2024-03-15"))
        let team = Sample.teamCase(Sample.team(activeFrom: "2024-03-15", decision: decision))
        #expect(try due([Sample.haTinh(rule)], team, "2024-01", "2024-12") == expected)
    }

    @Test func binhDuongPaysFiveMembersAYear() throws {
        let team = Sample.teamCase(Sample.team())
        let members = Sample.members(5, in: "teams/a", days("2022-06-01"))
        #expect(try due([Sample.binhDuong()], team, persons: members, "2024-01", "2024-12") == 3_600_000)
        let before = try lines([Sample.binhDuong()], team, persons: members, "2023-12")
        #expect(before.count == 5)
        #expect(before.allSatisfy { $0.amount == 0 && $0.reasons.ordered == [.outOfPeriod] })
    }

    @Test(
        arguments: [
            (PartMonthRule.anyDay, 420_000), (.fullMonth, 360_000), (.halfMonth, 360_000), (.daily, 382_000),
        ] as [(PartMonthRule, Int64)])
    func binhDuongMemberJoinsOn20June(rule: PartMonthRule, expected: Int64) throws {
        let team = Sample.teamCase(Sample.team())
        let member = Sample.members(1, in: "teams/a", days("2024-06-20"))
        #expect(try due([Sample.binhDuong(rule)], team, persons: member, "2024-01", "2024-12") == expected)
    }

    @Test func binhDuongPaysAPersonInTwoTeamsOnce() throws {
        let hamlet = Sample.teamCase(Sample.team("teams/a", level: .hamlet))
        let commune = Sample.teamCase(Sample.team("teams/b", level: .commune))
        let person = PersonCase(
            id: "people/1",
            stays: [Stay(team: "teams/a", days: days("2022-06-01")), Stay(team: "teams/b", days: days("2022-06-01"))])
        let inHamlet = try lines([Sample.binhDuong()], hamlet, persons: [person], others: [commune], "2024-05")
        let inCommune = try lines([Sample.binhDuong()], commune, persons: [person], others: [hamlet], "2024-05")
        // Equal days: the lower id.
        #expect(inHamlet.map(\.amount) == [60_000])
        #expect(inCommune.isEmpty)
    }

    @Test func aPersonIsBookedToTheTeamWithMostDaysAndPaidForTheUnion() throws {
        let a = Sample.teamCase(Sample.team("teams/a"))
        let b = Sample.teamCase(Sample.team("teams/b"))
        let person = PersonCase(
            id: "people/1",
            stays: [
                Stay(team: "teams/a", days: days("2024-06-01", "2024-06-10")),
                Stay(team: "teams/b", days: days("2024-06-11", "2024-06-30")),
            ])
        let policy = Sample.binhDuong(.fullMonth)
        #expect(try lines([policy], a, persons: [person], others: [b], "2024-06").isEmpty)
        let onB = try lines([policy], b, persons: [person], others: [a], "2024-06")
        #expect(onB.map(\.amount) == [60_000])
        #expect(onB.first?.days.count == 30)
        let shown = try lines([policy], a, persons: [person], others: [b], "2024-06", elsewhere: true)
        #expect(shown.map(\.amount) == [0])
        #expect(shown.map(\.team) == ["teams/b"])
    }

    @Test func dailyIsFlooredPerPersonAndThenAdded() throws {
        let team = Sample.teamCase(Sample.team())
        let members = Sample.members(3, in: "teams/a", days("2024-03-25", "2024-03-31"))
        // 60,000 × 7 / 31 = 13,548.38…; three times that and one floor would give 40,645.
        #expect(try due([Sample.binhDuong(.daily)], team, persons: members, "2024-03") == 40_644)
    }

    @Test func daNangDoesNotCoverCommuneTeams() throws {
        let team = Sample.teamCase(Sample.team(level: .commune))
        let line = try lines([Sample.daNang2024()], team, "2024-10", claims: true)
        #expect(line.map(\.amount) == [0])
        #expect(line.first?.reasons.ordered == [.levelNotCovered])
    }

    @Test func aTeamWithoutADecisionIsNotEstablished() throws {
        let team = Sample.teamCase(Sample.team(decision: nil))
        let line = try lines([Sample.haTinh()], team, "2024-10")
        #expect(line.map(\.amount) == [0])
        #expect(line.first?.reasons.ordered == [.notEstablished])
    }

    @Test(
        arguments: [
            (CapProration.none, 3_000_000), (.daily, 2_400_000), (.monthlyAny, 2_500_000), (.monthlyFull, 2_250_000),
        ] as [(CapProration, Int64)])
    func aYearlyCeilingIsProrated(proration: CapProration, expected: Int64) throws {
        let cap = Cap(kind: .teamYear, amount: 3_000_000, proration: proration)
        #expect(try cap.ceiling(in: 2025, validity: days("2025-03-15", "2025-12-31")) == expected)
    }
}
