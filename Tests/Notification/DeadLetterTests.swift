import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

/// "Dead letters can be listed, replayed, discarded."
@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct DeadLetterTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    @Test func deadLettersAreListedSentAgainAndDiscarded() async throws {
        let peer = try PythonPeer("smtp_peer.py", [#"{"tls": "none"}"#])
        let port = try await peer.port()
        let (service, connection, client) = try await ServedNotification.start(
            folder,
            ["--smtp-url", "smtp://127.0.0.1:\(port)", "--smtp-from", "nhac@example.vn", "--smtp-rate", "500"])
        // The server knows neither 1 nor 4; 3 has no address.
        try await World.tell(
            try World.events() + [
                try World.contact(1, name: "Số 1", email: "unknown.mot@example.vn"),
                try World.contact(4, name: "Số 4", email: "unknown.tu@example.vn"),
            ], service.context.database)
        let draft = Cdt_Notification_V1_Campaign.with {
            $0.displayName = "Nhắc báo cáo"
            $0.audience.unit = "units/\(World.province)"
            $0.audience.report.period = "2024-10"
            $0.audience.report.condition = .owes
            $0.template = "templates/report-reminder"
            $0.channels = [.email]
        }
        let campaign = try await client.createCampaign(.with { $0.campaign = draft }).campaign.name
        _ = try await client.launchCampaign(.with { $0.name = campaign })
        for try await _ in try await client.watchCampaign(.with { $0.name = campaign }).responses {}

        /// All that are left, by pages of two, with the person's number.
        func letters() async throws -> [Int: Cdt_Notification_V1_Delivery] {
            var request = Cdt_Notification_V1_ListDeadLettersRequest.with { ($0.campaign, $0.pageSize) = (campaign, 2) }
            var found: [Int: Cdt_Notification_V1_Delivery] = [:]
            repeat {
                let page = try await client.listDeadLetters(request)
                #expect(page.deliveries.count <= 2)
                for delivery in page.deliveries { found[Int(delivery.recipient.suffix(4)) ?? 0] = delivery }
                request.pageToken = page.nextPageToken
            } while !request.pageToken.isEmpty
            return found
        }
        func decide(_ failure: Cdt_Notification_V1_FailureClass, _ decision: Cdt_Notification_V1_DeliveryDecision)
            async throws -> Cdt_Notification_V1_ResolveDeadLettersResponse
        {
            try await client.resolveDeadLetters(
                .with {
                    ($0.campaign, $0.state, $0.failureClass, $0.decision) = (campaign, .failed, failure, decision)
                })
        }
        var left = try await letters()
        #expect(left.mapValues(\.failureClass) == [1: .invalidRecipient, 3: .unreachable, 4: .invalidRecipient])
        #expect(try await client.listDeadLetters(.with { $0.states = [.ambiguous] }).deliveries.isEmpty)

        // One of the two addresses has been put right: both are sent again, and one is refused again.
        try await World.tell(
            [try World.contact(1, name: "Số 1", email: "mot@example.vn")], service.context.database)
        let again = try await decide(.invalidRecipient, .resend)
        #expect(again.resolved == 2)
        #expect(!again.more)
        for try await _ in try await client.watchCampaign(.with { $0.name = campaign }).responses {}
        left = try await letters()
        #expect(left.mapValues(\.failureClass) == [3: .unreachable, 4: .invalidRecipient])
        #expect(try await peer.lines(4).last?["to"] as? String == "mot@example.vn")

        // Whom no channel reaches stays where they are.
        let unreachable = try await decide(.unreachable, .resend)
        #expect(unreachable.resolved == 0)
        #expect(unreachable.unreachable == 1)
        #expect(try await decide(.unspecified, .discard).resolved == 2)
        #expect(try await letters().isEmpty)
        let cancelled = try await client.listDeliveries(
            .with { ($0.parent, $0.states) = (campaign, [.cancelled]) }
        ).deliveries
        #expect(Set(cancelled.map(\.recipient)) == ["people/\(World.person(3))", "people/\(World.person(4))"])
        await connection.close()
        await service.stop()
    }
}
