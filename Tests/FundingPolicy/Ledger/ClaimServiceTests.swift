import FundingPolicy
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

/// Claims from submission to the books, with the worked cases of Đà Nẵng and Bình Dương.
@Suite(.onBothEngines) struct ClaimServiceTests {
    private func daNang(_ level: Cdt_Common_V1_TeamLevel = .hamlet) async throws -> Fixture {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "dn-old", level: level)])
        try await service.appropriate(Fixture.daNang, 2024, 10_000_000)
        try await service.appropriate(Fixture.daNang, 2025, 10_000_000)
        service.clock.set(day("2024-12-28"))
        return service
    }

    @Test func daNang2024() async throws {
        let service = try await daNang()
        var due: [Int64] = []
        for (date, amount) in [
            ("2024-08-05", 400_000), ("2024-08-12", 900_000), ("2024-10-15", 1_500_000), ("2024-12-20", 1_200_000),
        ] as [(String, Int64)] {
            let claim = try await service.claim(date, amount)
            #expect(claim.state == .submitted)
            let approved = try await service.approve(claim)
            // What was foretold is what is due.
            #expect(approved.dueDong == claim.dueDong)
            due.append(approved.dueDong)
            if date == "2024-08-05" {
                #expect(approved.items[0].refusals.map(\.reason) == [.outOfPeriod])
                #expect(approved.journal.isEmpty)
                #expect(approved.items[0].explanation.text.contains("OUT_OF_PERIOD: the policy is in force 2024-08-10"))
            }
            if date == "2024-12-20" {
                let item = approved.items[0]
                #expect(item.refusals.map(\.reason) == [.cap])
                #expect(item.cutByTeamDong == 600_000)
                #expect(item.explanation.text.contains("Left before this item: 600,000 đồng."))
                #expect(item.explanation.textVi.contains("Mức trần của tổ cắt 600.000 đồng."))
                #expect(item.explanation.document.number == "36/2024/NQ-HĐND")
            }
        }
        #expect(due == [0, 900_000, 1_500_000, 600_000])
        #expect(try await service.balance(Fixture.daNang, 2024, .payable) == 3_000_000)
        #expect(try await service.balance(Fixture.daNang, 2024, .committed) == 0)
        let ceiling = try await service.ceilings(2024)
        #expect(ceiling.usedDong == 3_000_000 && ceiling.leftDong == 0 && ceiling.lapsed == false)
        try await service.expectSoundBooks()
    }

    @Test func daNang2025LeavesWhatIsNotClaimedToLapse() async throws {
        let service = try await daNang()
        service.clock.set(day("2025-12-28"))
        _ = try await service.approve(service.claim("2025-05-05", 2_100_000))
        #expect(try await service.ceilings(2025).leftDong == 900_000)
        service.clock.set(day("2026-01-31"))
        #expect(try await service.ceilings(2025).leftDong == 900_000)
        service.clock.set(day("2026-02-01"))
        let lapsed = try await service.ceilings(2025)
        #expect(lapsed.usedDong == 2_100_000 && lapsed.leftDong == 0 && lapsed.lapsed == true)
        let late = try await service.approve(service.claim("2025-06-01", 100_000))
        #expect(late.dueDong == 0)
        #expect(late.items[0].refusals.map(\.reason) == [.lateClaim])
    }

    /// The submission's local date decides, not that of the approval.
    @Test func aClaimSubmittedInTimeIsPaidWhenItIsApprovedLater() async throws {
        let service = try await daNang()
        service.clock.set(day("2026-01-31"), hour: 23)
        let claim = try await service.claim("2025-06-01", 100_000)
        service.clock.set(day("2026-03-01"))
        #expect(try await service.approve(claim).dueDong == 100_000)
    }

    @Test func aCommuneTeamIsNotCovered() async throws {
        let service = try await daNang(.commune)
        let claim = try await service.approve(service.claim("2024-10-15", 400_000))
        #expect(claim.dueDong == 0)
        #expect(claim.items[0].refusals.map(\.reason) == [.levelNotCovered])
    }

    @Test func theCeilingPerPersonAndDayCountsAllClaimsOfTheTeam() async throws {
        let service = try await daNang()
        try await service.apply([Fixture.member("p", of: "a"), Fixture.member("q", of: "a")])
        let days = ["p", "q"].map { ($0, "2024-09-02") }
        #expect(try await service.approve(service.claim("2024-09-02", 70_000, days: days)).dueDong == 70_000)
        let second = try await service.approve(service.claim("2024-09-02", 70_000, days: days))
        #expect(second.dueDong == 30_000)
        #expect(second.items[0].cutByDayDong == 40_000)
        let stranger = try await service.approve(service.claim("2024-09-03", 70_000, days: [("x", "2024-09-03")]))
        #expect(stranger.items[0].refusals.map(\.reason) == [.notActive])
        try await service.expectSoundBooks()
    }

    @Test func makerAndCheckerAreDifferentPersons() async throws {
        let service = try await daNang()
        let claim = try await service.claim("2024-10-15", 400_000)
        let own = await refusal { _ = try await service.approve(claim, by: "maker") }
        #expect(own?.code == .permissionDenied && own?.reason == "SAME_PERSON")
        let ownRejection = await refusal { _ = try await service.reject(claim, by: "maker") }
        #expect(ownRejection?.reason == "SAME_PERSON")
        _ = try await service.approve(claim)
        #expect(await refusal { _ = try await service.approve(claim) }?.reason == "CLAIM_DECIDED")
        let other = try await service.claim("2024-10-16", 400_000)
        let rejected = try await service.reject(other, by: "checker")
        #expect(rejected.state == .rejected && rejected.decisionNote == "no receipt")
        #expect(try await service.balance(Fixture.daNang, 2024, .payable) == 400_000)
        let listed = try await service.claims.list(.with { $0.state = .rejected }).claims
        #expect(listed.map(\.name) == [other.name])
    }

    @Test func withoutMoneyAClaimWaits() async throws {
        let service = try await daNang()
        try await service.appropriate(Fixture.daNang, 2024, -9_900_000)
        let claim = try await service.claim("2024-10-15", 400_000)
        #expect(await refusal { _ = try await service.approve(claim) }?.reason == "INSUFFICIENT_FUNDS")
        #expect(try await service.claims.get(.with { $0.name = claim.name }).claim.state == .submitted)
    }

    /// 150,000 per worked day when mobilised, on a confirmed day sheet; one per person and day.
    @Test func binhDuongPaysWorkedDaysOnce() async throws {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("a", in: "bd"), Fixture.team("b", in: "bd", level: .commune),
            Fixture.member("p", of: "a"), Fixture.member("q", of: "a", to: "2024-05-01"), Fixture.member("p", of: "b"),
        ])
        try await service.appropriate(Fixture.binhDuong, 2024, 10_000_000)
        service.clock.set(day("2024-06-15"))
        let sheet = [("p", "2024-05-01"), ("p", "2024-05-02"), ("q", "2024-05-01"), ("q", "2024-05-02")]
        let unconfirmed = await refusal {
            _ = try await service.claim(nil, 0, policy: Fixture.binhDuong, days: sheet)
        }
        #expect(unconfirmed?.violations.map(\.reason) == ["DAY_SHEET_NOT_CONFIRMED"])
        let claim = try await service.claim(nil, 0, policy: Fixture.binhDuong, days: sheet, confirmed: true)
        #expect(claim.claimedDong == 600_000)
        let approved = try await service.approve(claim)
        #expect(approved.dueDong == 450_000)
        #expect(approved.items[0].paidDays == 3)
        #expect(approved.items[0].refusals.map(\.reason) == [.notActive])
        // The other team cannot have the same person's day paid again.
        let again = try await service.claim(
            nil, 0, policy: Fixture.binhDuong, team: "b", days: [("p", "2024-05-02"), ("p", "2024-05-03")],
            confirmed: true)
        let second = try await service.approve(again)
        #expect(second.dueDong == 150_000)
        #expect(second.items[0].refusals.map(\.reason) == [.cap])
        let entries = try await service.ledger.entries(.with { $0.team = "teams/a" }).entries
        #expect(entries.map(\.person) == ["people/p", "people/q"])
        #expect(entries.map(\.amountDong) == [300_000, 150_000])
        try await service.expectSoundBooks()
    }

    @Test func whatIsWrongWithAClaimIsNamed() async throws {
        let service = try await daNang()
        let wrong = await refusal {
            _ = try await service.claims.submit(
                .with {
                    $0.claim.team = "x"
                    $0.claim.policy = Fixture.daNang
                    $0.claim.items = [
                        .with {
                            $0.date = "2024-02-30"
                            $0.amountDong = -1
                            $0.evidence = [.with { $0.sha256 = "abc" }]
                        }
                    ]
                }, caller: "maker", key: nil)
        }
        #expect(
            wrong?.violations.map(\.field) == [
                "claim.team", "claim.items[0].date", "claim.items[0].amount_dong", "claim.items[0].evidence[0].kind",
                "claim.items[0].evidence[0].sha256",
            ])
        let future = await refusal { _ = try await service.claim("2024-12-29", 5) }
        #expect(future?.violations.map(\.reason) == ["IN_THE_FUTURE"])
        let monthly = await refusal { _ = try await service.claim("2024-12-01", 5, policy: Fixture.haTinh) }
        #expect(monthly?.reason == "NOT_CLAIMABLE")
        let unknown = await refusal { _ = try await service.claim("2024-12-01", 5, team: "none") }
        #expect(unknown?.reason == "TEAM_NOT_FOUND")
        #expect(try await service.claims.list(.init()).claims.isEmpty)
    }

    @Test func validationKeepsNothing() async throws {
        let service = try await daNang()
        let examined = try await service.claims.submit(
            .with {
                $0.validateOnly = true
                $0.claim.team = "teams/a"
                $0.claim.policy = Fixture.daNang
                $0.claim.items = [
                    .with {
                        $0.date = "2024-10-15"
                        $0.amountDong = 3_100_000
                    }
                ]
            }, caller: "maker", key: nil
        ).claim
        #expect(examined.dueDong == 3_000_000 && examined.name.isEmpty)
        #expect(try await service.claims.list(.init()).claims.isEmpty)
    }

    /// "Caps never exceeded over any sequence of claims": random claims, approved in a random order.
    @Test(arguments: 0..<4)
    func ceilingsHoldOverAnySequenceOfClaims(seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let service = try await daNang()
        try await service.apply([Fixture.member("p", of: "a"), Fixture.member("q", of: "a")])
        service.clock.set(day("2025-01-31"))
        var waiting: [Cdt_Funding_V1_Claim] = []
        for _ in 0..<14 {
            let date = day("2024-12-01").adding(days: .random(in: 0...60, using: &random)).description
            let days =
                Bool.random(using: &random)
                ? [] : [(Bool.random(using: &random) ? "p" : "q", date)]
            waiting.append(try await service.claim(date, .random(in: 1...900_000, using: &random), days: days))
        }
        waiting.shuffle(using: &random)
        var approved: [Cdt_Funding_V1_Claim] = []
        for claim in waiting { approved.append(try await service.approve(claim)) }
        for year in [2024, 2025] {
            let due = approved.filter { $0.items[0].date.hasPrefix("\(year)") }.reduce(0) { $0 + $1.dueDong }
            #expect(due <= 3_000_000)
            #expect(try await service.balance(Fixture.daNang, year, .payable) == due)
            #expect(try await service.ceilings(year).usedDong == due)
        }
        for claim in approved {
            let item = claim.items[0]
            #expect(item.dueDong + item.cutByDayDong + item.cutByTeamDong == item.amountDong)
            if !item.workedDays.isEmpty { #expect(item.dueDong <= 50_000) }
        }
        try await service.expectSoundBooks()
    }
}

