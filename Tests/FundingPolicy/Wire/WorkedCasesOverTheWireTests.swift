import FundingPolicy
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// "Every worked case, to the đồng, each through the RPC, each with its explanation."
@Suite(.onBothEngines) struct WorkedCasesOverTheWireTests {
    /// What is said in both languages; each of the parts must stand in it.
    private func expect(
        _ told: Cdt_Funding_V1_Explanation, says english: [String], _ vietnamese: [String],
        _ location: SourceLocation = #_sourceLocation
    ) {
        for part in english { #expect(told.text.contains(part), "\(told.text)", sourceLocation: location) }
        for part in vietnamese { #expect(told.textVi.contains(part), "\(told.textVi)", sourceLocation: location) }
        #expect(!told.document.number.isEmpty && !told.facts.isEmpty && !told.steps.isEmpty, sourceLocation: location)
    }

    private func explained(
        _ answer: Cdt_Funding_V1_GetTeamEntitlementResponse, _ month: String, _ person: String = ""
    ) throws -> Cdt_Funding_V1_Explanation {
        try #require(
            answer.lines.first {
                $0.month == month && $0.person == (person.isEmpty ? "" : "people/\(person)")
                    && [.ratePerTeamMonth, .ratePerMemberMonth].contains($0.kind)
            }
        ).explanation
    }

    @Test func yenBaiPaysATeamOnItsListAYearAndAQuarter() async throws {
        try await GuardedFunding.with(today: "2025-01-05", [Fixture.team("a", in: "yb"), Fixture.team("b", in: "yb")]) {
            funding in
            _ = try await funding.policies.recordEnrolmentList(
                .with {
                    $0.enrolmentList.policy = "policies/yen-bai-60-2022"
                    $0.enrolmentList.decision.number = "1/QĐ-UBND"
                    $0.enrolmentList.from = "2022-12-09"
                    $0.enrolmentList.teams = ["teams/a"]
                }, options: funding.as("officer", ["funding.administer"]))
            let year = try await funding.entitlement("a", "2024-01", "2024-12")
            #expect(year.amountDong == 6_000_000)
            #expect(try await funding.entitlement("a", "2024-04", "2024-06").amountDong == 1_500_000)
            expect(
                try explained(year, "2024-02"),
                says: [
                    "(60/2022/NQ-HĐND)", "On the enrolment list from 2022-12-09 on.",
                    "Active days in 2024-02: 29 of 29",
                    "500,000 × 1 = 500,000 đồng.", "Due: 500,000 đồng.",
                ],
                [
                    "(60/2022/NQ-HĐND)", "Có trong danh sách được hưởng từ 9/12/2022.",
                    "Số ngày được tính trong tháng 2/2024: 29/29", "Được hưởng: 500.000 đồng.",
                ])
            let unlisted = try await funding.entitlement("b", "2024-01")
            #expect(unlisted.amountDong == 0)
            expect(
                try explained(unlisted, "2024-01"), says: ["NOT_ENROLLED: the team is on no enrolment list"],
                ["NOT_ENROLLED: tổ không có tên"])
        }
    }

    @Test func haTinhTeamEstablishedOn15March2024UnderEachRule() async throws {
        let team = Fixture.team("a", in: "ht", from: "2024-03-15", decision: "2024-03-15")
        try await GuardedFunding.with(today: "2025-01-05", [team]) { funding in
            let cases: [(Cdt_Funding_V1_PartMonthRule, Int64, Int64, String, String)] = [
                (.anyDay, 6_000_000, 600_000, "ANY_DAY: at least one active day", "ANY_DAY: có ít nhất một ngày"),
                (.fullMonth, 5_400_000, 0, "FULL_MONTH: not every day is active", "FULL_MONTH: không đủ cả tháng"),
                (.halfMonth, 6_000_000, 600_000, "HALF_MONTH: 17 days are at least 15", "HALF_MONTH: 17 ngày"),
                (.daily, 5_729_032, 329_032, "DAILY: weight 17/31.", "DAILY: hệ số 17/31."),
            ]
            for (rule, year, march, english, vietnamese) in cases {
                let answer = try await funding.entitlement("a", "2024-01", "2024-12", rule: rule)
                #expect(answer.amountDong == year)
                #expect(answer.lines.first { $0.month == "2024-03" }?.amountDong == march)
                #expect(answer.byRule.map(\.amountDong) == [6_000_000, 5_400_000, 6_000_000, 5_729_032])
                let told = try explained(answer, "2024-03")
                expect(
                    told,
                    says: [
                        english, "Team ACTIVE from 2024-03-15 on.",
                        "Active days in 2024-03: 17 of 31 (2024-03-15 to 2024-03-31).",
                    ],
                    [vietnamese, "Tổ đang hoạt động từ 15/3/2024.", "Số ngày được tính trong tháng 3/2024: 17/31"])
                // The other three beside it.
                let all: [Cdt_Funding_V1_PartMonthRule: Int64] = [
                    .anyDay: 600_000, .fullMonth: 0, .halfMonth: 600_000, .daily: 329_032,
                ]
                #expect(
                    Dictionary(uniqueKeysWithValues: told.otherRules.map { ($0.rule, $0.amountDong) })
                        == all.filter { $0.key != rule })
            }
        }
    }

