import FundingPolicy
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// The worked cases again, from the registry's events through the store to the answer, with their explanations.
@Suite(.onBothEngines) struct EntitlementServiceTests {
    @Test func yenBaiPaysAHamletTeamOnItsList() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "yb"), Fixture.team("b", in: "yb")])
        try await service.enrol(["a"], from: "2022-12-09")
        #expect(try await service.entitlement("a", "2024-01", "2024-12").amountDong == 6_000_000)
        #expect(try await service.entitlement("a", "2024-04", "2024-06").amountDong == 1_500_000)
        let other = try await service.entitlement("b", "2024-01")
        #expect(other.amountDong == 0)
        #expect(other.lines.first?.reasons == [.notEnrolled])
        // Still Yên Bái's territory after it became part of Lào Cai.
        #expect(try await service.entitlement("a", "2025-07").amountDong == 500_000)
    }

    @Test func haTinhShowsAllFourRules() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "ht", from: "2024-03-15", decision: "2024-03-15")])
        let year = try await service.entitlement("a", "2024-01", "2024-12")
        #expect(year.amountDong == 6_000_000)
        #expect(year.byRule.map(\.rule) == [.anyDay, .fullMonth, .halfMonth, .daily])
        #expect(year.byRule.map(\.amountDong) == [6_000_000, 5_400_000, 6_000_000, 5_729_032])
        let daily = try await service.entitlement("a", "2024-01", "2024-12", rule: .daily)
        #expect(daily.amountDong == 5_729_032)
        #expect(year.freshness == Fixture.freshness)
    }

    @Test func theExplanationTellsClauseFactsStepsAndTheOtherRules() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "ht", from: "2024-03-15", decision: "2024-03-15")])
        let line = try #require(try await service.entitlement("a", "2024-03").lines.first)
        #expect(line.amountDong == 600_000)
        #expect(line.activeDays == 17)
        #expect(line.monthDays == 31)
        let explanation = line.explanation
        #expect(explanation.document.number == "119/2023/NQ-HĐND")
        #expect(explanation.otherRules.map(\.amountDong) == [600_000, 0, 329_032])
        #expect(Set(explanation.facts.map(\.kind)) == ["POLICY", "STATUS", "DECISION", "TERRITORY", "PLACEMENT"])
        #expect(explanation.facts.first { $0.kind == "DECISION" }?.from == "2024-03-15")
        #expect(
            explanation.text == """
                Hà Tĩnh: allowance for teams of both levels (119/2023/NQ-HĐND): Monthly allowance of a team, teams/a (Tổ a).
                - Policy in force 2024-01-01 to 2025-12-31.
                - Team ACTIVE from 2024-03-15 on.
                - Establishing decision a/QĐ-UBND in force from 2024-03-15 on.
                - Place in the territory of Hà Tĩnh as of 2024-01-01: from 2024-03-15 on.
                - Placed at Thôn Hà Tĩnh from 2024-03-15 on.
                Active days in 2024-03: 17 of 31 (2024-03-15 to 2024-03-31).
                HALF_MONTH: 17 days are at least 15, weight 1.
                600,000 × 1 = 600,000 đồng.
                Due: 600,000 đồng.
                By the other rules: ANY_DAY 600,000; FULL_MONTH 0; DAILY 329,032 đồng.
                """)
        #expect(
            explanation.textVi == """
                Hà Tĩnh: hỗ trợ tổ công nghệ số cộng đồng cấp xã và thôn, tổ dân phố (119/2023/NQ-HĐND): Hỗ trợ hằng tháng cho mỗi tổ, teams/a (Tổ a).
                - Chính sách có hiệu lực từ 1/1/2024 đến 31/12/2025.
                - Tổ đang hoạt động từ 15/3/2024.
                - Quyết định thành lập a/QĐ-UBND có hiệu lực từ 15/3/2024.
                - Địa bàn thuộc Hà Tĩnh theo địa giới ngày 1/1/2024: từ 15/3/2024.
                - Đặt tại Thôn Hà Tĩnh từ 15/3/2024.
                Số ngày được tính trong tháng 3/2024: 17/31 (từ 15/3/2024 đến 31/3/2024).
                HALF_MONTH: 17 ngày, từ 15 ngày trở lên, hệ số 1.
                600.000 × 1 = 600.000 đồng.
                Được hưởng: 600.000 đồng.
                Theo các quy tắc khác: ANY_DAY 600.000; FULL_MONTH 0; DAILY 329.032 đồng.
                """)
    }

    @Test func aRefusalExplainsItselfToo() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "ht", decision: nil)])
        let line = try #require(try await service.entitlement("a", "2024-10").lines.first)
        #expect(line.amountDong == 0)
        #expect(line.reasons == [.notEstablished])
        #expect(line.refusals.first?.text == "no establishing decision of the team is in force long enough in 2024-10.")
        #expect(line.explanation.textVi.contains("NOT_ESTABLISHED: không có quyết định thành lập tổ"))
    }

    @Test func binhDuongPaysMembers() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "bd")])
        try await service.apply((1...5).map { Fixture.member("p\($0)", of: "a") })
        #expect(try await service.entitlement("a", "2024-01", "2024-12").amountDong == 3_600_000)
        let before = try await service.entitlement("a", "2023-12")
        #expect(before.amountDong == 0)
        #expect(
            before.lines.filter { $0.kind == .ratePerMemberMonth }.map(\.reasons)
                == Array(repeating: [.outOfPeriod], count: 5))
    }

    @Test func binhDuongMemberJoinsLater() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "bd"), Fixture.member("p", of: "a", from: "2024-06-20")])
        let rest = try await service.entitlement("a", "2024-01", "2024-12")
        #expect(rest.amountDong == 360_000)
        #expect(rest.byRule.map(\.amountDong) == [420_000, 360_000, 360_000, 382_000])
    }

    @Test func binhDuongPaysAPersonInTwoTeamsOnce() async throws {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("a", in: "bd", level: .commune), Fixture.team("b", in: "bd"), Fixture.member("p", of: "a"),
            Fixture.member("p", of: "b"),
        ])
        #expect(try await service.entitlement("a", "2024-05").amountDong == 60_000)
        let elsewhere = try await service.entitlement("b", "2024-05")
        #expect(elsewhere.amountDong == 0)
        let line = try #require(elsewhere.lines.first { $0.person == "people/p" })
        #expect(line.team == "teams/a")
        #expect(line.explanation.text.contains("booked to teams/a"))
    }

    @Test func binhDuongStillPaysItsTerritoryAndOnlyIt() async throws {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("a", in: "bd"), Fixture.team("c", in: "bd", level: .commune), Fixture.team("b", in: "hcm-old"),
            Fixture.team("young", in: "bd", level: .commune, from: "2025-08-01", decision: "2025-08-01"),
            Fixture.member("p", of: "a"), Fixture.member("q", of: "b"), Fixture.member("r", of: "c"),
        ])
        let (lines, end) = try await service.compute(
            .with {
                $0.unit = "units/hcm"
                $0.fromMonth = "2025-07"
            })
        #expect(lines.filter { $0.amountDong > 0 }.map(\.team) == ["teams/a", "teams/c"])
        #expect(end.amountDong == 120_000)
        // The abolished province still answers for what was its territory.
        let old = try await service.compute(
            .with {
                $0.unit = "units/bd"
                $0.fromMonth = "2025-07"
            })
        #expect(old.end.amountDong == 120_000)
        #expect(try await service.entitlement("b", "2025-07").lines.isEmpty)
        let asked = try await service.entitlement("b", "2025-07", policy: "policies/binh-duong-27-2023")
        #expect(asked.lines.filter { $0.kind == .ratePerMemberMonth }.map(\.reasons) == [[.outOfTerritory]])
    }

    @Test func aTeamWhoseUnitEndedWithoutASuccessorKeepsItsTerritory() async throws {
        let service = try await Fixture()
        var team = Fixture.team("a", in: "ht", level: .commune)
        team.placements = [
            .with {
                $0.unit = "units/ht-ended"
                $0.from = "2022-06-01"
                $0.to = "2024-12-31"
            }
        ]
        try await service.apply([
            Fixture.unit(
                "ht-ended", .commune, "Xã cũ", ("", "2024-12-31"), in: [("ht-district", "", "2024-12-31")]), team,
        ])
        #expect(try await service.entitlement("a", "2024-12").amountDong == 600_000)
        #expect(try await service.entitlement("a", "2025-08").amountDong == 600_000)
        let province = try await service.compute(
            .with {
                $0.unit = "units/ht"
                $0.fromMonth = "2025-08"
            })
        #expect(province.end.amountDong == 600_000)
    }

    @Test func daNangCoversHamletTeamsAndLaterQuangNamToo() async throws {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("a", in: "dn-old"), Fixture.team("c", in: "dn-old", level: .commune),
            Fixture.team("q", in: "qn"),
        ])
        let commune = try await service.entitlement("c", "2024-10")
        #expect(commune.amountDong == 0)
        #expect(commune.lines.first { $0.policy == "policies/da-nang-36-2024" }?.reasons == [.levelNotCovered])
        let hamlet = try await service.entitlement("a", "2024-10")
        #expect(hamlet.lines.first { $0.kind == .actualExpense }?.reasons == [])
        #expect(hamlet.ceilings.map(\.amountDong) == [3_000_000])
        // 36/2024 never covered Quảng Nam, 26/2025 does.
        #expect(
            try await service.entitlement("q", "2024-10").lines.allSatisfy { $0.policy != "policies/da-nang-36-2024" })
        #expect(try await service.entitlement("q", "2026-01").amountDong == 300_000)
        #expect(try await service.entitlement("a", "2026-01").amountDong == 300_000)
    }

    @Test func aTeamOfAnotherProvinceIsRefusedInOrderWhenAskedAbout() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "ht", level: .commune, decision: nil)])
        let asked = try await service.entitlement("a", "2022-01", policy: "policies/yen-bai-60-2022")
        #expect(
            asked.lines.first?.reasons == [
                .outOfPeriod, .levelNotCovered, .notEstablished, .notEnrolled, .outOfTerritory, .notActive,
            ])
    }

    @Test func wrongQuestionsNameTheField() async throws {
        let service = try await Fixture()
        func refusal(_ request: Cdt_Funding_V1_GetTeamEntitlementRequest) async -> ServiceError? {
            do {
                _ = try await service.queries.team(request)
                return nil
            } catch { return error as? ServiceError }
        }
        let wrong = await refusal(
            .with {
                $0.team = "x"
                $0.fromMonth = "2024-13"
            })
        #expect(wrong?.code == .invalidArgument)
        #expect(wrong?.violations.map(\.field) == ["team", "from_month"])
        let unknown = await refusal(
            .with {
                $0.team = "teams/none"
                $0.fromMonth = "2024-01"
            })
        #expect(unknown?.code == .notFound)
        #expect(unknown?.reason == "TEAM_NOT_FOUND")
        let backwards = await refusal(
            .with {
                $0.team = "teams/none"
                $0.fromMonth = "2024-02"
                $0.toMonth = "2024-01"
            })
        #expect(backwards?.violations.map(\.field) == ["to_month"])
    }
}
