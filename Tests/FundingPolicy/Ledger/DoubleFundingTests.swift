import FundingPolicy
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// No double funding: a receipt of a team is claimed under one policy only, whichever sources they pay from.
@Suite(.onBothEngines) struct DoubleFundingTests {
    private func service() async throws -> (Fixture, state: String, socialised: String) {
        let service = try await Fixture()
        try await service.apply(["a", "b"].map { Fixture.team($0, in: "ht") })
        func policy(_ source: Cdt_Funding_V1_BudgetSource) async throws -> String {
            let name = try await service.activate {
                $0.components = [
                    .with {
                        $0.id = "expenses"
                        $0.kind = .actualExpense
                    }
                ]
                $0.caps = [
                    .with {
                        $0.kind = .teamYear
                        $0.amountDong = 1_000_000
                    }
                ]
                $0.budgetSource = source
            }
            try await service.appropriate(name, 2024, 10_000_000)
            return name
        }
        let policies = (try await policy(.state), try await policy(.socialised))
        service.clock.set(day("2024-12-28"))
        return (service, policies.0, policies.1)
    }

    private func claim(_ service: Fixture, _ policy: String, team: String = "a", _ receipt: String) async throws
        -> Cdt_Funding_V1_Claim
    {
        try await service.claim("2024-10-15", 100_000, policy: policy, team: team, receipt: receipt)
    }

    @Test func aReceiptIsClaimedUnderOnePolicy() async throws {
        let (service, state, socialised) = try await service()
        let first = try await claim(service, state, "HD-17")
        let waiting = await refusal { _ = try await claim(service, socialised, "hd-17") }
        #expect(waiting?.code == .failedPrecondition && waiting?.reason == "RECEIPT_CLAIMED")
        #expect(waiting?.metadata["field"] == "claim.items[0].evidence[0]")
        #expect(waiting?.metadata["resourceName"] == first.name && waiting?.metadata["policy"] == state)
        _ = try await service.approve(first)
        #expect(await refusal { _ = try await claim(service, socialised, "HD-17") }?.reason == "RECEIPT_CLAIMED")
        #expect(try await service.balance(state, 2024, .payable) == 100_000)
        #expect(try await service.balance(socialised, 2024, .payable) == 0)
        // Other teams have receipts of their own, and one may be claimed in parts under its policy.
        #expect(try await service.approve(claim(service, socialised, team: "b", "HD-17")).dueDong == 100_000)
        #expect(try await service.approve(claim(service, state, "HD-17")).dueDong == 100_000)
        try await service.expectSoundBooks()
    }

    @Test func whatWasRejectedOrTakenBackMayBeClaimedElsewhere() async throws {
        let (service, state, socialised) = try await service()
        _ = try await service.reject(claim(service, state, "HD-17"), by: "checker")
        let second = try await service.approve(claim(service, socialised, "HD-17"))
        #expect(await refusal { _ = try await claim(service, state, "HD-17") }?.reason == "RECEIPT_CLAIMED")
        _ = try await service.claims.reverse(
            .with {
                $0.name = second.name
                $0.note = "x"
            }, caller: "checker", key: nil)
        #expect(try await service.approve(claim(service, state, "HD-17")).dueDong == 100_000)
        #expect(try await service.balance(socialised, 2024, .payable) == 0)
        try await service.expectSoundBooks()
    }
}