    @Test func aTeamWithoutADecisionIsDueNothing() async throws {
        try await GuardedFunding.with(today: "2025-01-05", [Fixture.team("a", in: "ht", decision: nil)]) { funding in
            let answer = try await funding.entitlement("a", "2024-10")
            #expect(answer.amountDong == 0)
            #expect(answer.lines.map(\.reasons) == [[.notEstablished]])
            expect(
                try explained(answer, "2024-10"),
                says: ["NOT_ESTABLISHED: no establishing decision of the team", "Due: 0 đồng."],
                ["NOT_ESTABLISHED: không có quyết định thành lập tổ", "Được hưởng: 0 đồng."])
        }
    }

    @Test func binhDuongPaysFiveMembersAYearAndNothingBefore() async throws {
        let members: [any Message] = (1...5).map { Fixture.member("p\($0)", of: "a") }
        try await GuardedFunding.with(today: "2025-01-05", [Fixture.team("a", in: "bd")] + members) { funding in
            let year = try await funding.entitlement("a", "2024-01", "2024-12")
            #expect(year.amountDong == 3_600_000)
            expect(
                try explained(year, "2024-05", "p3"),
                says: ["people/p3, teams/a", "Member of teams/a from 2022-06-01 on.", "60,000 × 1 = 60,000 đồng."],
                ["people/p3, teams/a", "Thành viên của teams/a từ 1/6/2022.", "60.000 × 1 = 60.000 đồng."])
            let before = try await funding.entitlement("a", "2023-12")
            #expect(before.amountDong == 0)
            let months = before.lines.filter { $0.kind == .ratePerMemberMonth }
            #expect(months.count == 5 && months.allSatisfy { $0.reasons == [.outOfPeriod] })
            expect(
                try explained(before, "2023-12", "p1"),
                says: ["OUT_OF_PERIOD: the policy is in force from 2024-01-01 on"],
                ["OUT_OF_PERIOD: chính sách có hiệu lực từ 1/1/2024"])
        }
    }

    @Test func binhDuongMemberWhoJoinsOn20June2024UnderEachRule() async throws {
        let facts: [any Message] = [Fixture.team("a", in: "bd"), Fixture.member("p", of: "a", from: "2024-06-20")]
        try await GuardedFunding.with(today: "2025-01-05", facts) { funding in
            for (rule, rest) in [
                (.anyDay, 420_000), (.fullMonth, 360_000), (.halfMonth, 360_000), (.daily, 382_000),
            ] as [(Cdt_Funding_V1_PartMonthRule, Int64)] {
                let answer = try await funding.entitlement("a", "2024-06", "2024-12", rule: rule)
                #expect(answer.amountDong == rest)
                #expect(answer.byRule.map(\.amountDong) == [420_000, 360_000, 360_000, 382_000])
            }
            let june = try explained(try await funding.entitlement("a", "2024-06"), "2024-06", "p")
            expect(
                june, says: ["11 of 30", "HALF_MONTH: 11 days are fewer than 15", "NOT_ACTIVE", "DAILY 22,000 đồng."],
                ["11/30", "HALF_MONTH: 11 ngày, dưới 15 ngày", "NOT_ACTIVE", "DAILY 22.000 đồng."])
        }
    }

