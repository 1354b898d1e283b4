import ChangeFeed
import FundingPolicy
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@Suite(.onBothEngines) struct RegistryCopyTests {
    @Test func aNewerFactReplacesTheOneBefore() async throws {
        let service = try await Fixture()
        var team = Fixture.team("a", in: "ht")
        try await service.apply([team])
        #expect(try await service.entitlement("a", "2024-10").amountDong == 600_000)
        team.statusHistory[0].to = "2024-09-30"
        team.statusHistory.append(
            .with {
                $0.status = .suspended
                $0.from = "2024-10-01"
            })
        try await service.apply([team])
        let answer = try await service.entitlement("a", "2024-10")
        #expect(answer.amountDong == 0)
        #expect(answer.lines.first?.reasons == [.notActive])
        #expect(answer.lines.first?.explanation.text.contains("Team SUSPENDED from 2024-10-01 on.") == true)
    }

    @Test func aVoidMembershipNeverCounted() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "bd"), Fixture.member("p", of: "a")])
        #expect(try await service.entitlement("a", "2024-10").amountDong == 60_000)
        try await service.apply([Fixture.member("p", of: "a", void: true)])
        #expect(try await service.entitlement("a", "2024-10").amountDong == 0)
    }

    @Test func aTombstoneForgetsTheAggregate() async throws {
        let service = try await Fixture()
        try await service.apply([Fixture.team("a", in: "ht")])
        try await service.database.write { transaction in
            let event = FeedEvent(
                sequence: 9, aggregate: "teams/a", version: 2, recordedAt: 0, type: "", payload: [], isTombstone: true)
            try RegistryCopy.apply(event, in: transaction)
        }
        await #expect(throws: ServiceError.self) { try await service.entitlement("a", "2024-10") }
        try await service.apply([Fixture.team("a", in: "ht")])
        #expect(try await service.entitlement("a", "2024-10").amountDong == 600_000)
    }

    /// "Each may be a release older or newer than the others" (docs/guides/versioning.md).
    @Test func whatNewerServicesAddIsPassedOverAndWhatIsKnownCounts() async throws {
        let service = try await Fixture()
        var team = try Fixture.event(Fixture.team("a", in: "ht"))
        team.payload += [0x80, 0x7d, 1]  // field 2000
        let badge = FeedEvent(
            sequence: 2, aggregate: "badges/1", version: 1, recordedAt: 0, type: "cdt.registry.v1.BadgeFact",
            payload: [8, 1])
        try await service.database.write { [team] transaction in
            for event in [team, badge, badge.asTombstone] { try RegistryCopy.apply(event, in: transaction) }
            for event in [badge, badge.asTombstone] { try ActivityCopy.apply(event, in: transaction) }
        }
        #expect(try await service.entitlement("a", "2024-10").amountDong == 600_000)
    }

    @Test func aDateThatIsNoneStopsTheFeedInsteadOfMeaningOpen() async throws {
        let service = try await Fixture()
        var team = Fixture.team("a", in: "ht")
        team.statusHistory[0].to = "2024-02-30"
        await #expect(throws: BrokenFact.self) { try await service.apply([team]) }
    }
}
