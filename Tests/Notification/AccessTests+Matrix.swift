import Foundation
import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf
import TestSupport
import Testing

@testable import Notification

/// "A grant on one province cannot read, list, stream, import or export another's; a test tries every RPC."
extension NotificationAccessTests {
    /// One of everything, in a commune of one province.
    struct Home: Sendable {
        let unit = "units/\(World.commune)"
        var campaign = ""
        var endpoint = ""
        var rule = ""
        var focalPoint = ""
        var group = ""
        var article = ""

        var delivery: String { "\(campaign)/deliveries/\(World.numbered(1))" }
        var person: String { "people/\(World.person(1))" }
    }

    typealias Row = AccessRow<Client, Home, NotificationVerb>
    private typealias Call = Cdt_Notification_V1_NotificationService.Method

    /// Calls name what they are about and no more: who is let in may be refused for what is missing. What removes
    /// something comes after what else is done with it.
    static let rows: [Row] = [
        Row(Call.listChannels, .read, at: .anywhere, { $0.listChannels }),
        Row(Call.createTemplate, .administer, at: .nation, { $0.createTemplate }),
        Row(Call.updateTemplate, .administer, at: .nation, { $0.updateTemplate }),
        Row(Call.getTemplate, .read, at: .anywhere, { $0.getTemplate }),
        Row(Call.listTemplates, .read, at: .anywhere, { $0.listTemplates }),
        Row(Call.renderTemplate, .read, at: .anywhere, { $0.renderTemplate }),
        Row(Call.createCampaign, .send, { $0.createCampaign }, { $0.campaign.audience.unit = $1.unit }),
        Row(Call.planCampaign, .read, { $0.planCampaign }, { $0.name = $1.campaign }),
        Row(Call.planCampaign, .read, { $0.planCampaign }, { $0.campaign.audience.unit = $1.unit }),
        Row(Call.launchCampaign, .send, { $0.launchCampaign }, { $0.name = $1.campaign }),
        Row(Call.pauseCampaign, .send, { $0.pauseCampaign }, { $0.name = $1.campaign }),
        Row(Call.resumeCampaign, .send, { $0.resumeCampaign }, { $0.name = $1.campaign }),
        Row(Call.getCampaign, .read, { $0.getCampaign }, { $0.name = $1.campaign }),
        Row(Call.listCampaigns, .read, at: .anywhere, { $0.listCampaigns }),
        Row(Call.watchCampaign, .read) { client, home, options in
            // It does not end before the campaign has.
            let call = try await client.watchCampaign(.with { $0.name = home.campaign }, options: options)
            defer { call.cancel() }
            for try await _ in call.responses { break }
        },
        Row(Call.listDeliveries, .read, { $0.listDeliveries }, { $0.parent = $1.campaign }),
        Row(Call.getDelivery, .read, { $0.getDelivery }, { $0.name = $1.delivery }),
        Row(Call.resolveDelivery, .decide, { $0.resolveDelivery }, { $0.name = $1.delivery }),
        Row(Call.acknowledgeDelivery, .send, { $0.acknowledgeDelivery }, { $0.name = $1.delivery }),
        Row(Call.listDeadLetters, .read, { $0.listDeadLetters }, { $0.campaign = $1.campaign }),
        Row(Call.listDeadLetters, .read, at: .nation, { $0.listDeadLetters }),
        Row(Call.resolveDeadLetters, .decide, { $0.resolveDeadLetters }, { $0.campaign = $1.campaign }),
        Row(Call.cancelCampaign, .send, { $0.cancelCampaign }, { $0.name = $1.campaign }),
        Row(Call.createWebhookEndpoint, .administer, { $0.createWebhookEndpoint }, { $0.endpoint.unit = $1.unit }),
        Row(Call.listWebhookEndpoints, .read, at: .anywhere, { $0.listWebhookEndpoints }),
        Row(Call.deleteWebhookEndpoint, .administer, { $0.deleteWebhookEndpoint }, { $0.name = $1.endpoint }),
        Row(Call.createRule, .administer, { $0.createRule }, { $0.rule.unit = $1.unit }),
        Row(Call.updateRule, .administer, { $0.updateRule }, { ($0.rule.name, $0.rule.unit) = ($1.rule, $1.unit) }),
        Row(Call.listRules, .read, at: .anywhere, { $0.listRules }),
        Row(Call.deleteRule, .administer, { $0.deleteRule }, { $0.name = $1.rule }),
        Row(Call.createFocalPoint, .administer, { $0.createFocalPoint }, { $0.focalPoint.unit = $1.unit }),
        Row(Call.listFocalPoints, .read, at: .anywhere, { $0.listFocalPoints }),
        Row(Call.deleteFocalPoint, .administer, { $0.deleteFocalPoint }, { $0.name = $1.focalPoint }),
        Row(Call.setOptOut, .send, { $0.setOptOut }, { $0.person = $1.person }),
        Row(Call.listOptOuts, .read, { $0.listOptOuts }, { $0.person = $1.person }),
        Row(Call.createGroup, .administer, { $0.createGroup }, { $0.group.unit = $1.unit }),
        Row(
            Call.updateGroup, .administer, { $0.updateGroup }, { ($0.group.name, $0.group.unit) = ($1.group, $1.unit) }),
        Row(Call.listGroups, .read, at: .anywhere, { $0.listGroups }),
        Row(Call.deleteGroup, .administer, { $0.deleteGroup }, { $0.name = $1.group }),
        Row(Call.listTickets, .read, at: .nation, { $0.listTickets }),
        Row(
            Call.answerTicket, .decide, at: .nation, { $0.answerTicket },
            { request, _ in request.name = "tickets/\(World.numbered(2))" }),
        Row(Call.createArticle, .administer, { $0.createArticle }, { $0.article.unit = $1.unit }),
        Row(
            Call.updateArticle, .administer, { $0.updateArticle },
            { ($0.article.name, $0.article.unit) = ($1.article, $1.unit) }),
        // What is published is for everybody to know.
        Row(Call.getArticle, .read, at: .anywhere, { $0.getArticle }, { $0.name = $1.article }),
        Row(Call.listArticles, .read, at: .anywhere, { $0.listArticles }),
        Row(
            Call.publishArticle, .send, { $0.publishArticle },
            { ($0.name, $0.audience.unit) = ($1.article, $1.unit) }),
    ]

