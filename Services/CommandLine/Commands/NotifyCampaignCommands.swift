import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

struct NotifyPauseCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pause a campaign: nothing more is begun until it is resumed.")

    @Argument(help: "campaigns/{id}.")
    var campaign: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        _ = try await suite.notification.pauseCampaign(
            .with { ($0.requestID, $0.name) = (UUID().uuidString, campaign) }, options: suite.call)
        try await showCampaign(campaign, suite, output)
    }
}

struct NotifyResumeCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Resume a paused campaign where it stopped.")

    @Argument(help: "campaigns/{id}.")
    var campaign: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        _ = try await suite.notification.resumeCampaign(
            .with { ($0.requestID, $0.name) = (UUID().uuidString, campaign) }, options: suite.call)
        try await showCampaign(campaign, suite, output)
    }
}

struct NotifyCancelCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Cancel a campaign: what is not being sent now is not sent any more.")

    @Argument(help: "campaigns/{id}.")
    var campaign: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        _ = try await suite.notification.cancelCampaign(
            .with { ($0.requestID, $0.name) = (UUID().uuidString, campaign) }, options: suite.call)
        try await showCampaign(campaign, suite, output)
    }
}

struct NotifyDeadCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters",
        abstract: "The messages that cannot go on by themselves: AMBIGUOUS, FAILED and DEAD.")

    @Argument(help: "campaigns/{id}; none: of all campaigns.")
    var campaign = ""
    @Option(help: "At most so many; 0: all.")
    var limit = 50
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Notification_V1_ListDeadLettersRequest()
        request.campaign = campaign
        var answer = Cdt_Notification_V1_ListDeadLettersResponse()
        answer.deliveries = try await allPages(limit: limit) { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.notification.listDeadLetters(request, options: suite.call)
            return (page.deliveries, page.nextPageToken)
        }
        try output.show(answer) {
            var table = Table("MESSAGE", "STATE", "WHY", "CHANNEL", "TO", ">TRIES", "DETAIL")
            for delivery in answer.deliveries {
                table.add(
                    delivery.name, label(delivery.state), label(delivery.failureClass), label(delivery.channel),
                    delivery.maskedAddress, "\(delivery.attemptCount)", delivery.detail)
            }
            return table
        }
    }
}

struct NotifyResolveCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Decide about all messages of a campaign that are in one state.",
        discussion: """
            Example: cdt notify resolve campaigns/… --state ambiguous --decision confirm-sent
            A message sent again may arrive twice.
            """)

    @Argument(help: "campaigns/{id}.")
    var campaign: String
    @Option(help: "ambiguous, failed or dead.")
    var state: String
    @Option(help: "resend, confirm-sent or discard.")
    var decision: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        guard let state = enumValue(Cdt_Notification_V1_DeliveryState.self, state) else {
            throw ValidationError("--state \(state): ambiguous, failed or dead.")
        }
        let decision = try enumArgument(Cdt_Notification_V1_DeliveryDecision.self, decision, "--decision")
        var total = Cdt_Notification_V1_ResolveDeadLettersResponse()
        repeat {
            let request = Cdt_Notification_V1_ResolveDeadLettersRequest.with {
                $0.requestID = UUID().uuidString
                $0.campaign = campaign
                $0.state = state
                $0.decision = decision
            }
            let answer = try await suite.notification.resolveDeadLetters(request, options: suite.call)
            total.resolved += answer.resolved
            total.unreachable = answer.unreachable
            total.more = answer.more && answer.resolved > 0
        } while total.more
        try output.show(total) {
            "\(grouped(total.resolved)) decided, \(grouped(total.unreachable)) without an address"
        }
    }
}
