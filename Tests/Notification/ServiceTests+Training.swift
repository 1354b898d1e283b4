import Foundation
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

/// Audiences by a session, over the wire.
extension ServiceTests {
    private static let session = "trainingSessions/\(World.training(1))"

    private func invitation(to unit: String = World.province) -> Cdt_Notification_V1_Campaign {
        .with {
            $0.displayName = "Mời học"
            $0.audience.unit = "units/\(unit)"
            $0.audience.training = .with { ($0.session, $0.condition) = (Self.session, .planned) }
            $0.template = "templates/training-invitation"
            $0.channels = [.email]
        }
    }

    @Test func whoIsInvitedByHandIsToldAndAwaitsTheCancellation() async throws {
        let peer = try PythonPeer("smtp_peer.py", [#"{"tls": "none"}"#])
        let port = try await peer.port()
        let (service, connection, client) = try await start([
            "--smtp-url", "smtp://127.0.0.1:\(port)", "--smtp-from", "moi-hoc@example.vn", "--smtp-rate", "500",
        ])
        let database = service.context.database
        try await World.tell(try World.events(), database)
        let leaders: Cdt_Activity_V1_SessionInvitation = .with { $0.roles = [.leader] }
        try await World.tell([try World.training(1, .planned, inviting: leaders)], database)
        func isTold() throws -> Bool? { try database.read { try TrainingCopy.get(World.training(1), $0)?.isTold } }

        let plan = try await client.planCampaign(.with { $0.campaign = invitation() }).plan
        #expect(plan.teams == 3 && plan.recipients == 2)
        #expect(plan.samples.first?.subject == "Mời dự lớp bồi dưỡng, 08:00 ngày 20/11/2024")
        let campaign = try await client.createCampaign(.with { $0.campaign = invitation() }).campaign
        #expect(campaign.audience == invitation().audience.with { $0.recipients = .members })
        #expect(try isTold() == false, "a draft tells nobody")
        _ = try await client.launchCampaign(.with { $0.name = campaign.name })
        #expect(try isTold() == true)
        for try await _ in try await client.watchCampaign(.with { $0.name = campaign.name }).responses {}
        let mails = try await peer.lines(3).dropFirst()
        #expect(mails.compactMap { $0["to"] as? String }.sorted() == ["nguoi1@example.vn", "nguoi4@example.vn"])
        let deliveries = try await client.listDeliveries(.with { $0.parent = campaign.name }).deliveries
        #expect(deliveries.flatMap(\.subjects).map(\.session) == [Self.session, Self.session])
        #expect(deliveries.flatMap(\.subjects).allSatisfy { $0.obligation.isEmpty && $0.payment.isEmpty })

        // Of what is not known here nobody is told.
        var unknown = invitation()
        unknown.audience.training.session = "trainingSessions/\(World.training(2))"
        #expect(try await client.planCampaign(.with { $0.campaign = unknown }).plan.recipients == 0)
        await connection.close()
        await service.stop()
    }

    @Test func aSessionStandsAloneInAnAudience() async throws {
        let (service, connection, client) = try await start()
        try await World.tell(try World.events(), service.context.database)
        let others: [(inout Cdt_Notification_V1_Audience) -> Void] = [
            { $0.teamLevels = [.hamlet] }, { $0.roles = [.leader] }, { $0.occupations = [.teacher] },
            { $0.report = .with { ($0.period, $0.condition) = ("2024-10", .owes) } },
            { $0.payment.condition = .paid }, { $0.withoutLeader = true }, { $0.groups = .init() },
            { $0.recipients = .communeFocalPoints },
            { $0.relay = .with { ($0.levels, $0.waitHours) = ([.leaders, .members], 24) } },
        ]
        for (index, other) in others.enumerated() {
            var campaign = invitation()
            other(&campaign.audience)
            let wrong = try await refusal { _ = try await client.createCampaign(.with { $0.campaign = campaign }) }
            #expect(wrong.reason == "INVALID_CAMPAIGN" && wrong.fields == ["campaign.audience.training"], "\(index)")
        }
        var dated = invitation()
        (dated.audience.treeDate, dated.audience.recipients) = ("2024-10-31", .members)
        _ = try await client.createCampaign(.with { $0.campaign = dated })
        for (session, condition) in [("sessions/1", 1), ("", 1), ("trainingSessions/1", 2)] {
            var campaign = invitation()
            campaign.audience.training.session = session
            campaign.audience.training.condition = .init(rawValue: condition) ?? .unspecified
            let wrong = try await refusal { _ = try await client.createCampaign(.with { $0.campaign = campaign }) }
            #expect(wrong.fields == ["campaign.audience.training.session"], "\(session)")
        }
        var campaign = invitation()
        campaign.audience.training.condition = .unspecified
        let wrong = try await refusal { _ = try await client.createCampaign(.with { $0.campaign = campaign }) }
        #expect(wrong.fields == ["campaign.audience.training.condition"])
        await connection.close()
        await service.stop()
    }

    @Test func rulesOfBothKindsAreMadeWithTheTemplatesForThem() async throws {
        let (service, connection, client) = try await start()
        try await World.tell(try World.events(), service.context.database)
        let kinds: [(kind: Cdt_Notification_V1_RuleKind, template: String)] = [
            (.trainingInvitation, "training-invitation"), (.trainingCancelled, "training-cancelled"),
        ]
        for (kind, template) in kinds {
            let rule = Cdt_Notification_V1_Rule.with {
                ($0.name, $0.kind, $0.unit) = ("rules/\(template)", kind, "units/\(World.province)")
                ($0.enabled, $0.sendAt, $0.template) = (true, "08:00", "templates/\(template)")
                $0.channels = [.email, .sms, .zaloText, .webhook]
            }
            #expect(try await client.createRule(.with { $0.rule = rule }).rule.kind == kind)
            var other = rule
            (other.name, other.template) = ("rules/other", "templates/payment-paid")
            let wrong = try await refusal { _ = try await client.createRule(.with { $0.rule = other }) }
            #expect(wrong.reason == "INVALID_PARAMETERS")
        }
        let template = try await client.getTemplate(.with { $0.name = "templates/training-cancelled" }).template
        #expect(template.parameters.map(\.fromAudience) == Array(repeating: true, count: 5))
        await connection.close()
        await service.stop()
    }
}

extension Cdt_Notification_V1_Audience {
    fileprivate func with(_ change: (inout Self) -> Void) -> Self {
        var copy = self
        change(&copy)
        return copy
    }
}
