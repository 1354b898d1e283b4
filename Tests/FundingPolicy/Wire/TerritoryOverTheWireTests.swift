import FundingPolicy
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// "Bình Dương's policy covers the territory that was Bình Dương, also after it became part of Hồ Chí Minh City."
@Suite(.onBothEngines) struct TerritoryOverTheWireTests {
    private static let facts: [any Message] = [
        Fixture.team("bd", in: "bd"), Fixture.team("hcm", in: "hcm-old"), Fixture.member("p", of: "bd"),
        Fixture.member("q", of: "hcm"),
    ]

    @Test func binhDuongsPolicyPaysItsTerritoryAndOnlyItAfter1July2025() async throws {
        try await GuardedFunding.with(today: "2025-08-05", Self.facts) { funding in
            try await funding.appropriate(Fixture.binhDuong, 2025, 1_000_000)
            // Of the new city: only what was Bình Dương is paid.
            let run = try await funding.posted(
                .with {
                    $0.unit = "units/hcm"
                    $0.fromMonth = "2025-06"
                    $0.toMonth = "2025-07"
                })
            #expect(run.state == .posted && run.amountDong == 120_000)
            let lines = try await funding.policies.listRunLines(
                .with {
                    $0.run = run.name
                    $0.explain = true
                }, options: funding.as("reader", ["funding.read"])
            ).lines.filter { $0.amountDong > 0 }
            #expect(lines.map { "\($0.month) \($0.team)" } == ["2025-06 teams/bd", "2025-07 teams/bd"])
            let told = try #require(lines.last).explanation
            #expect(told.text.contains("Place in the territory of Bình Dương as of 2024-01-01: from 2022-06-01 on."))
            #expect(told.textVi.contains("Địa bàn thuộc Bình Dương theo địa giới ngày 1/1/2024: từ 1/6/2022."))
            // Nobody else in the city is, and is told why.
            let other = try await funding.entitlement("hcm", "2025-07", policy: Fixture.binhDuong)
            #expect(other.amountDong == 0)
            let refused = try #require(other.lines.first { $0.kind == .ratePerMemberMonth })
            #expect(refused.reasons == [.outOfTerritory])
            #expect(refused.explanation.textVi.contains("OUT_OF_TERRITORY: địa bàn của tổ không thuộc"))
            try await funding.expectSoundBooks()
        }
    }

    /// A policy of the new city overlaps in what was Bình Dương, whose own stacks with nothing: the later one pays.
    @Test func aPolicyOfTheNewCityTakesThePlaceOfOneThatDoesNotStack() async throws {
        try await GuardedFunding.with(today: "2025-08-05", Self.facts) { funding in
            let new = try await enacted(funding, code: "79", from: "2025-07-01", rate: 100_000, stackable: true)
            let lines = try await monthly(funding, "bd", "2025-07")
            #expect(lines.mapValues(\.amountDong) == [new: 100_000, Fixture.binhDuong: 0])
            let refused = try #require(lines[Fixture.binhDuong])
            #expect(refused.reasons == [.notStackable])
            #expect(refused.explanation.text.contains("\(new) pays for this month and the two do not stack"))
            #expect(refused.explanation.textVi.contains("\(new) đã chi cho tháng này"))
            // Before it is in force, and elsewhere in the city, there is no overlap.
            #expect(try await paid(funding, "bd", "2025-06") == [Fixture.binhDuong: 60_000])
            #expect(try await paid(funding, "hcm", "2025-07") == [new: 100_000])
        }
    }

    @Test func policiesOfTheOldAndTheNewProvinceThatStackBothPay() async throws {
        let facts: [any Message] = [
            Fixture.team("qn", in: "qn"), Fixture.team("dn", in: "dn-old"), Fixture.member("p", of: "qn"),
            Fixture.member("q", of: "dn"),
        ]
        try await GuardedFunding.with(today: "2025-08-05", facts) { funding in
            let old = try await enacted(funding, code: "49", from: "2025-01-01", rate: 70_000, stackable: true)
            let new = try await enacted(funding, code: "48", from: "2025-07-01", rate: 100_000, stackable: true)
            #expect(try await paid(funding, "qn", "2025-07") == [old: 70_000, new: 100_000])
            #expect(try await paid(funding, "qn", "2025-06") == [old: 70_000])
            #expect(try await paid(funding, "dn", "2025-07") == [new: 100_000])
        }
    }

    /// What each policy gives a team's members for a month; a team here has one member.
    private func monthly(_ funding: GuardedFunding, _ team: String, _ month: String) async throws
        -> [String: Cdt_Funding_V1_EntitlementLine]
    {
        let lines = try await funding.entitlement(team, month).lines.filter { $0.kind == .ratePerMemberMonth }
        return Dictionary(uniqueKeysWithValues: lines.map { ($0.policy, $0) })
    }

    private func paid(_ funding: GuardedFunding, _ team: String, _ month: String) async throws -> [String: Int64] {
        try await monthly(funding, team, month).mapValues(\.amountDong).filter { $0.value > 0 }
    }

    private func enacted(
        _ funding: GuardedFunding, code: String, from: String, rate: Int64, stackable: Bool
    ) async throws -> String {
        let officer = try funding.as("officer", ["funding.administer"])
        let draft = try await funding.policies.createPolicy(
            .with {
                $0.policy.title = "Test"
                $0.policy.titleVi = "Thử"
                $0.policy.jurisdictionCode = code
                $0.policy.document.number = "1/NQ-HĐND"
                $0.policy.validFrom = from
                $0.policy.beneficiary = .member
                $0.policy.levels = [.commune, .hamlet]
                $0.policy.stackable = stackable
                $0.policy.components = [
                    .with {
                        $0.id = "allowance"
                        $0.kind = .ratePerMemberMonth
                        $0.rateDong = rate
                    }
                ]
            }, options: officer)
        #expect(draft.problems.isEmpty, "\(draft.problems)")
        return try await funding.policies.activatePolicy(
            .with {
                $0.name = draft.policy.name
                $0.version = 1
            }, options: officer
        ).policy.name
    }
}