    @Test func everyMethodHasARow() {
        let methods = Cdt_Notification_V1_NotificationService.methods.map(\.method)
        #expect(Set(Self.rows.map(\.method.method)).symmetricDifference(methods).sorted() == [])
    }

    @Test func eachCallNeedsItsVerbWhereItsSubjectIs() async throws {
        let (service, connection, client) = try await start()
        let home = try await furnish(client, service)
        let everything = NotificationVerb.allCases.map(\.name)
        for row in Self.rows {
            let name = "\(row.method.method) (\(row.verb), \(row.reach))"
            func outcome(_ verbs: [String], _ unit: String) async throws -> Row.Outcome {
                await row.outcome(client, home, try options(verbs, unit))
            }
            let nobody = await row.outcome(client, home, .init(timeout: .seconds(120)))
            #expect(nobody.error?.reason == "TOKEN_MISSING", "\(name): \(nobody)")
            for verb in NotificationVerb.allCases where verb != row.verb {
                let wrong = try await outcome([verb.name], "")
                #expect(!wrong.isLetIn && wrong.error?.reason == "PERMISSION_DENIED", "\(verb) for \(name): \(wrong)")
            }
            let other = try await outcome(everything, World.otherProvince)
            #expect(other.isLetIn == (row.reach == .anywhere), "elsewhere, \(name): \(other)")
            if row.reach != .anywhere { #expect(other.error?.reason == "PERMISSION_DENIED", "elsewhere, \(name)") }
            let own = try await outcome([row.verb.name], World.province)
            #expect(own.isLetIn == (row.reach != .nation), "at home, \(name): \(own)")
            for nation in ["", World.nation] {
                let right = try await outcome([row.verb.name], nation)
                #expect(right.isLetIn, "in the nation, \(name): \(right)")
            }
        }
        await connection.close()
        await service.stop()
    }

    @Test func listsLeaveOutWhatIsOfOthers() async throws {
        let (service, connection, client) = try await start()
        _ = try await furnish(client, service)
        for (unit, count) in [(World.province, 1), (World.otherProvince, 0)] {
            let reader = try options(["notification.read"], unit)
            let counts = [
                try await client.listCampaigns(.init(), options: reader).campaigns.count,
                try await client.listRules(.init(), options: reader).rules.count,
                try await client.listFocalPoints(.init(), options: reader).focalPoints.count,
                try await client.listGroups(.init(), options: reader).groups.count,
                try await client.listWebhookEndpoints(.init(), options: reader).endpoints.count,
            ]
            #expect(counts == Array(repeating: count, count: 5), "\(unit)")
        }
        await connection.close()
        await service.stop()
    }

    /// Who names a unit of their own beside it learns nothing of it either, not even that it is there.
    @Test func whatIsOfOthersIsNotChangedUnderAUnitOfOnesOwn() async throws {
        let (service, connection, client) = try await start()
        let home = try await furnish(client, service)
        let unit = "units/\(World.otherProvince)"
        let other = try options(["notification.*"], World.otherProvince)
        var rule = rule(home)
        (rule.unit, rule.etag) = (unit, "\"stale\"")
        var group = group(home)
        (group.name, group.unit) = (home.group, unit)
        var article = article(home)
        (article.name, article.unit) = (home.article, unit)
        let (changedRule, changedGroup, changedArticle) = (rule, group, article)
        #expect(await isDenied { _ = try await client.updateRule(.with { $0.rule = changedRule }, options: other) })
        #expect(await isDenied { _ = try await client.updateGroup(.with { $0.group = changedGroup }, options: other) })
        #expect(
            await isDenied { _ = try await client.updateArticle(.with { $0.article = changedArticle }, options: other) }
        )
        // Nor does who sees no tickets publish what was answered to one.
        #expect(
            await isDenied {
                _ = try await client.createArticle(
                    .with {
                        $0.article = changedArticle
                        $0.ticket = "tickets/\(World.numbered(2))"
                    }, options: other)
            })
        await connection.close()
        await service.stop()
    }

    /// Of a person who is in no team, the unit they are a focal point of decides, and before that the nation alone.
    @Test func whatAPersonWishesIsForThosePlacesThatHaveToDoWithThem() async throws {
        let (service, connection, client) = try await start()
        let province = try options(["notification.*"], World.province)
        let other = try options(["notification.*"], World.otherProvince)
        let nation = try options(["notification.read"], "")
        let person = "people/\(World.person(9))"
        let ask = Cdt_Notification_V1_ListOptOutsRequest.with { $0.person = person }
        #expect(await isDenied { _ = try await client.listOptOuts(ask, options: province) })
        _ = try await client.listOptOuts(ask, options: nation)
        _ = try await client.createFocalPoint(
            .with { ($0.focalPoint.unit, $0.focalPoint.person) = ("units/\(World.commune)", person) },
            options: province)
        _ = try await client.setOptOut(
            .with { ($0.person, $0.topic, $0.optedOut) = (person, "digest", true) }, options: province)
        #expect(try await client.listOptOuts(ask, options: province).optOuts.map(\.topic) == ["digest"])
        #expect(await isDenied { _ = try await client.listOptOuts(ask, options: other) })
        await connection.close()
        await service.stop()
    }

    // MARK: One of everything

    private func rule(_ home: Home) -> Cdt_Notification_V1_Rule {
        .with {
            ($0.name, $0.kind, $0.unit) = ("rules/nhac-han", .reportDueSoon, home.unit)
            ($0.days, $0.sendAt) = (3, "08:00")
            ($0.template, $0.channels) = ("templates/report-reminder", [.email])
        }
    }

    private func group(_ home: Home) -> Cdt_Notification_V1_Group {
        .with {
            ($0.unit, $0.displayName) = (home.unit, "Nhóm xã Cẩm Duệ")
            ($0.zaloGroupID, $0.purpose) = ("g123", "commune")
        }
    }

    private func article(_ home: Home) -> Cdt_Notification_V1_Article {
        .with {
            ($0.unit, $0.kind) = (home.unit, .guide)
            ($0.title, $0.text) = ("Cài VNeID", "Mở cửa hàng ứng dụng.")
        }
    }

    private func furnish(_ client: Client, _ service: RunningService) async throws -> Home {
        var home = Home()
        let nation = try options(["notification.*"], "")
        let (rule, group, article) = (rule(home), group(home), article(home))
        let (unit, person) = (home.unit, home.person)
        home.campaign = try await client.createCampaign(
            .with { $0.campaign = campaign(World.commune) }, options: nation
        ).campaign.name
        home.rule = try await client.createRule(.with { $0.rule = rule }, options: nation).rule.name
        home.group = try await client.createGroup(.with { $0.group = group }, options: nation).group.name
        home.article = try await client.createArticle(.with { $0.article = article }, options: nation).article.name
        home.focalPoint = try await client.createFocalPoint(
            .with { ($0.focalPoint.unit, $0.focalPoint.person) = (unit, person) }, options: nation
        ).focalPoint.name
        // The channel is off here, so that none can be registered.
        let endpoint = WebhookEndpoint(
            id: World.numbered(3), unit: World.commune, url: "https://example.vn/hook", displayName: "",
            createdAt: World.now)
        try await service.context.database.write { try EndpointStore.insert(endpoint, $0) }
        home.endpoint = "webhookEndpoints/\(endpoint.id)"
        return home
    }
}
