import FundingPolicy
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@Suite(.onBothEngines) struct ComputeTests {
    @Test func theCountryIsTheSumOfItsProvinces() async throws {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("a", in: "ht"), Fixture.team("b", in: "ht", level: .commune), Fixture.team("c", in: "bd"),
            Fixture.team("d", in: "yb"), Fixture.team("e", in: "hcm-old"), Fixture.member("p", of: "c"),
            Fixture.member("q", of: "c", from: "2024-10-20"),
        ])
        try await service.enrol(["d"], from: "2022-12-09")
        let all = try await service.compute(
            .with {
                $0.fromMonth = "2024-10"
                $0.toMonth = "2024-11"
            })
        #expect(all.end.complete)
        #expect(all.end.amountDong == 2 * (2 * 600_000 + 60_000 + 500_000) + 60_000)
        #expect(all.lines.reduce(0) { $0 + $1.amountDong } == all.end.amountDong)
        #expect(all.end.totals.reduce(0) { $0 + $1.amountDong } == all.end.amountDong)
        var sum: Int64 = 0
        for unit in ["ht", "bd", "yb", "hcm-old", "dn-old", "qn"] {
            sum += try await service.compute(
                .with {
                    $0.unit = "units/\(unit)"
                    $0.fromMonth = "2024-10"
                    $0.toMonth = "2024-11"
                    $0.totalsOnly = true
                }
            ).end.amountDong
        }
        #expect(sum == all.end.amountDong)
        let nation = try await service.compute(
            .with {
                $0.unit = "units/vn"
                $0.fromMonth = "2024-10"
                $0.toMonth = "2024-11"
            })
        #expect(nation.end.totals == all.end.totals)
        let members = try #require(
            all.end.totals.first { $0.policy == "policies/binh-duong-27-2023" && $0.month == "2024-10" })
        #expect(members.personsPaid == 1)
        #expect(members.teamsPaid == 1)
        #expect(members.reasons.map(\.reason) == [.notActive])
    }

    @Test func oneTeamAndManyTeamsGiveTheSameLines() async throws {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("a", in: "bd"), Fixture.team("b", in: "bd", level: .commune), Fixture.member("p", of: "a"),
            Fixture.member("p", of: "b", from: "2024-05-10"), Fixture.member("q", of: "b"),
        ])
        let swept = try await service.compute(
            .with {
                $0.fromMonth = "2024-01"
                $0.toMonth = "2024-12"
                $0.explain = true
            }
        ).lines
        for team in ["a", "b"] {
            let single = try await service.entitlement(team, "2024-01", "2024-12").lines.filter {
                $0.team == "teams/\(team)" && $0.kind == .ratePerMemberMonth
            }
            #expect(single == swept.filter { $0.team == "teams/\(team)" })
        }
    }
}
