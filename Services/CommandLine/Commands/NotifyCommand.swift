import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

struct NotifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify", abstract: "Messages: channels, templates, reminders, and what became of them.",
        subcommands: [
            NotifyChannelsCommand.self, NotifyTemplatesCommand.self, NotifyRemindCommand.self,
            NotifyStatusCommand.self, NotifyDeliveriesCommand.self,
        ])
}

struct NotifyChannelsCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "channels", abstract: "The channels, and what turns on those that are off.")

    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let answer = try await suite.notification.listChannels(.init(), options: suite.call)
        try output.show(answer) {
            var table = Table("CHANNEL", "ON", "PROVIDER", "WHY NOT")
            for channel in answer.channels {
                table.add(
                    label(channel.kind), channel.on ? "on" : "off", channel.provider,
                    [channel.offReason, channel.pauseReason].filter { !$0.isEmpty }.joined(separator: "; "))
            }
            return table
        }
    }
}

struct NotifyTemplatesCommand: ServiceCommand {
    static let configuration = CommandConfiguration(commandName: "templates", abstract: "The message templates.")

    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Notification_V1_ListTemplatesRequest()
        var answer = Cdt_Notification_V1_ListTemplatesResponse()
        answer.templates = try await allPages { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.notification.listTemplates(request, options: suite.call)
            return (page.templates, page.nextPageToken)
        }
        try output.show(answer) {
            var table = Table("TEMPLATE", ">VERSION", "NAME", "LANGUAGES", "PARAMETERS")
            for template in answer.templates {
                table.add(
                    template.name, "\(template.version)", template.displayName,
                    template.contents.map { label($0.language) }.joined(separator: ", "),
                    template.parameters.map(\.name).joined(separator: ", "))
            }
            return table
        }
    }
}

struct NotifyRemindCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "remind", abstract: "Remind those who owe a report.",
        discussion: """
            The plan is shown first: how many people, over which channel, how long. --plan stops there.
            Example: cdt notify remind 42 --month 2024-10
            """)

    @Argument(help: "units/{id}, vn, or a national code of the month's last day.")
    var unit: String
    @Option(help: "YYYY-MM.")
    var month: MonthArgument
    @Option(help: "templates/{id}.")
    var template = "templates/report-reminder"
    @Option(help: "Value of a parameter that the audience does not fill in, NAME=VALUE; may be repeated.")
    var parameter: [String] = []
    @Flag(help: "Only those whose days of grace are over.")
    var overdue = false
    @Flag(help: "In English instead of Vietnamese.")
    var english = false
    @Flag(help: "First wait until all that the other services know now has arrived.")
    var wait = false
    @Flag(help: "Show the plan and send nothing.")
    var plan = false
    @Flag(help: "Do not wait until the messages are out.")
    var noWait = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let month = month.month
        var campaign = Cdt_Notification_V1_Campaign()
        campaign.displayName = "\(overdue ? "Overdue" : "Owed") reports \(month)"
        campaign.audience.unit = try await suite.unitName(unit, on: month.day(month.lastDay))
        // Notification takes no empty unit: nobody writes to the whole country by leaving something out.
        if campaign.audience.unit.isEmpty { campaign.audience.unit = try await suite.nationName() }
        campaign.audience.report.period = "\(month)"
        campaign.audience.report.condition = overdue ? .overdue : .owes
        campaign.template = template
        campaign.language = english ? .en : .vi
        campaign.channels = [.email]
        for pair in parameter {
            guard let equals = pair.firstIndex(of: "=") else {
                throw ValidationError("--parameter \(pair): write it as name=value.")
            }
            campaign.parameters[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        var planning = Cdt_Notification_V1_PlanCampaignRequest()
        planning.campaign = campaign
        var planned = Cdt_Notification_V1_PlanCampaignResponse()
        let facts = wait ? FactsWait() : nil
        func ask() async throws -> [Cdt_Common_V1_Freshness] {
            planned = try await suite.notification.planCampaign(planning, options: suite.call)
            return planned.freshness
        }
        if let facts { try await facts.untilFresh(ask) } else { _ = try await ask() }
        if plan {
            try output.show(planned) { planText(planned.plan) }
            return
        }
        output.note(planText(planned.plan))

        var create = Cdt_Notification_V1_CreateCampaignRequest()
        create.requestID = UUID().uuidString
        create.campaign = campaign
        campaign = try await suite.notification.createCampaign(create, options: suite.call).campaign
        var launch = Cdt_Notification_V1_LaunchCampaignRequest()
        launch.requestID = UUID().uuidString
        launch.name = campaign.name
        launch.etag = campaign.etag
        _ = try await suite.notification.launchCampaign(launch, options: suite.call)
        output.note("launched \(campaign.name)")
        if !noWait { try await watch(campaign.name, suite) }
        try await showCampaign(campaign.name, suite, output)
    }

    private func watch(_ name: String, _ suite: Connections) async throws {
        var request = Cdt_Notification_V1_WatchCampaignRequest()
        request.name = name
        let progress = ProgressLine(label: "send", unit: "messages")
        for try await answer in try await suite.notification.watchCampaign(request, options: suite.stream).responses {
            let state = answer.progress
            progress.update(Int(state.counts.filter { isFinal($0.state) }.reduce(0) { $0 + $1.count }))
            if state.state == .completed || state.state == .cancelled { break }
        }
        progress.finish()
    }

    private func isFinal(_ state: Cdt_Notification_V1_DeliveryState) -> Bool {
        [.sent, .ambiguous, .failed, .cancelled, .dead].contains(state)
    }

    private func planText(_ plan: Cdt_Notification_V1_CampaignPlan) -> String {
        var table = Table("CHANNEL", "ON", ">REACHABLE", ">MESSAGES", ">SECONDS")
        for channel in plan.channels {
            table.add(
                label(channel.channel), channel.on ? "on" : "off", grouped(channel.reachable),
                grouped(channel.messages), grouped(channel.durationSeconds))
        }
        return """
            plan: \(grouped(plan.reports)) reports owed by \(grouped(plan.teams)) teams, \
            \(grouped(plan.recipients)) people to tell, \(grouped(plan.unreachable)) without an address
            \(table.text)
            """
    }
}

