import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

struct NotifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify", abstract: "Messages: channels, templates, reminders, and what became of them.",
        subcommands: [
            NotifyChannelsCommand.self, NotifyTemplatesCommand.self, NotifyRemindCommand.self, NotifySendCommand.self,
            NotifyStatusCommand.self, NotifyDeliveriesCommand.self, NotifyPauseCommand.self,
            NotifyResumeCommand.self, NotifyCancelCommand.self, NotifyDeadCommand.self, NotifyResolveCommand.self,
            NotifyRulesCommand.self, NotifyRuleAddCommand.self, NotifyRuleDeleteCommand.self,
            NotifyFocalPointCommand.self, NotifyOptOutCommand.self, NotifyGroupAddCommand.self,
            NotifyTicketsCommand.self, NotifyAnswerCommand.self, NotifyAcknowledgeCommand.self,
            NotifyArticlesCommand.self, NotifyArticleAddCommand.self, NotifyPublishCommand.self,
        ])
}

struct NotifyChannelsCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "channels", abstract: "The channels, and what turns on those that are off.")

    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let answer = try await suite.notification.listChannels(.init(), options: suite.call)
        try output.show(answer) {
            var table = Table("CHANNEL", "ACCOUNT", "ON", "PROVIDER", ">TODAY", "QUIET", "WHY NOT")
            for channel in answer.channels {
                let today = channel.dailyQuota > 0 ? "\(grouped(channel.usedToday))/\(grouped(channel.dailyQuota))" : ""
                let quiet = channel.quietFrom.isEmpty ? "" : "\(channel.quietFrom)–\(channel.quietUntil)"
                table.add(
                    label(channel.kind), channel.account, channel.on ? "on" : "off", channel.provider, today, quiet,
                    [channel.offReason, channel.attention, channel.pauseReason, channel.holdReason]
                        .filter { !$0.isEmpty }.joined(separator: "; "))
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
            Example: cdt notify remind 42 --month 2024-10 --channel zalo-phone --channel sms
            """)

    @Argument(help: "units/{id}, vn, or a national code of the month's last day.")
    var unit: String
    @Option(help: "YYYY-MM.")
    var month: MonthArgument
    @Option(help: "templates/{id}.")
    var template = "templates/report-reminder"
    @Option(help: "Value of a parameter that the audience does not fill in, NAME=VALUE; may be repeated.")
    var parameter: [String] = []
    @Option(help: "A channel, in order of preference; may be repeated. Default: email.")
    var channel: [String] = []
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
        campaign.channels = try channelArguments(channel)
        campaign.parameters = try parameterArguments(parameter)
        // Asked again and again, and so of what is cheap: a plan goes through the whole audience.
        if wait {
            try await FactsWait().untilFresh {
                try await suite.notification.listChannels(.init(), options: suite.call).freshness
            }
        }
        try await launch(campaign, planOnly: plan, waiting: !noWait, suite, output)
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