    /// "60,000, DAILY, 3 persons × 7 of 31 days = 40,644."
    @Test func aMonthByTheDayIsFlooredForEachPerson() async throws {
        let members: [any Message] = (1...3).map {
            Fixture.member("p\($0)", of: "a", from: "2024-03-25", to: "2024-03-31")
        }
        try await GuardedFunding.with(today: "2025-01-05", [Fixture.team("a", in: "bd")] + members) { funding in
            let answer = try await funding.entitlement("a", "2024-03", rule: .daily)
            #expect(answer.amountDong == 40_644)
            expect(
                try explained(answer, "2024-03", "p2"), says: ["7 of 31", "DAILY: weight 7/31.", "13,548 đồng"],
                ["7/31", "DAILY: hệ số 7/31.", "13.548 đồng"])
        }
    }

    @Test func binhDuongPaysAPersonInTwoTeamsOnce() async throws {
        let facts: [any Message] = [
            Fixture.team("a", in: "bd", level: .commune), Fixture.team("b", in: "bd"), Fixture.member("p", of: "a"),
            Fixture.member("p", of: "b"), Fixture.member("q", of: "a", from: "2024-06-01", to: "2024-06-10"),
            Fixture.member("q", of: "b", from: "2024-06-11", to: "2024-06-30"),
        ]
        try await GuardedFunding.with(today: "2025-01-05", facts) { funding in
            let month = try await funding.entitlement("a", "2024-05")
            let other = try await funding.entitlement("b", "2024-05")
            #expect(month.amountDong == 60_000 && other.amountDong == 0)
            expect(
                try explained(other, "2024-05", "p"), says: ["A person is paid once per month", "booked to teams/a"],
                ["Mỗi người chỉ hưởng một lần mỗi tháng", "được ghi cho teams/a"])
            // 1–10 June in A, 11–30 June in B, FULL_MONTH: on B.
            let june = try await funding.entitlement("b", "2024-06", rule: .fullMonth)
            #expect(june.lines.filter { $0.person == "people/q" }.map(\.amountDong).reduce(0, +) == 60_000)
            expect(
                try explained(june, "2024-06", "q"), says: ["30 of 30", "FULL_MONTH: every day is active"],
                ["30/30", "FULL_MONTH: đủ cả tháng"])
        }
    }

    @Test func daNang2024PaysClaimsUpToTheCeiling() async throws {
        let facts: [any Message] = [Fixture.team("a", in: "dn-old"), Fixture.team("c", in: "dn-old", level: .commune)]
        try await GuardedFunding.with(today: "2025-01-10", facts) { funding in
            try await funding.appropriate(Fixture.daNang, 2024, 10_000_000)
            var decided: [Cdt_Funding_V1_ClaimItem] = []
            for (date, amount) in [
                ("2024-08-05", 400_000), ("2024-08-12", 900_000), ("2024-10-15", 1_500_000), ("2024-12-20", 1_200_000),
            ] as [(String, Int64)] {
                decided += try await funding.approved(funding.submitted(date, amount, team: "a")).items
            }
            #expect(decided.map(\.dueDong) == [0, 900_000, 1_500_000, 600_000])
            #expect(decided.map { $0.refusals.map(\.reason) } == [[.outOfPeriod], [], [], [.cap]])
            #expect(decided.map(\.cutByTeamDong) == [0, 0, 0, 600_000])
            expect(
                decided[0].explanation, says: ["OUT_OF_PERIOD: the policy is in force 2024-08-10 to 2025-12-31"],
                ["OUT_OF_PERIOD: chính sách có hiệu lực từ 10/8/2024 đến 31/12/2025"])
            expect(
                decided[1].explanation, says: ["Left before this item: 3,000,000 đồng.", "Due: 900,000 đồng."],
                ["Còn lại trước khoản này: 3.000.000 đồng.", "Được hưởng: 900.000 đồng."])
            expect(
                decided[3].explanation,
                says: ["Left before this item: 600,000 đồng.", "The team's ceilings cut 600,000 đồng."],
                ["Còn lại trước khoản này: 600.000 đồng.", "Mức trần của tổ cắt 600.000 đồng."])
            // A commune team is not covered, neither by the month nor by a claim.
            let commune = try await funding.entitlement("c", "2024-10", policy: Fixture.daNang)
            #expect(commune.amountDong == 0 && commune.lines.map(\.reasons) == [[.levelNotCovered]])
            expect(
                try #require(commune.lines.first).explanation,
                says: ["LEVEL_NOT_COVERED: the policy covers teams of level HAMLET, not COMMUNE."],
                ["LEVEL_NOT_COVERED: chính sách áp dụng cho tổ cấp HAMLET, không áp dụng cho cấp COMMUNE."])
            let refused = try await funding.approved(funding.submitted("2024-10-15", 400_000, team: "c"))
            #expect(refused.dueDong == 0 && refused.items[0].refusals.map(\.reason) == [.levelNotCovered])
            expect(refused.items[0].explanation, says: ["LEVEL_NOT_COVERED: "], ["LEVEL_NOT_COVERED: "])
            let trial = try await funding.ledger.getTrialBalance(
                .with { $0.policy = Fixture.daNang }, options: funding.as("reader", ["funding.read"]))
            #expect(trial.accounts.first { $0.kind == .payable }?.balanceDong == 3_000_000)
            try await funding.expectSoundBooks()
        }
    }

