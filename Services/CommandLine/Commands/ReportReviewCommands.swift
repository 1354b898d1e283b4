import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct ReportKeptCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kept", abstract: "Reports that were refused and kept for review, and what is decided about them.",
        subcommands: [List.self, Admit.self, Dismiss.self], defaultSubcommand: List.self)

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reports kept for review, newest first.", discussion: "Example: cdt report kept --state waiting")

        @Option(help: "YYYY-MM; default: all months.")
        var month: MonthArgument?
        @Option(help: "waiting, admitted or dismissed; default: all.")
        var state: Cdt_Activity_V1_ReviewState?
        @Option(help: "At most so many; 0: all.")
        var limit = 50
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_ListRejectedReportsRequest()
            request.period = month.map { "\($0)" } ?? ""
            request.state = state ?? .unspecified
            var answer = Cdt_Activity_V1_ListRejectedReportsResponse()
            answer.rejectedReports = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.activity.listRejectedReports(request, options: suite.call)
                return (page.rejectedReports, page.nextPageToken)
            }
            try output.show(answer) { ReportKeptCommand.table(answer.rejectedReports) }
        }
    }

    struct Admit: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a kept report in, once the Registry's facts say that the subject was active.",
            discussion: "Example: cdt report kept admit rejectedReports/0190… 'đã bổ sung thành viên'")

        @Argument(help: "rejectedReports/{id}.")
        var name: String
        @Argument(help: "Why.")
        var reason: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_AdmitRejectedReportRequest()
            request.name = name
            request.reason = reason
            request.requestID = UUID().uuidString
            let answer = try await suite.activity.admitRejectedReport(request, options: suite.call)
            try output.show(answer) { ReportKeptCommand.table([answer.rejectedReport]) }
        }
    }

    struct Dismiss: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Lay a kept report aside; it counts nowhere.")

        @Argument(help: "rejectedReports/{id}.")
        var name: String
        @Argument(help: "Why.")
        var reason: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_DismissRejectedReportRequest()
            request.name = name
            request.reason = reason
            request.requestID = UUID().uuidString
            let answer = try await suite.activity.dismissRejectedReport(request, options: suite.call)
            try output.show(answer) { ReportKeptCommand.table([answer.rejectedReport]) }
        }
    }

    private static func table(_ reports: [Cdt_Activity_V1_RejectedReport]) -> Table {
        var table = Table("STATE", "MONTH", "TEAM", "PERSON", "WHY KEPT", "DECIDED", "REPORT")
        for kept in reports {
            let decided = [kept.decidedBy, kept.decisionReason].filter { !$0.isEmpty }
            table.add(
                label(kept.state), kept.report.period, kept.report.team, kept.report.person, kept.reason,
                decided.joined(separator: ": "), kept.name)
        }
        return table
    }
}

struct ReportWhoCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "who", abstract: "Which occupations and organisations do the work under a unit.",
        discussion: "Example: cdt report who 20 --month 2024-10")

    @Argument(help: "units/{id}, vn, or a national code.")
    var unit = "vn"
    @Option(help: "YYYY-MM.")
    var month: MonthArgument
    @Option(help: "The day whose units count, and on which a code is read; default: the month's last day.")
    var treeDate = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let month = month.month
        var request = Cdt_Activity_V1_GetParticipationRequest()
        request.period = "\(month)"
        request.unit = try await suite.unitName(unit, on: treeDate.isEmpty ? month.day(month.lastDay) : treeDate)
        request.treeDate = treeDate
        let answer = try await suite.achievements.getParticipation(request, options: suite.call)
        try output.show(answer) {
            var table = Table("GROUP", ">HELPED", ">%", ">REPORTS", "")
            func add(_ name: String, _ share: Cdt_Activity_V1_GroupShare) {
                table.add(
                    name, grouped(share.activities.numerator), share.activities.percent, grouped(share.reports),
                    share.narrow ? "NARROW" : "")
            }
            for share in answer.occupations {
                add(share.occupation == .unspecified ? "(not known)" : label(share.occupation), share)
            }
            for share in answer.organisations { add(share.organisation, share) }
            return "\(table.text)\n\(grouped(answer.activities)) times helped"
                + (answer.narrowParticipation ? ": NARROW_PARTICIPATION" : "")
        }
    }
}

struct ReportTargetsCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "targets", abstract: "The targets that are set, or how far the units below one are with a target.",
        discussion: """
            Examples:
              cdt report targets
              cdt report targets targets/0190… --unit 20 --date 2022-06-30 --reached
            """)

    @Argument(help: "targets/{id}; empty: list the targets.")
    var name = ""
    @Option(help: "The unit above those to list, units/{id} or a code; default: the one that set the target.")
    var unit = ""
    @Option(help: "As of this day; default: today.")
    var date = ""
    @Flag(help: "Only those that have reached it.")
    var reached = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        if name.isEmpty { return try await list(suite, output) }
        var request = Cdt_Activity_V1_ListTargetStandingsRequest()
        request.name = name
        request.parent = unit.isEmpty ? "" : try await suite.unitName(unit, on: date)
        request.date = date
        request.reachedOnly = reached
        var answer = Cdt_Activity_V1_ListTargetStandingsResponse()
        answer.standings = try await allPages(limit: 0) { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.targets.listTargetStandings(request, options: suite.call)
            answer.target = page.target
            answer.date = page.date
            answer.registry = page.registry
            return (page.standings, page.nextPageToken)
        }
        try output.show(answer) {
            var table = Table("UNIT", ">HAVE", ">OF", ">%", "REACHED ON")
            for standing in answer.standings {
                let ratio = standing.ratio
                table.add(
                    standing.unitDisplayName, grouped(ratio.numerator), grouped(ratio.denominator), ratio.percent,
                    standing.reachedOn)
            }
            return "\(table.text)\n\(answer.target.displayName), as of \(answer.date)"
        }
    }

    private func list(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_ListTargetsRequest()
        request.unit = unit.isEmpty ? "" : try await suite.unitName(unit, on: date)
        var answer = Cdt_Activity_V1_ListTargetsResponse()
        answer.targets = try await allPages(limit: 0) { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.targets.listTargets(request, options: suite.call)
            return (page.targets, page.nextPageToken)
        }
        try output.show(answer) {
            var table = Table("TARGET", "UNIT", "MEASURE", ">THRESHOLD", "VALID", "NAME")
            for target in answer.targets {
                let threshold =
                    "\(target.threshold / 100).\(target.threshold % 100 < 10 ? "0" : "")\(target.threshold % 100)%"
                table.add(
                    target.displayName, target.unit.isEmpty ? "vn" : target.unit, label(target.measure), threshold,
                    shownInterval(target.validFrom, target.validTo), target.name)
            }
            return table
        }
    }
}
