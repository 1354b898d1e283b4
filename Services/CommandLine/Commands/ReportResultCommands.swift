import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct ReportAchievedCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "achieved", abstract: "What the teams under a unit have achieved.",
        discussion: """
            Activities and flows are summed over the months, stocks are the last values up to the last month.

            Examples:
              cdt report achieved 20 --month 2022-06
              cdt report achieved 20 --month 2022-12 --from 2022-01 --tree-date 2022-12-31
            """)

    @Argument(help: "units/{id}, vn, or a national code.")
    var unit = "vn"
    @Option(help: "The last month, YYYY-MM.")
    var month: MonthArgument
    @Option(help: "The first month, YYYY-MM; default: the last one alone.")
    var from: MonthArgument?
    @Option(help: "The day whose units count, and on which a code is read; default: the last day of the last month.")
    var treeDate = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let month = month.month
        var request = Cdt_Activity_V1_GetAchievementsRequest()
        request.period = "\(month)"
        request.fromPeriod = from.map { "\($0)" } ?? ""
        request.unit = try await suite.unitName(unit, on: treeDate.isEmpty ? month.day(month.lastDay) : treeDate)
        request.treeDate = treeDate
        let answer = try await suite.achievements.getAchievements(request, options: suite.call)
        try output.show(answer) {
            let sums = answer.achievements
            var table = Table("WHAT", "OF", ">SUM", ">REPORTS", "EXACTNESS")
            for activity in sums.activities {
                let of = [label(activity.beneficiary), label(activity.channel), activity.platform]
                table.add(
                    label(activity.skill), of.filter { !$0.isEmpty }.joined(separator: " "), grouped(activity.count),
                    grouped(activity.reports), "")
            }
            for counter in sums.counters {
                table.add(
                    counter.code, label(counter.kind), grouped(counter.value), grouped(counter.values),
                    counter.qualifier == .unspecified ? "MIXED" : label(counter.qualifier))
            }
            for difficulty in sums.difficulties {
                table.add(
                    label(difficulty.kind), "difficulty", "", grouped(difficulty.reports), label(difficulty.severity))
            }
            return "\(table.text)\n\(sums.unitDisplayName), \(shownInterval(sums.fromPeriod, sums.period)), "
                + "units of \(answer.treeDate)"
        }
    }
}

struct ReportCloseCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "close", abstract: "Close a month before its time: what it says then stays.",
        discussion: "Example: cdt report close 2024-10")

    @Argument(help: "YYYY-MM.")
    var month: MonthArgument
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_ClosePeriodRequest()
        request.name = "periods/\(month)"
        request.requestID = UUID().uuidString
        let period = try await suite.activity.closePeriod(request, options: suite.call).period
        try output.show(period) {
            var table = Table("PERIOD", ">OBLIGATIONS", "CLOSED BY")
            table.add(period.name, grouped(period.obligations), period.closedBy)
            return table
        }
    }
}

struct ReportListCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "The reports of a month, or only those with a flag.",
        discussion: "Example: cdt report list 42 --month 2024-10 --flagged")

    @Argument(help: "units/{id}, vn, or a national code.")
    var unit = "vn"
    @Option(help: "YYYY-MM.")
    var month: MonthArgument
    @Option(help: "The day whose units count, and on which a code is read; default: the month's last day.")
    var treeDate = ""
    @Flag(help: "Only those that deserve a second look.")
    var flagged = false
    @Option(help: "At most so many; 0: all.")
    var limit = 50
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let month = month.month
        var request = Cdt_Activity_V1_ListReportsRequest()
        request.period = "\(month)"
        request.unit = try await suite.unitName(unit, on: treeDate.isEmpty ? month.day(month.lastDay) : treeDate)
        request.treeDate = treeDate
        request.flagged = flagged
        var answer = Cdt_Activity_V1_ListReportsResponse()
        answer.reports = try await allPages(limit: limit) { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.activity.listReports(request, options: suite.call)
            return (page.reports, page.nextPageToken)
        }
        try output.show(answer) {
            var table = Table("STATE", ">VERSION", "REPORT", "FLAGS")
            for report in answer.reports {
                let flags = report.flags.map { "\(label($0.concern)): \($0.description_p)" }
                table.add(label(report.state), "\(report.version)", report.name, flags.joined(separator: "; "))
            }
            return table
        }
    }
}
