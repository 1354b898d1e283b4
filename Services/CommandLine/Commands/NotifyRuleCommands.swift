import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

/// A word of an enumeration, or an error that names all of them.
func enumArgument<Value: SwiftProtobuf.Enum & CaseIterable>(_ type: Value.Type, _ word: String, _ name: String) throws
    -> Value
{
    guard let value = enumValue(type, word) else {
        throw ValidationError("\(name) \(word): one of \(enumWords(type)).")
    }
    return value
}

struct NotifyRulesCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "The rules that turn what other services tell into messages.")

    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Notification_V1_ListRulesRequest()
        var answer = Cdt_Notification_V1_ListRulesResponse()
        answer.rules = try await allPages { token, size in
            (request.pageToken, request.pageSize) = (token, size)
            let page = try await suite.notification.listRules(request, options: suite.call)
            return (page.rules, page.nextPageToken)
        }
        try output.show(answer) {
            var table = Table("RULE", "ON", "KIND", ">DAYS", "AT", "UNIT", "TEMPLATE", "CHANNELS", "LAST")
            for rule in answer.rules {
                table.add(
                    rule.name, rule.enabled ? "on" : "off", label(rule.kind), "\(rule.days)", rule.sendAt, rule.unit,
                    rule.template, rule.channels.map { label($0) }.joined(separator: ", "),
                    rule.hasLastRunTime ? rule.lastRunTime.date.formatted(.iso8601) : "")
            }
            return table
        }
    }
}

struct NotifyRuleAddCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "rule-add", abstract: "Make a rule.",
        discussion: """
            Example: cdt notify rule-add qua-han 42 --kind report-overdue --days 1 --at 08:00 --channel zalo-phone
            Templates that come with the service: report-reminder, report-returned, report-approved, report-escalation,
            team-without-leader, payment-approved, payment-paid, payment-returned, training-invitation,
            training-cancelled.
            """)

    @Argument(help: "Its id: lower-case letters, digits and hyphens.")
    var id: String
    @Argument(help: "units/{id}, vn, or a national code of today.")
    var unit: String
    @Option(help: "For example report-due-soon, report-overdue-commune, payment-paid, training-invitation.")
    var kind: String
    @Option(help: "Days, for the kinds that count them.")
    var days: Int32 = 3
    @Option(help: "HH:MM, local time.")
    var at = "08:00"
    @Option(help: "templates/{id}.")
    var template = "templates/report-reminder"
    @Option(help: "A channel, in order of preference; may be repeated. Default: email.")
    var channel: [String] = []
    @Option(help: "Topic that people may opt out of.")
    var topic = ""
    @Flag(help: "The law demands it: opt-outs do not hold.")
    var statutory = false
    @Flag(help: "In English instead of Vietnamese.")
    var english = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Notification_V1_CreateRuleRequest()
        request.requestID = UUID().uuidString
        request.rule.name = "rules/\(id)"
        request.rule.kind = try enumArgument(Cdt_Notification_V1_RuleKind.self, kind, "--kind")
        request.rule.unit = try await suite.unitName(unit, on: "")
        if request.rule.unit.isEmpty { request.rule.unit = try await suite.nationName() }
        (request.rule.enabled, request.rule.days, request.rule.sendAt) = (true, days, at)
        (request.rule.template, request.rule.language) = (template, english ? .en : .vi)
        request.rule.channels = try channelArguments(channel)
        (request.rule.topic, request.rule.statutory) = (topic, statutory)
        let answer = try await suite.notification.createRule(request, options: suite.call)
        try output.show(answer) { "\(answer.rule.name) is at work" }
    }
}

struct NotifyRuleDeleteCommand: ServiceCommand {
    static let configuration = CommandConfiguration(commandName: "rule-delete", abstract: "Remove a rule.")

    @Argument(help: "rules/{id}.")
    var rule: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let request = Cdt_Notification_V1_DeleteRuleRequest.with {
            ($0.requestID, $0.name) = (UUID().uuidString, rule)
        }
        let answer = try await suite.notification.deleteRule(request, options: suite.call)
        try output.show(answer) { "\(rule) is gone" }
    }
}

