import FundingPolicy
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// What the feed tells others of payments, so that whoever is paid can be told: approved, paid, sent back.
@Suite(.onBothEngines) struct PaymentFactsTests {
    @Test func eachPaymentIsToldWhenItIsApprovedAndWheneverItGoesOn() async throws {
        let teams = [Fixture.team("a", in: "dn-old"), Fixture.team("b", in: "dn-old")]
        try await GuardedFunding.with(today: "2024-12-20", teams) { funding in
            try await funding.appropriate(Fixture.daNang, 2024, 10_000_000)
            for (team, amount) in [("a", 100_000), ("b", 200_000)] as [(String, Int64)] {
                _ = try await funding.approved(funding.submitted("2024-10-15", amount, team: team))
            }
            func made() async throws -> String {
                try await funding.payments.createPaymentBatch(
                    .with {
                        $0.policy = Fixture.daNang
                        $0.year = 2024
                    }, options: funding.as("clerk")
                ).paymentBatch.name
            }
            func give(up batch: String) async throws {
                _ = try await funding.payments.voidPaymentBatch(
                    .with {
                        $0.name = batch
                        $0.note = "wrong accounts"
                    }, options: funding.as("clerk"))
            }
            func approve(_ batch: String) async throws {
                _ = try await funding.payments.approvePaymentBatch(
                    .with { $0.name = batch }, options: funding.as("chief"))
            }
            // Of a batch that nobody approved nothing is told.
            try await give(up: made())
            let voided = try await made()
            try await approve(voided)
            try await give(up: voided)
            let batch = try await made()
            try await approve(batch)
            let names = try await funding.payments.listPaymentInstructions(
                .with { $0.batch = batch }, options: funding.as("clerk")
            ).paymentInstructions.map(\.name)
            func record(_ name: String, _ state: Cdt_Funding_V1_PaymentState) async throws {
                let answer = try await funding.payments.recordPaymentResults(
                    .with {
                        $0.batch = batch
                        $0.results = [
                            .with {
                                $0.instruction = name
                                $0.state = state
                                $0.note = "as the bank says"
                            }
                        ]
                    }, options: funding.as("payer"))
                #expect(answer.verdicts.allSatisfy { $0.accepted })
            }
            try await record(names[0], .paid)
            try await record(names[0], .paid)
            try await record(names[0], .settled)
            try await record(names[1], .returned)
            _ = try await funding.payments.reopenReturnedPayments(
                .with {
                    $0.batch = batch
                    $0.note = "account corrected"
                }, options: funding.as("payer"))

            let facts = try await told(funding, of: "paymentInstructions/", count: 10)
            func states(of batch: String, _ team: String) -> [Cdt_Funding_V1_PaymentState] {
                facts.filter { $0.payment.batch == batch && $0.payment.team == team }.map(\.payment.state)
            }
            #expect(states(of: voided, "teams/a") == [.reserved, .failed])
            #expect(states(of: voided, "teams/b") == [.reserved, .failed])
            #expect(states(of: batch, "teams/a") == [.reserved, .paid, .settled])
            #expect(states(of: batch, "teams/b") == [.reserved, .returned, .reopened])
            for fact in facts {
                #expect(fact.payment.amountDong == (fact.payment.team == "teams/a" ? 100_000 : 200_000))
                #expect(fact.policy == Fixture.daNang && fact.year == 2024)
                #expect(fact.policyTitle.contains("Đà Nẵng") && fact.policyTitleVi.contains("Đà Nẵng"))
            }
        }
    }

    /// Payments as the feed tells them, in its order; each aggregate's versions rise.
    private func told(_ funding: GuardedFunding, of prefix: String, count: Int) async throws
        -> [Cdt_Funding_V1_PaymentFact]
    {
        var facts: [Cdt_Funding_V1_PaymentFact] = []
        var versions: [String: Int64] = [:]
        let call = try await funding.feed.follow(
            .with { $0.topic = RunWorker.topic }, options: funding.as("reader", ["funding.read"]))
        for try await response in call.responses {
            for event in response.events where event.aggregate.hasPrefix(prefix) {
                #expect(event.version > versions[event.aggregate, default: 0])
                versions[event.aggregate] = event.version
                facts.append(try Cdt_Funding_V1_PaymentFact(unpackingAny: event.payload))
            }
            if facts.count >= count { break }
        }
        return facts
    }
}
