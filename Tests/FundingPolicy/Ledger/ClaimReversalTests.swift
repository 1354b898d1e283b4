import FundingPolicy
import RPC
import ServiceKit
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// Approved claims taken back: "corrections by contra entries", and nothing else is touched.
@Suite(.onBothEngines) struct ClaimReversalTests {
    private func daNang() async throws -> Fixture {
        let service = try await Fixture()
        try await service.apply([
            Fixture.team("a", in: "dn-old"), Fixture.member("p", of: "a"), Fixture.member("q", of: "a"),
        ])
        try await service.appropriate(Fixture.daNang, 2024, 10_000_000)
        service.clock.set(day("2024-12-28"))
        return service
    }

    private func reverse(_ service: Fixture, _ claim: Cdt_Funding_V1_Claim, by caller: String = "checker") async throws
        -> Cdt_Funding_V1_Claim
    {
        try await service.claims.reverse(
            .with {
                $0.name = claim.name
                $0.note = "the receipt was false"
            }, caller: caller, key: nil
        ).claim
    }

    @Test func itsEntriesAreBookedTheOtherWayRound() async throws {
        let service = try await daNang()
        let first = try await service.approve(service.claim("2024-10-15", 2_400_000))
        let cut = try await service.approve(service.claim("2024-10-16", 1_200_000))
        #expect(cut.dueDong == 600_000)
        let reversed = try await reverse(service, first)
        #expect(reversed.state == .reversed && reversed.reversedBy == "checker" && reversed.dueDong == 0)
        #expect(reversed.reversalNote == "the receipt was false" && reversed.etag != first.etag)
        // What it was is still told.
        #expect(reversed.items[0].dueDong == 2_400_000 && reversed.items[0].explanation == first.items[0].explanation)
        #expect(try await service.balance(Fixture.daNang, 2024, .payable) == 600_000)
        #expect(try await service.balance(Fixture.daNang, 2024, .committed) == 0)
        #expect(try await service.balance(Fixture.daNang, 2024, .appropriated) == 9_400_000)
        let journals = try await service.ledger.journals(.with { $0.reference = first.name }).journals
        #expect(journals.map(\.name) == [reversed.reversalJournal, first.journal])
        // No cut is reopened; claims to come find the room.
        #expect(try await service.claims.get(.with { $0.name = cut.name }).claim.dueDong == 600_000)
        #expect(try await service.ceilings(2024).usedDong == 600_000)
        #expect(try await service.approve(service.claim("2024-10-17", 2_500_000)).dueDong == 2_400_000)
        try await service.expectSoundBooks()
    }

    @Test func itsWorkedDaysMayBeClaimedAgain() async throws {
        let service = try await daNang()
        let days = [("p", "2024-09-02"), ("q", "2024-09-02")]
        let first = try await service.approve(service.claim("2024-09-02", 100_000, days: days))
        #expect(first.dueDong == 100_000)
        #expect(try await service.approve(service.claim("2024-09-02", 100_000, days: days)).dueDong == 0)
        _ = try await reverse(service, first)
        #expect(try await service.approve(service.claim("2024-09-02", 90_000, days: days)).dueDong == 90_000)
        try await service.expectSoundBooks()
    }

    @Test func whatWasPaidIsSetOffAgainstTheNextPayment() async throws {
        let service = try await daNang()
        let claim = try await service.approve(service.claim("2024-10-15", 500_000))
        let batch = try await service.batch(Fixture.daNang)
        try await service.approve(batch)
        _ = try await service.record(batch, service.instructions(batch).map(\.name), .settled)
        _ = try await reverse(service, claim, by: "auditor")
        #expect(try await service.balance(Fixture.daNang, 2024, .payable) == -500_000)
        _ = try await service.approve(service.claim("2024-10-20", 700_000))
        let next = try await service.batch(Fixture.daNang)
        #expect(next.amountDong == 200_000)
        // Whoever took it back has had a hand in what is owed, and does not pay.
        #expect(next.preparedBy == ["auditor", "checker", "maker"])
        try await service.expectSoundBooks()
    }

    @Test func onlyAnotherPersonTakesBackOnlyWhatIsApprovedAndOnlyOnce() async throws {
        let service = try await daNang()
        let waiting = try await service.claim("2024-10-15", 500_000)
        let early = await refusal { _ = try await reverse(service, waiting) }
        #expect(early?.reason == "CLAIM_NOT_APPROVED" && early?.metadata["state"] == "SUBMITTED")
        let claim = try await service.approve(waiting)
        #expect(await refusal { _ = try await reverse(service, claim, by: "maker") }?.reason == "SAME_PERSON")
        let silent = await refusal {
            _ = try await service.claims.reverse(.with { $0.name = claim.name }, caller: "checker", key: nil)
        }
        #expect(silent?.violations.map(\.field) == ["note"])
        let stale = await refusal {
            _ = try await service.claims.reverse(
                .with {
                    $0.name = claim.name
                    $0.note = "x"
                    $0.etag = waiting.etag
                }, caller: "checker", key: nil)
        }
        #expect(stale?.reason == "ETAG_MISMATCH")
        _ = try await reverse(service, claim)
        #expect(await refusal { _ = try await reverse(service, claim) }?.reason == "CLAIM_NOT_APPROVED")
        #expect(await refusal { _ = try await service.approve(claim) }?.reason == "CLAIM_DECIDED")
        // What was due nothing is taken back without an entry.
        let nothing = try await service.approve(service.claim("2024-08-05", 400_000))
        let journals = try await service.trialBalance().journal
        #expect(try await reverse(service, nothing).reversalJournal.isEmpty)
        #expect(try await service.trialBalance().journal == journals)
        try await service.expectSoundBooks()
    }
}
