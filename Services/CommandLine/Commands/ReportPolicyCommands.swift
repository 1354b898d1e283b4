import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct ReportPoliciesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policies", abstract: "Who reports, for which days and by when, unit by unit.",
        subcommands: [List.self, Set.self], defaultSubcommand: List.self)

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "The reporting policies, by unit and date; where there is none, the default of the fields holds.")

        @Option(help: "Only those set for this unit: units/{id}, vn, or a national code.")
        var unit: String?
        @Option(help: "The day on which the code is read; default: today.")
        var date = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_ListReportingPoliciesRequest()
            if let unit { request.jurisdiction = try await suite.unitOrNationName(unit, on: date) }
            var answer = Cdt_Activity_V1_ListReportingPoliciesResponse()
            answer.policies = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.activity.listReportingPolicies(request, options: suite.call)
                return (page.policies, page.nextPageToken)
            }
            try output.show(answer) { ReportPoliciesCommand.table(answer.policies) }
        }
    }

    struct Set: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a unit's policy from a day on; an open one of the same unit ends the day before.",
            discussion: "Example: cdt report policies set 20 --from 2025-01-01 --hamlet-teams member --due-day 10")

        @Argument(help: "units/{id}, vn, or a national code of the first day.")
        var unit: String
        @Option(help: "First day, YYYY-MM-DD: the first day of a period.")
        var from: String
        @Option(help: "Who reports in a commune team, each member or the team; default: member.")
        var communeTeams: Cdt_Activity_V1_ReportingSubject?
        @Option(help: "Who reports in a hamlet team, each member or the team; default: team.")
        var hamletTeams: Cdt_Activity_V1_ReportingSubject?
        @Option(help: "Day of the month on which a period begins, 1 to 28.")
        var startDay: Int32 = 1
        @Option(help: "Day of the next month by which a report is on time.")
        var dueDay: Int32 = 5
        @Option(help: "Days of grace after it.")
        var graceDays: Int32 = 3
        @Option(help: "Least number of active days that make a report owed.")
        var minimumDays: Int32 = 1
        @Option(help: "Days after the due day after which the period is closed.")
        var closingDays: Int32 = 30
        @OptionGroup var document: DocumentOptions
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_SetReportingPolicyRequest()
            request.policy.jurisdiction = try await suite.unitOrNationName(unit, on: from)
            request.policy.validFrom = from
            request.policy.communeTeamSubject = communeTeams ?? .member
            request.policy.hamletTeamSubject = hamletTeams ?? .team
            request.policy.startDay = startDay
            request.policy.dueDay = dueDay
            request.policy.graceDays = graceDays
            request.policy.minimumDays = minimumDays
            request.policy.closingDays = closingDays
            if let document = document.value { request.policy.document = document }
            request.requestID = UUID().uuidString
            let answer = try await suite.activity.setReportingPolicy(request, options: suite.call)
            try output.show(answer) { ReportPoliciesCommand.table([answer.policy]) }
        }
    }

    private static func table(_ policies: [Cdt_Activity_V1_ReportingPolicy]) -> Table {
        var table = Table(
            "UNIT", "VALID", "COMMUNE TEAMS", "HAMLET TEAMS", ">START DAY", ">DUE DAY", ">GRACE", ">MIN DAYS",
            ">CLOSING",
            "DOCUMENT", "POLICY")
        for policy in policies {
            table.add(
                policy.jurisdiction, shownInterval(policy.validFrom, policy.validTo), label(policy.communeTeamSubject),
                label(policy.hamletTeamSubject), "\(policy.startDay)", "\(policy.dueDay)", "\(policy.graceDays)",
                "\(policy.minimumDays)", "\(policy.closingDays)", policy.document.number, policy.name)
        }
        return table
    }
}