    @Test func daNang2025LeavesWhatIsNotClaimedToLapse() async throws {
        let place = try GuardedFunding.Place()
        defer { place.folder.remove() }
        try await ToldRegistry.with(Fixture.country + [Fixture.team("a", in: "dn-old")]) { registry in
            func ceiling(_ funding: GuardedFunding) async throws -> Cdt_Funding_V1_CeilingLine {
                let answer = try await funding.claims.getTeamCeilings(
                    .with {
                        $0.team = "teams/a"
                        $0.policy = Fixture.daNang
                        $0.year = 2025
                    }, options: funding.as("reader", ["funding.read"]))
                #expect(answer.claimableUntil == "2026-01-31")
                return try #require(answer.ceilings.first)
            }
            try await GuardedFunding.with(today: "2025-12-20", at: place, registry) { funding in
                try await funding.appropriate(Fixture.daNang, 2025, 10_000_000)
                let claim = try await funding.approved(funding.submitted("2025-05-05", 2_100_000, team: "a"))
                #expect(claim.dueDong == 2_100_000)
                expect(
                    claim.items[0].explanation,
                    says: ["At most 3,000,000 đồng per team in 2025", "Due: 2,100,000 đồng."],
                    ["Tối đa 3.000.000 đồng mỗi tổ trong năm 2025", "Được hưởng: 2.100.000 đồng."])
                let open = try await ceiling(funding)
                #expect(open.leftDong == 900_000 && !open.lapsed)
            }
            try await GuardedFunding.with(today: "2026-02-01", at: place, registry) { funding in
                let lapsed = try await ceiling(funding)
                #expect(lapsed.usedDong == 2_100_000 && lapsed.leftDong == 0 && lapsed.lapsed)
                let late = try await funding.approved(funding.submitted("2025-06-01", 900_000, team: "a"))
                #expect(late.dueDong == 0 && late.items[0].refusals.map(\.reason) == [.lateClaim])
                expect(
                    late.items[0].explanation,
                    says: ["LATE_CLAIM: expenses of 2025 are taken until 2026-01-31; this came on 2026-02-01."],
                    ["LATE_CLAIM: khoản chi năm 2025 chỉ nhận đến hết 31/1/2026; đề nghị này nộp ngày 1/2/2026."])
                try await funding.expectSoundBooks()
            }
        }
    }