struct NotifyStatusCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Where a campaign stands; without a name: the newest campaigns.")

    @Argument(help: "campaigns/{id}.")
    var campaign = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        guard campaign.isEmpty else { return try await showCampaign(campaign, suite, output) }
        var request = Cdt_Notification_V1_ListCampaignsRequest()
        request.pageSize = 20
        let answer = try await suite.notification.listCampaigns(request, options: suite.call)
        try output.show(answer) {
            var table = Table("CAMPAIGN", "NAME", "STATE", "CREATED")
            for campaign in answer.campaigns {
                table.add(
                    campaign.name, campaign.displayName, label(campaign.state),
                    campaign.createTime.date.formatted(.iso8601))
            }
            return table
        }
    }
}

struct NotifyDeliveriesCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliveries", abstract: "The messages of a campaign, one per recipient.")

    @Argument(help: "campaigns/{id}.")
    var campaign: String
    @Option(help: "At most so many; 0: all.")
    var limit = 50
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Notification_V1_ListDeliveriesRequest()
        request.parent = campaign
        var answer = Cdt_Notification_V1_ListDeliveriesResponse()
        answer.deliveries = try await allPages(limit: limit) { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.notification.listDeliveries(request, options: suite.call)
            return (page.deliveries, page.nextPageToken)
        }
        try output.show(answer) {
            var table = Table("STATE", "CHANNEL", "TO", "ABOUT", ">TRIES", "DETAIL")
            for delivery in answer.deliveries {
                table.add(
                    label(delivery.state), label(delivery.channel), delivery.maskedAddress,
                    delivery.subjects.map(\.teamDisplayName).joined(separator: "; "), "\(delivery.attemptCount)",
                    delivery.detail)
            }
            return table
        }
    }
}

private func showCampaign(_ name: String, _ suite: Connections, _ output: Output) async throws {
    var request = Cdt_Notification_V1_GetCampaignRequest()
    request.name = name
    let answer = try await suite.notification.getCampaign(request, options: suite.call)
    try output.show(answer) {
        var table = Table("MESSAGES", ">COUNT", "WHY")
        for count in answer.progress.counts {
            table.add(label(count.state), grouped(count.count), label(count.failureClass))
        }
        return
            "\(name) \(label(answer.progress.state)): \(grouped(answer.progress.recipients)) recipients\n\(table.text)"
    }
}
