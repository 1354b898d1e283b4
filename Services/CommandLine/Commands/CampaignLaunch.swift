import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

/// The channels that words name, in order; e-mail without any.
func channelArguments(_ words: [String]) throws -> [Cdt_Notification_V1_ChannelKind] {
    let kinds = try words.map { try enumArgument(Cdt_Notification_V1_ChannelKind.self, $0, "--channel") }
    return kinds.isEmpty ? [.email] : kinds
}

/// The values that `NAME=VALUE` gives.
func parameterArguments(_ pairs: [String]) throws -> [String: String] {
    try pairs.reduce(into: [:]) { values, pair in
        guard let equals = pair.firstIndex(of: "=") else {
            throw ValidationError("--parameter \(pair): write it as name=value.")
        }
        values[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
    }
}

/// Shows a campaign's plan, and unless that is all, launches it, waits until its messages are out, and tells what
/// became of them.
func launch(
    _ campaign: Cdt_Notification_V1_Campaign, planOnly: Bool, waiting: Bool, _ suite: Connections, _ output: Output
) async throws {
    let planned = try await suite.notification.planCampaign(.with { $0.campaign = campaign }, options: suite.call)
    guard !planOnly else { return try output.show(planned) { planText(planned.plan) } }
    output.note(planText(planned.plan))
    var create = Cdt_Notification_V1_CreateCampaignRequest()
    create.requestID = UUID().uuidString
    create.campaign = campaign
    let created = try await suite.notification.createCampaign(create, options: suite.call).campaign
    var launch = Cdt_Notification_V1_LaunchCampaignRequest()
    launch.requestID = UUID().uuidString
    launch.name = created.name
    launch.etag = created.etag
    _ = try await suite.notification.launchCampaign(launch, options: suite.call)
    output.note("launched \(created.name)")
    if waiting { try await watch(created.name, suite) }
    try await showCampaign(created.name, suite, output)
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
    [.sent, .delivered, .read, .ambiguous, .failed, .cancelled, .dead].contains(state)
}

private func planText(_ plan: Cdt_Notification_V1_CampaignPlan) -> String {
    var table = Table("CHANNEL", "ACCOUNT", "ON", ">REACHABLE", ">MESSAGES", ">SECONDS", ">DAYS", ">ĐỒNG")
    for channel in plan.channels {
        table.add(
            label(channel.channel), channel.account, channel.on ? "on" : "off", grouped(channel.reachable),
            grouped(channel.messages), grouped(channel.durationSeconds), grouped(channel.durationDays),
            grouped(channel.costDong))
    }
    let reports = plan.reports > 0 ? "\(grouped(plan.reports)) reports owed by " : ""
    let proposals = plan.proposals.map { "or: \($0.text)\n" }.joined()
    let outside = plan.channels.reduce(0) { $0 + $1.outsideWindow }
    let window =
        outside > 0 ? "\(grouped(outside)) have not written to Zalo within seven days: no text reaches them\n" : ""
    let average = plan.averageDays > 0 ? ", on average \(plan.averageDays)" : ""
    return """
        plan: \(reports)\(grouped(plan.teams)) teams, \(grouped(plan.recipients)) people to tell, \
        \(grouped(plan.unreachable)) without an address; \
        \(grouped(plan.durationDays)) days\(average), \(grouped(plan.costDong)) đồng
        \(window)\(proposals)\(table.text)
        """
}

func showCampaign(_ name: String, _ suite: Connections, _ output: Output) async throws {
    var request = Cdt_Notification_V1_GetCampaignRequest()
    request.name = name
    let answer = try await suite.notification.getCampaign(request, options: suite.call)
    try output.show(answer) {
        var table = Table("MESSAGES", ">COUNT", "WHY")
        for count in answer.progress.counts {
            table.add(label(count.state), grouped(count.count), label(count.failureClass))
        }
        let progress = answer.progress
        let held = progress.holds.map { hold in
            "\(label(hold.channel)) \(hold.account) is held until \(hold.until.date.formatted(.iso8601)): "
                + "\(label(hold.reason))\n"
        }.joined()
        return "\(name) \(label(progress.state)): \(grouped(progress.recipients)) recipients, "
            + "\(grouped(progress.costDong)) đồng\n\(held)\(table.text)\(acknowledged(answer.campaign, progress))"
    }
}

/// Who has acknowledged: in all, or level by level; empty where nobody was asked to.
private func acknowledged(
    _ campaign: Cdt_Notification_V1_Campaign, _ progress: Cdt_Notification_V1_CampaignProgress
) -> String {
    guard campaign.acknowledge else { return "" }
    guard !progress.relay.isEmpty else {
        return "\(grouped(progress.acknowledged)) of \(grouped(progress.recipients)) have acknowledged\n"
    }
    var table = Table("LEVEL", ">RECIPIENTS", ">WAITING", ">SENT", ">ACKNOWLEDGED")
    for level in progress.relay {
        table.add(
            label(level.level), grouped(level.recipients), grouped(level.waiting), grouped(level.sent),
            grouped(level.acknowledged))
    }
    return table.text
}