struct NotifyFocalPointCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "focal-point-add", abstract: "Name a person whom a commune or province wants told.")

    @Argument(help: "units/{id}, or a national code of today.")
    var unit: String
    @Argument(help: "people/{id}.")
    var person: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Notification_V1_CreateFocalPointRequest()
        request.requestID = UUID().uuidString
        request.focalPoint.unit = try await suite.unitName(unit, on: "")
        request.focalPoint.person = person
        let answer = try await suite.notification.createFocalPoint(request, options: suite.call)
        try output.show(answer) { answer.focalPoint.name }
    }
}

struct NotifyOptOutCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "opt-out", abstract: "Record that a person does not want to be told about a topic.")

    @Argument(help: "people/{id}.")
    var person: String
    @Argument(help: "Topic.")
    var topic: String
    @Flag(help: "They want to be told again.")
    var undo = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let request = Cdt_Notification_V1_SetOptOutRequest.with {
            $0.requestID = UUID().uuidString
            ($0.person, $0.topic, $0.optedOut) = (person, topic, !undo)
        }
        let answer = try await suite.notification.setOptOut(request, options: suite.call)
        try output.show(answer) { undo ? "told again" : "opted out" }
    }
}

struct NotifyGroupAddCommand: ServiceCommand {
    static let configuration = CommandConfiguration(commandName: "group-add", abstract: "Record a Zalo group.")

    @Argument(help: "units/{id}, vn, or a national code of today.")
    var unit: String
    @Argument(help: "The group's id at Zalo.")
    var zaloID: String
    @Option(help: "Name for people.")
    var name: String
    @Option(help: "What it is for, for example commune or focal-points.")
    var purpose = "commune"
    @Option(help: "The account that manages it, as --zalo-accounts names it.")
    var account = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Notification_V1_CreateGroupRequest()
        request.requestID = UUID().uuidString
        request.group.unit = try await suite.unitName(unit, on: "")
        if request.group.unit.isEmpty { request.group.unit = try await suite.nationName() }
        (request.group.zaloGroupID, request.group.displayName) = (zaloID, name)
        (request.group.purpose, request.group.account) = (purpose, account)
        let answer = try await suite.notification.createGroup(request, options: suite.call)
        try output.show(answer) { answer.group.name }
    }
}

struct NotifyTicketsCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "tickets", abstract: "What people wrote back and nobody has answered yet.")

    @Flag(help: "Also those that were answered.")
    var all = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Notification_V1_ListTicketsRequest()
        request.state = all ? .unspecified : .open
        var answer = Cdt_Notification_V1_ListTicketsResponse()
        answer.tickets = try await allPages { token, size in
            (request.pageToken, request.pageSize) = (token, size)
            let page = try await suite.notification.listTickets(request, options: suite.call)
            return (page.tickets, page.nextPageToken)
        }
        try output.show(answer) {
            var table = Table("TICKET", "STATE", "CHANNEL", "PERSON", "TEAM", "TEXT")
            for ticket in answer.tickets {
                table.add(
                    ticket.name, label(ticket.state), label(ticket.channel), ticket.person, ticket.team, ticket.text)
            }
            return table
        }
    }
}

struct NotifyAnswerCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "answer", abstract: "Answer a ticket: the answer is recorded, and sent to who wrote it.")

    @Argument(help: "tickets/{id}.")
    var ticket: String
    @Argument(help: "The answer; with --article its text.")
    var answer = ""
    @Option(help: "articles/{id} that answers it.")
    var article = ""
    @Flag(help: "They have been told otherwise: send nothing.")
    var recordOnly = false
    @Option(help: "difficulties/{id} that it tells of.")
    var difficulty = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let request = Cdt_Notification_V1_AnswerTicketRequest.with {
            $0.requestID = UUID().uuidString
            ($0.name, $0.answer, $0.difficulty) = (ticket, answer, difficulty)
            ($0.article, $0.recordOnly) = (article, recordOnly)
        }
        let reply = try await suite.notification.answerTicket(request, options: suite.call)
        try output.show(reply) {
            let way = reply.ticket.answerDelivery
            return "\(reply.ticket.name) \(label(reply.ticket.state)); "
                + (way.isEmpty ? "recorded, and sent to nobody" : "sent with \(way)")
        }
    }
}