extension Fixture {
    func claim(
        _ date: String?, _ amount: Int64, policy: String = Fixture.daNang, team: String = "a",
        days: [(String, String)] = [], confirmed: Bool = false, receipt: String = ""
    ) async throws -> Cdt_Funding_V1_Claim {
        try await claims.submit(
            .with {
                $0.claim.team = "teams/\(team)"
                $0.claim.policy = policy
                $0.claim.items = [
                    .with {
                        $0.date = date ?? ""
                        $0.amountDong = amount
                        $0.workedDays = days.map { person, day in
                            .with {
                                $0.person = "people/\(person)"
                                $0.date = day
                            }
                        }
                        if confirmed {
                            $0.evidence = [
                                .with {
                                    $0.kind = .daySheet
                                    $0.confirmedBy = "Chủ tịch UBND xã"
                                    $0.confirmedOn = "2024-06-10"
                                }
                            ]
                        }
                        if !receipt.isEmpty {
                            $0.evidence.append(
                                .with {
                                    $0.kind = .receipt
                                    $0.number = receipt
                                })
                        }
                    }
                ]
            }, caller: "maker", key: nil
        ).claim
    }

    func approve(_ claim: Cdt_Funding_V1_Claim, by caller: String = "checker") async throws -> Cdt_Funding_V1_Claim {
        try await claims.approve(.with { $0.name = claim.name }, caller: caller, key: nil).claim
    }

    func reject(_ claim: Cdt_Funding_V1_Claim, by caller: String) async throws -> Cdt_Funding_V1_Claim {
        try await claims.reject(
            .with {
                $0.name = claim.name
                $0.note = "no receipt"
            }, caller: caller, key: nil
        ).claim
    }

    func ceilings(_ year: Int) async throws -> Cdt_Funding_V1_CeilingLine {
        let found = try await claims.ceilings(
            .with {
                $0.team = "teams/a"
                $0.policy = Fixture.daNang
                $0.year = Int32(year)
            }
        ).ceilings
        return try #require(found.first { $0.kind == .teamYear })
    }
}
