import Foundation
import Logging
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

/// The whole service over the wire, with a real mail server behind it.
@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct ServiceTests {
    typealias Client = ServedNotification.Client

    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    func start(_ arguments: [String] = []) async throws -> (RunningService, RPCClient, Client) {
        try await ServedNotification.start(folder, arguments)
    }

    private func reminder(_ channels: [Cdt_Notification_V1_ChannelKind] = [.email]) -> Cdt_Notification_V1_Campaign {
        .with {
            $0.displayName = "Nhắc báo cáo tháng 10"
            $0.audience.unit = "units/\(World.province)"
            $0.audience.report.period = "2024-10"
            $0.audience.report.condition = .owes
            $0.template = "templates/report-reminder"
            $0.channels = channels
        }
    }

    /// The reason and the Vietnamese text of a refusal.
    func refusal(_ body: () async throws -> Void) async throws -> (reason: String, vi: String, fields: [String]) {
        do {
            try await body()
        } catch let error as RPCError {
            let status = try Google_Rpc_Status(serializedBytes: error.details ?? [])
            var found = (reason: "", vi: "", fields: [String]())
            for detail in status.details {
                if detail.isA(Google_Rpc_ErrorInfo.self) {
                    let info = try Google_Rpc_ErrorInfo(unpackingAny: detail)
                    found.reason = info.reason
                    #expect(info.domain == "notification.cdt.vn")
                } else if detail.isA(Google_Rpc_LocalizedMessage.self) {
                    found.vi = try Google_Rpc_LocalizedMessage(unpackingAny: detail).message
                } else if detail.isA(Google_Rpc_BadRequest.self) {
                    found.fields = try Google_Rpc_BadRequest(unpackingAny: detail).fieldViolations.map(\.field)
                }
            }
            return found
        }
        Issue.record("a refusal was expected")
        return ("", "", [])
    }

    @Test func remindersGoOutOverRealSMTPAndAreToldWhileTheyDo() async throws {
        let peer = try PythonPeer("smtp_peer.py", [#"{"tls": "none"}"#])
        let port = try await peer.port()
        let (service, connection, client) = try await start([
            "--smtp-url", "smtp://127.0.0.1:\(port)", "--smtp-from", "Nhắc việc <nhac@example.vn>", "--smtp-rate",
            "500",
        ])
        try await World.tell(try World.events(), service.context.database)

        let metrics = service.context.metrics.exposition()
        for topic in ["registry.facts", "registry.contacts", "activity.facts"] {
            let labels = "{consumer=\"\(topic)\",topic=\"\(topic)\"}"
            #expect(metrics.contains("\nfeed_consumer_connected\(labels) 0\n"), "\(topic)")
        }
        let channels = try await client.listChannels(.init()).channels
        #expect(channels.map(\.on) == [true, false, false, false, false, false, false])
        #expect(channels.dropFirst(2).allSatisfy { !$0.offReason.isEmpty && !$0.offReasonVi.isEmpty })
        #expect(channels[1].offReason.contains("--webhook-secret-file"))
        #expect(channels[1].offReasonVi.contains("--webhook-secret-file"))

        let planned = try await client.planCampaign(.with { $0.campaign = reminder() })
        #expect(planned.plan.recipients == 5)
        #expect(planned.plan.unreachable == 1)
        #expect(planned.plan.reports == 5)
        #expect(planned.plan.treeDate == "2024-10-31")
        #expect(planned.plan.channels.first?.messages == 4)
        #expect(planned.plan.samples.first?.text.contains("Kính gửi ông/bà …,") == true)
        #expect(planned.freshness.map(\.source) == ["registry", "activity-reporting", "funding-policy"])

        let requestID = UUID().uuidString
        let create = Cdt_Notification_V1_CreateCampaignRequest.with {
            $0.requestID = requestID
            $0.campaign = reminder()
        }
        let campaign = try await client.createCampaign(create).campaign
        #expect(try await client.createCampaign(create).campaign == campaign, "same id, same answer")
        #expect(campaign.state == .draft)
        #expect(campaign.templateVersion == 1)
        _ = try await client.launchCampaign(.with { ($0.name, $0.etag) = (campaign.name, campaign.etag) })

        var last = Cdt_Notification_V1_CampaignProgress()
        for try await answer in try await client.watchCampaign(.with { $0.name = campaign.name }).responses {
            last = answer.progress
        }
        #expect(last.state == .completed)
        #expect(last.recipients == 5)
        #expect(last.counts.map { "\($0.state) \($0.count)" } == ["sent 4", "failed 1"])

        let mails = try await peer.lines(5).dropFirst()
        #expect(mails.compactMap { $0["to"] as? String }.sorted() == [1, 2, 4, 6].map { "nguoi\($0)@example.vn" })

        // Two pages, then a delivery with its try.
        var request = Cdt_Notification_V1_ListDeliveriesRequest.with {
            $0.parent = campaign.name
            $0.pageSize = 3
        }
        let first = try await client.listDeliveries(request)
        request.pageToken = first.nextPageToken
        let second = try await client.listDeliveries(request)
        #expect(first.deliveries.count == 3)
        #expect(second.deliveries.count == 2)
        #expect(second.nextPageToken.isEmpty)
        let sent = try #require((first.deliveries + second.deliveries).first { $0.state == .sent })
        #expect(sent.maskedAddress == "n…@example.vn")
        #expect(sent.messageID.hasSuffix("@example.vn"))
        let read = try await client.getDelivery(.with { $0.name = sent.name })
        #expect(read.attempts.map(\.outcome) == [.accepted])
        #expect(read.attempts.first?.replyCode == 250)

        request.states = [.failed]
        #expect(try await refusal { _ = try await client.listDeliveries(request) }.reason == "INVALID_PAGE_TOKEN")
        #expect(
            try await refusal { _ = try await client.launchCampaign(.with { $0.name = campaign.name }) }.reason
                == "CAMPAIGN_NOT_DRAFT")
        #expect(
            try await refusal { _ = try await client.cancelCampaign(.with { $0.name = campaign.name }) }.reason
                == "CAMPAIGN_FINISHED")
        await connection.close()
        await service.stop()
    }

    @Test func aChannelThatIsOffSaysSo() async throws {
        let (service, connection, client) = try await start()
        try await World.tell(try World.events(), service.context.database)
        let campaign = try await client.createCampaign(.with { $0.campaign = reminder() }).campaign
        let refused = try await refusal { _ = try await client.launchCampaign(.with { $0.name = campaign.name }) }
        #expect(refused.reason == "CHANNEL_OFF")
        #expect(refused.vi.contains("--smtp-url"))
        let endpoint = try await refusal {
            _ = try await client.createWebhookEndpoint(.with { $0.endpoint.unit = "units/\(World.province)" })
        }
        #expect(endpoint.reason == "CHANNEL_OFF")
        await connection.close()
        await service.stop()
    }

    @Test func everythingWrongWithARequestIsNamed() async throws {
        let (service, connection, client) = try await start()
        try await World.tell(try World.events(), service.context.database)
        var wrong = try await refusal {
            _ = try await client.createCampaign(
                .with {
                    $0.campaign.audience.unit = "42"
                    $0.campaign.audience.report.period = "10/2024"
                    $0.campaign.template = "report-reminder"
                })
        }
        #expect(wrong.reason == "INVALID_CAMPAIGN")
        #expect(
            wrong.fields == [
                "campaign.display_name", "campaign.template", "campaign.channels", "campaign.audience.unit",
                "campaign.audience.report.period", "campaign.audience.report.condition",
            ])
        wrong = try await refusal {
            _ = try await client.createCampaign(
                .with {
                    $0.campaign = reminder()
                    $0.campaign.parameters = ["hạn": "x"]
                })
        }
        #expect(wrong.reason == "INVALID_PARAMETERS")
        #expect(wrong.fields == ["campaign.parameters[hạn]"])
        var unknown = reminder()
        unknown.audience.unit = "units/nowhere"
        wrong = try await refusal { _ = try await client.planCampaign(.with { $0.campaign = unknown }) }
        #expect(wrong.reason == "UNIT_NOT_FOUND")
        unknown.audience.unit = "units/\(World.commune)"
        unknown.audience.treeDate = "2025-07-01"
        wrong = try await refusal { _ = try await client.planCampaign(.with { $0.campaign = unknown }) }
        #expect(wrong.reason == "UNIT_NOT_IN_FORCE")
        #expect(wrong.vi.contains("2025-06-30"))
        await connection.close()
        await service.stop()
    }

    @Test func templatesHaveVersionsAndCampaignsKeepTheirs() async throws {
        let (service, connection, client) = try await start()
        try await World.tell(try World.events(), service.context.database)
        let draft = Cdt_Notification_V1_Template.with {
            $0.name = "templates/hop-to"
            $0.displayName = "Mời họp tổ"
            $0.parameters = [
                .with {
                    $0.name = "day"
                    $0.type = .date
                }
            ]
            $0.contents = [
                .with {
                    $0.language = .vi
                    $0.email.subject = "Mời họp ngày {{day}}"
                    $0.email.text = "Kính mời."
                }
            ]
        }
        let created = try await client.createTemplate(.with { $0.template = draft }).template
        #expect(created.version == 1)
        #expect(
            try await refusal { _ = try await client.createTemplate(.with { $0.template = draft }) }.reason
                == "TEMPLATE_EXISTS")
        var changed = created
        changed.contents[0].email.text = "Trân trọng kính mời."
        #expect(try await client.updateTemplate(.with { $0.template = changed }).template.version == 2)
        #expect(
            try await refusal { _ = try await client.updateTemplate(.with { $0.template = changed }) }.reason
                == "ETAG_MISMATCH")
        let old = try await client.getTemplate(.with { ($0.name, $0.version) = (created.name, 1) }).template
        #expect(old.contents[0].email.text == "Kính mời.")
        #expect(
            try await client.listTemplates(.init()).templates.map { "\($0.name) \($0.version)" } == [
                "templates/announcement 1", "templates/article 1", "templates/hop-to 2",
                "templates/payment-approved 1", "templates/payment-paid 1", "templates/payment-returned 1",
                "templates/report-approved 1", "templates/report-escalation 1", "templates/report-reminder 1",
                "templates/report-returned 1", "templates/team-without-leader 1", "templates/ticket-answer 1",
                "templates/training-cancelled 1", "templates/training-invitation 1",
            ])
        let rendered = try await client.renderTemplate(
            .with {
                $0.name = created.name
                $0.parameters = ["day": "2024-11-20"]
            }
        ).messages
        #expect(rendered.map(\.subject) == ["Mời họp ngày 20/11/2024"])
        let missing = try await refusal { _ = try await client.renderTemplate(.with { $0.name = created.name }) }
        #expect(missing.fields == ["parameters[day]"])

        var campaign = reminder()
        campaign.template = created.name
        campaign.templateVersion = 1
        campaign.parameters = ["day": "2024-11-20"]
        #expect(try await client.createCampaign(.with { $0.campaign = campaign }).campaign.templateVersion == 1)
        await connection.close()
        await service.stop()
    }

    @Test func aProvincesSystemGetsSignedWebhooks() async throws {
        let secret = folder.path("secret")
        try String(repeating: "s3cret-", count: 8).write(toFile: secret, atomically: true, encoding: .utf8)
        let (service, connection, client) = try await start([
            "--webhook-secret-file", secret, "--webhook-allow-private",
        ])
        try await World.tell(try World.events(), service.context.database)
        // The secret is known before the receiver starts, as the endpoint's id decides it; so: register, start, move.
        let request = Cdt_Notification_V1_CreateWebhookEndpointRequest.with {
            $0.requestID = UUID().uuidString
            $0.endpoint.unit = "units/\(World.province)"
            $0.endpoint.url = "http://127.0.0.1:9/ok"
        }
        let created = try await client.createWebhookEndpoint(request)
        #expect(created.signingSecret.hasPrefix("whsec_"))
        #expect(try await client.createWebhookEndpoint(request) == created)
        let peer = try PythonPeer("webhook_peer.py", [created.signingSecret])
        let port = try await peer.port()
        let id = ResourceName.lastID(created.endpoint.name)
        try await service.context.database.write { transaction in
            try transaction.execute(
                "UPDATE webhook_endpoint SET url = ? WHERE id = ?",
                [.text("http://127.0.0.1:\(port)/ok"), .text(id)])
        }
        let campaign = try await client.createCampaign(.with { $0.campaign = reminder([.webhook]) }).campaign
        _ = try await client.launchCampaign(.with { $0.name = campaign.name })
        let requests = try await peer.lines(6).dropFirst()
        #expect(requests.allSatisfy { $0["valid"] as? Bool == true })
        #expect(Set(requests.compactMap { $0["id"] as? String }).count == 5)
        await connection.close()
        await service.stop()
    }

    @Test func aPersonDecidesAboutWhatIsAmbiguous() async throws {
        let peer = try PythonPeer("smtp_peer.py", [#"{"tls": "none"}"#])
        let port = try await peer.port()
        let (service, connection, client) = try await start([
            "--smtp-url", "smtp://127.0.0.1:\(port)", "--smtp-from", "nhac@example.vn", "--smtp-rate", "500",
        ])
        try await World.tell(
            try World.events() + [try World.contact(4, name: "Lê Văn Tư", email: "drop.tu@example.vn")],
            service.context.database)
        let campaign = try await client.createCampaign(.with { $0.campaign = reminder() }).campaign
        _ = try await client.launchCampaign(.with { $0.name = campaign.name })
        for try await _ in try await client.watchCampaign(.with { $0.name = campaign.name }).responses {}
        let stuck = try await client.listDeliveries(
            .with {
                $0.parent = campaign.name
                $0.states = [.ambiguous]
            }
        ).deliveries
        #expect(stuck.map(\.recipient) == ["people/\(World.person(4))"])
        let name = try #require(stuck.first?.name)
        let confirmed = try await client.resolveDelivery(.with { ($0.name, $0.decision) = (name, .confirmSent) })
            .delivery
        #expect(confirmed.state == .sent)
        #expect(
            try await refusal {
                _ = try await client.resolveDelivery(.with { ($0.name, $0.decision) = (name, .resend) })
            }.reason == "DELIVERY_NOT_STUCK")
        // Person 3 has an address by now.
        try await World.tell(
            [try World.contact(3, name: "Phạm Thị Ba", email: "ba@example.vn")], service.context.database)
        let failed = try await client.listDeliveries(
            .with {
                $0.parent = campaign.name
                $0.states = [.failed]
            }
        ).deliveries
        let unreachable = try #require(failed.first?.name)
        _ = try await client.resolveDelivery(.with { ($0.name, $0.decision) = (unreachable, .resend) })
        for try await _ in try await client.watchCampaign(.with { $0.name = campaign.name }).responses {}
        let mails = try await peer.lines(6)
        #expect(mails.last?["to"] as? String == "ba@example.vn")
        await connection.close()
        await service.stop()
    }
}
