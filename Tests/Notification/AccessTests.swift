import ChangeFeed
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

/// Each caller is kept to the verbs and the subtree granted.
@Suite(.onBothEngines, .timeLimit(.minutes(10))) struct NotificationAccessTests {
    typealias Client = ServedNotification.Client

    private let folder: ScratchFolder
    private let issuer = TokenIssuer()

    init() throws { folder = try ScratchFolder() }

    func start(today: String = "2024-11-04") async throws -> (RunningService, RPCClient, Client) {
        try issuer.write(folder.path("jwks.json"))
        let started = try await ServedNotification.start(folder, ["--jwks", folder.path("jwks.json")], today: today)
        try await World.tell(try World.events(), started.0.context.database)
        return started
    }

    func options(_ verbs: [String], _ unit: String) throws -> CallOptions {
        let claims = TokenIssuer.claims(grants: [(verbs, unit.isEmpty ? "" : "units/\(unit)")])
        return CallOptions(metadata: ["authorization": "Bearer \(try issuer.token(claims))"])
    }

    func campaign(_ unit: String) -> Cdt_Notification_V1_Campaign {
        .with {
            $0.displayName = "Nhắc"
            $0.audience.unit = "units/\(unit)"
            $0.audience.report.period = "2024-10"
            $0.audience.report.condition = .owes
            $0.template = "templates/report-reminder"
            $0.channels = [.email]
        }
    }

    func isDenied(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return false
        } catch let error as RPCError {
            return error.code == .permissionDenied
        } catch {
            return false
        }
    }

    @Test func aCommuneSendsInItsSubtreeAndNowhereElse() async throws {
        let (service, connection, client) = try await start()
        let commune = try options(["notification.send", "notification.read"], World.commune)
        let own = try await client.createCampaign(
            .with { ($0.requestID, $0.campaign) = (UUID().uuidString, campaign(World.hamlet)) }, options: commune)
        #expect(own.campaign.state == .draft)
        for unit in [World.secondCommune, World.province, World.nation] {
            #expect(
                await isDenied {
                    _ = try await client.createCampaign(
                        .with { ($0.requestID, $0.campaign) = (UUID().uuidString, campaign(unit)) }, options: commune)
                }, "\(unit)")
            #expect(
                await isDenied {
                    _ = try await client.planCampaign(.with { $0.campaign = campaign(unit) }, options: commune)
                })
        }
        // Another commune neither sees nor changes it; the province does.
        let other = try options(["notification.*"], World.secondCommune)
        let name = own.campaign.name
        #expect(await isDenied { _ = try await client.getCampaign(.with { $0.name = name }, options: other) })
        #expect(await isDenied { _ = try await client.cancelCampaign(.with { $0.name = name }, options: other) })
        #expect(await isDenied { _ = try await client.listDeliveries(.with { $0.parent = name }, options: other) })
        #expect(try await client.listCampaigns(.init(), options: other).campaigns.isEmpty)
        let province = try options(["notification.read"], World.province)
        #expect(try await client.listCampaigns(.init(), options: province).campaigns.map(\.name) == [name])
        #expect(await isDenied { _ = try await client.cancelCampaign(.with { $0.name = name }, options: province) })
        let nation = try options(["notification.write"], "")
        _ = try await client.cancelCampaign(
            .with { ($0.requestID, $0.name) = (UUID().uuidString, name) }, options: nation)
        #expect(await isDenied { _ = try await client.listCampaigns(.init(), options: nation) }, "write does not read")
        await connection.close()
        await service.stop()
    }

    /// R8: "the past of all territory now in it", and "a grant on an abolished unit stays as read access to its past".
    @Test func afterAReorganisationWhoHasTheTerritoryHasItsPast() async throws {
        let (service, connection, client) = try await start(today: "2025-08-01")
        let successor = World.numbered(77)
        var ended = try Cdt_Registry_V1_UnitFact(
            serializedBytes: try World.unit(World.commune, .commune, "Xã Cẩm Duệ", under: [World.province]).payload)
        ended.unit.successors = ["units/\(successor)"]
        var new = ended
        (new.unit.name, new.unit.validFrom, new.unit.validTo) = ("units/\(successor)", "2025-07-01", "")
        new.unit.successors = []
        new.placements = [.with { ($0.parent, $0.from) = ("units/\(World.province)", "2025-07-01") }]
        try await World.tell(
            [
                try World.event(ended, "units/\(World.commune)"), try World.event(new, "units/\(successor)"),
            ], service.context.database)
        let heir = try options(["notification.*"], successor)
        let name = try await client.createCampaign(
            .with { ($0.requestID, $0.campaign) = (UUID().uuidString, campaign(World.commune)) }, options: heir
        ).campaign.name
        let former = try options(["notification.*"], World.commune)
        #expect(try await client.listCampaigns(.init(), options: former).campaigns.map(\.name) == [name])
        #expect(await isDenied { _ = try await client.cancelCampaign(.with { $0.name = name }, options: former) })
        #expect(
            await isDenied {
                _ = try await client.createCampaign(
                    .with { ($0.requestID, $0.campaign) = (UUID().uuidString, campaign(successor)) }, options: former)
            }, "what is new is not its past")
        // The second commune ended without a successor on record: what it was is the province's.
        let province = try options(["notification.*"], World.province)
        _ = try await client.createCampaign(
            .with { ($0.requestID, $0.campaign) = (UUID().uuidString, campaign(World.secondCommune)) },
            options: province)
        #expect(
            await isDenied {
                _ = try await client.createCampaign(
                    .with { ($0.requestID, $0.campaign) = (UUID().uuidString, campaign(World.secondCommune)) },
                    options: heir)
            })
        await connection.close()
        await service.stop()
    }

    @Test func rulesFocalPointsAndGroupsBelongToTheirUnits() async throws {
        let (service, connection, client) = try await start()
        let province = try options(["notification.administer", "notification.read"], World.province)
        let rule = Cdt_Notification_V1_Rule.with {
            ($0.name, $0.kind, $0.unit) = ("rules/nhac-han", .reportDueSoon, "units/\(World.province)")
            ($0.enabled, $0.days, $0.sendAt) = (true, 3, "08:00")
            ($0.template, $0.channels) = ("templates/report-reminder", [.email])
        }
        let made = try await client.createRule(
            .with { ($0.requestID, $0.rule) = (UUID().uuidString, rule) }, options: province
        ).rule
        #expect(!made.etag.isEmpty)
        let point = try await client.createFocalPoint(
            .with {
                $0.requestID = UUID().uuidString
                ($0.focalPoint.unit, $0.focalPoint.person) = (
                    "units/\(World.commune)", "people/\(World.person(9))"
                )
            }, options: province
        ).focalPoint
        let group = try await client.createGroup(
            .with {
                $0.requestID = UUID().uuidString
                ($0.group.unit, $0.group.displayName) = ("units/\(World.commune)", "Nhóm xã Cẩm Duệ")
                ($0.group.zaloGroupID, $0.group.purpose) = ("g123", "commune")
            }, options: province
        ).group
        #expect(try await client.listRules(.init(), options: province).rules.map(\.name) == ["rules/nhac-han"])

        let other = try options(["notification.*"], World.otherProvince)
        #expect(try await client.listRules(.init(), options: other).rules.isEmpty)
        #expect(try await client.listGroups(.init(), options: other).groups.isEmpty)
        #expect(try await client.listFocalPoints(.init(), options: other).focalPoints.isEmpty)
        #expect(await isDenied { _ = try await client.deleteRule(.with { $0.name = made.name }, options: other) })
        #expect(await isDenied { _ = try await client.deleteGroup(.with { $0.name = group.name }, options: other) })
        #expect(
            await isDenied { _ = try await client.deleteFocalPoint(.with { $0.name = point.name }, options: other) })
        #expect(await isDenied { _ = try await client.createTemplate(.init(), options: province) })
        #expect(await isDenied { _ = try await client.listTickets(.init(), options: province) })
        // A message to the groups of the province, planned.
        let planned = try await client.planCampaign(
            .with {
                $0.campaign = campaign(World.province)
                $0.campaign.audience.clearReport()
                $0.campaign.audience.groups = .init()
                $0.campaign.template = "templates/nhom"
                $0.campaign.channels = [.zaloGroup]
            }, options: try await withGroupTemplate(client, province))
        #expect(planned.plan.recipients == 1)
        _ = try await client.deleteRule(
            .with { ($0.requestID, $0.name) = (UUID().uuidString, made.name) }, options: province)
        await connection.close()
        await service.stop()
    }

    private func withGroupTemplate(_ client: Client, _ options: CallOptions) async throws -> CallOptions {
        let nation = try self.options(["*"], "")
        _ = try await client.createTemplate(
            .with {
                $0.requestID = UUID().uuidString
                $0.template.name = "templates/nhom"
                $0.template.displayName = "Tin nhóm"
                $0.template.parameters = [
                    .with { ($0.name, $0.type) = ("recipient_name", .text) }
                ]
                $0.template.contents = [
                    .with {
                        $0.language = .vi
                        $0.zaloGroup.text = "Kính gửi {{recipient_name}}: mời họp."
                    }
                ]
            }, options: nation)
        return options
    }
}