    /// "Cap 3,000,000 in force 15/3–31/12/2025: 2,400,000 / 2,500,000 / 2,250,000."
    @Test func aCeilingOfAPartYearIsProrated() async throws {
        try await GuardedFunding.with(today: "2025-12-20", [Fixture.team("a", in: "dn-old")]) { funding in
            let officer = try funding.as("officer")
            for (proration, ceiling, english, vietnamese) in [
                (.none, 3_000_000, "not prorated", "không tính theo tỷ lệ"),
                (.daily, 2_400_000, "days in force in 2025", "số ngày hiệu lực trong năm 2025"),
                (.monthlyAny, 2_500_000, "months of 2025 touched", "số tháng có hiệu lực trong năm 2025"),
                (.monthlyFull, 2_250_000, "months of 2025 wholly in force", "số tháng hiệu lực trọn vẹn"),
            ] as [(Cdt_Funding_V1_CapProration, Int64, String, String)] {
                let draft = try await funding.policies.createPolicy(
                    .with {
                        $0.policy.title = "Test"
                        $0.policy.titleVi = "Thử"
                        $0.policy.jurisdictionCode = "48"
                        $0.policy.document.number = "1/NQ-HĐND"
                        $0.policy.validFrom = "2025-03-15"
                        $0.policy.validTo = "2025-12-31"
                        $0.policy.beneficiary = .team
                        $0.policy.levels = [.hamlet]
                        $0.policy.components = [
                            .with {
                                $0.id = "expenses"
                                $0.kind = .actualExpense
                            }
                        ]
                        $0.policy.caps = [
                            .with {
                                $0.kind = .teamYear
                                $0.amountDong = 3_000_000
                                $0.proration = proration
                            }
                        ]
                    }, options: officer)
                #expect(draft.problems.isEmpty, "\(draft.problems)")
                let policy = try await funding.policies.activatePolicy(
                    .with {
                        $0.name = draft.policy.name
                        $0.version = 1
                    }, options: officer
                ).policy.name
                try await funding.appropriate(policy, 2025, 10_000_000)
                let claim = try await funding.approved(
                    funding.submitted("2025-05-05", 5_000_000, policy: policy, team: "a"))
                #expect(claim.dueDong == ceiling)
                expect(claim.items[0].explanation, says: [english], [vietnamese])
            }
        }
    }

    @Test func aMemberRemovedAfterTheRunIsTakenBack() async throws {
        let facts: [any Message] = [Fixture.team("a", in: "bd")] + (1...5).map { Fixture.member("p\($0)", of: "a") }
        try await GuardedFunding.with(today: "2025-01-05", facts) { funding in
            let reader = try funding.as("reader", ["funding.read"])
            try await funding.appropriate(Fixture.binhDuong, 2024, 10_000_000)
            let year = Cdt_Funding_V1_StartRunRequest.with {
                $0.unit = "units/bd"
                $0.fromMonth = "2024-01"
                $0.toMonth = "2024-12"
            }
            let first = try await funding.posted(year)
            #expect(first.state == .posted && first.amountDong == 3_600_000)
            try await funding.tell([Fixture.member("p2", of: "a", to: "2024-10-31")])
            let second = try await funding.posted(year)
            #expect(second.deltaDong == -120_000 && second.linesPosted == 2)
            let deltas = try await funding.policies.listRunLines(
                .with {
                    $0.run = second.name
                    $0.onlyDeltas = true
                    $0.explain = true
                }, options: reader
            ).lines
            #expect(deltas.map(\.month) == ["2024-11", "2024-12"] && deltas.allSatisfy { $0.deltaDong == -60_000 })
            for line in deltas {
                expect(
                    line.explanation,
                    says: ["Member of teams/a 2022-06-01 to 2024-10-31.", "NOT_ACTIVE: ", "Due: 0 đồng."],
                    ["Thành viên của teams/a từ 1/6/2022 đến 31/10/2024.", "NOT_ACTIVE: ", "Được hưởng: 0 đồng."])
            }
            // The original is untouched.
            let kept = try await funding.policies.getRun(.with { $0.name = first.name }, options: reader).run
            #expect(kept == first)
            let lines = try await funding.policies.listRunLines(
                .with {
                    $0.run = first.name
                    $0.pageSize = 100
                }, options: reader
            ).lines
            #expect(lines.count == 60 && lines.allSatisfy { $0.amountDong == 60_000 })
            try await funding.expectSoundBooks()
        }
    }
}
