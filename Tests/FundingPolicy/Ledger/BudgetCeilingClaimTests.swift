import FundingPolicy
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// Claims and runs under one ceiling over the budget: "a line is paid up to the smallest of all ceilings left".
@Suite(.onBothEngines) struct BudgetCeilingClaimTests {
    private func service() async throws -> (Fixture, policy: String) {
        let service = try await Fixture()
        try await service.apply(["a", "b", "c"].map { Fixture.team($0, in: "ht") })
        let policy = try await service.activate {
            $0.components = [
                .with {
                    $0.id = "allowance"
                    $0.kind = .ratePerTeamMonth
                    $0.rateDong = 200_000
                },
                .with {
                    $0.id = "expenses"
                    $0.kind = .actualExpense
                },
            ]
            $0.caps = [
                .with {
                    $0.kind = .teamYear
                    $0.amountDong = 1_000_000
                    $0.components = ["expenses"]
                },
                .with {
                    $0.kind = .budgetYear
                    $0.amountDong = 1_500_000
                },
            ]
        }
        try await service.appropriate(policy, 2024, 50_000_000)
        service.clock.set(day("2024-12-28"))
        return (service, policy)
    }

    private func approved(_ service: Fixture, _ policy: String, _ team: String, _ amount: Int64) async throws
        -> Cdt_Funding_V1_Claim
    {
        try await service.approve(service.claim("2024-10-15", amount, policy: policy, team: team))
    }

    @Test func claimsOfAllTeamsShareIt() async throws {
        let (service, policy) = try await service()
        let first = try await approved(service, policy, "a", 900_000)
        #expect(first.dueDong == 900_000)
        let second = try await approved(service, policy, "b", 900_000)
        #expect(second.dueDong == 600_000)
        let item = second.items[0]
        #expect(item.refusals.map(\.reason) == [.cap] && item.cutByTeamDong == 300_000)
        #expect(
            item.explanation.text.contains("At most 1,500,000 đồng for all teams together in 2024. Left before this"))
        #expect(item.explanation.text.contains("The ceilings cut 300,000 đồng."))
        #expect(item.explanation.textVi.contains("Tối đa 1.500.000 đồng cho tất cả các tổ trong năm 2024."))
        #expect(try await approved(service, policy, "c", 100_000).dueDong == 0)
        // What is taken back leaves room, up to the team's own ceiling.
        _ = try await service.claims.reverse(
            .with {
                $0.name = first.name
                $0.note = "x"
            }, caller: "checker", key: nil)
        #expect(try await approved(service, policy, "b", 900_000).dueDong == 400_000)
        #expect(try await approved(service, policy, "c", 900_000).dueDong == 500_000)
        #expect(try await service.balance(policy, 2024, .payable) == 1_500_000)
        try await service.expectSoundBooks()
    }

    @Test func runsAndClaimsUseItUpInTheOrderInWhichTheyAreRecorded() async throws {
        let (service, policy) = try await service()
        func run(_ month: String) -> Cdt_Funding_V1_StartRunRequest {
            .with {
                $0.policy = policy
                $0.fromMonth = month
            }
        }
        #expect(try await service.posted(run("2024-09")).amountDong == 600_000)
        #expect(try await approved(service, policy, "a", 800_000).dueDong == 800_000)
        let october = try await service.run(run("2024-10"))
        #expect(october.amountDong == 100_000)
        // A claim of another team would take what the run has been promised.
        _ = try await service.runs.approve(.with { $0.name = october.name }, caller: "checker", key: nil)
        let waiting = try await service.claim("2024-10-15", 50_000, policy: policy, team: "b")
        #expect(await refusal { _ = try await service.approve(waiting) }?.reason == "RUN_IN_PROGRESS")
        _ = try await service.runs.post(.with { $0.name = october.name }, caller: "poster", key: nil)
        await service.worker.computeAll()
        #expect(try await service.approve(waiting).dueDong == 0)
        // And a claim overtakes a run that nobody has approved yet.
        let (other, otherPolicy) = try await self.service()
        let computed = try await other.run(
            .with {
                $0.policy = otherPolicy
                $0.fromMonth = "2024-10"
            })
        _ = try await approved(other, otherPolicy, "c", 1_000_000)
        let stale = await refusal {
            _ = try await other.runs.approve(.with { $0.name = computed.name }, caller: "checker", key: nil)
        }
        #expect(stale?.reason == "RUN_STALE")
        #expect(try await service.balance(policy, 2024, .payable) == 1_500_000)
        try await service.expectSoundBooks()
    }

    /// "Caps never exceeded over any sequence of claims, corrections and reruns."
    @Test(arguments: 0..<4)
    func noHistoryPassesAnyCeiling(seed: Int) async throws {
        var random = SeededGenerator(seed: UInt64(900 + seed))
        let (service, policy) = try await service()
        var claims: [Cdt_Funding_V1_Claim] = []
        for _ in 0..<16 {
            let team = ["a", "b", "c"].randomElement(using: &random) ?? "a"
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let month = "2024-0\(Int.random(in: 1...9, using: &random))"
                _ = try await service.posted(
                    .with {
                        $0.policy = policy
                        $0.fromMonth = month
                    })
            case 1:
                var corrected = Fixture.team(team, in: "ht")
                corrected.statusHistory[0].from = "2024-0\(Int.random(in: 1...9, using: &random))-01"
                try await service.apply([corrected])
            case 2 where !claims.isEmpty:
                let claim = claims.remove(at: .random(in: claims.indices, using: &random))
                _ = try await service.claims.reverse(
                    .with {
                        $0.name = claim.name
                        $0.note = "x"
                    }, caller: "checker", key: nil)
            default:
                claims.append(try await approved(service, policy, team, .random(in: 1...700_000, using: &random)))
            }
            #expect(try await service.balance(policy, 2024, .payable) <= 1_500_000)
            for team in ["a", "b", "c"] {
                let due = claims.filter { $0.team == "teams/\(team)" }.reduce(0) { $0 + $1.dueDong }
                #expect(due <= 1_000_000)
            }
        }
        try await service.expectSoundBooks()
    }
}
