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

struct ReportIndicatorCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "indicator",
        abstract: "The share of one counter in another, month by month, and when it was reached.",
        discussion: """
            Example: cdt report indicator 20 --month 2022-06 --numerator households_with_store_or_account \
              --denominator households --kind stock --threshold 50 --part digital_stores --part e_payment_accounts
            """)

    @Argument(help: "units/{id}, vn, or a national code.")
    var unit = "vn"
    @Option(help: "The last month, YYYY-MM.")
    var month: MonthArgument
    @Option(help: "Code of the counter that is the numerator.")
    var numerator: String
    @Option(help: "Code of the counter that is the denominator.")
    var denominator: String
    @Option(help: "stock or flow: what both counters are.")
    var kind: Cdt_Activity_V1_CounterKind
    @Option(help: "In percent.")
    var threshold: PercentArgument
    @Option(help: "Code of a counter whose figures are shown beside; may be repeated.")
    var part: [String] = []
    @Option(help: "The day whose units count, and on which a code is read; default: the last day of the last month.")
    var treeDate = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let month = month.month
        var request = Cdt_Activity_V1_GetIndicatorRequest()
        request.period = "\(month)"
        request.unit = try await suite.unitName(unit, on: treeDate.isEmpty ? month.day(month.lastDay) : treeDate)
        request.treeDate = treeDate
        request.numerator = numerator
        request.denominator = denominator
        request.kind = kind
        request.threshold = threshold.hundredths
        request.parts = part
        let answer = try await suite.achievements.getIndicator(request, options: suite.call)
        try output.show(answer) {
            var table = Table(
                ["MONTH", ">\(numerator)", ">\(denominator)", ">%"] + part.map { ">\($0)" } + ["REACHED"])
            for point in answer.points {
                table.add(
                    [
                        point.period, grouped(point.ratio.numerator), grouped(point.ratio.denominator),
                        shownPercent(point.ratio),
                    ] + point.parts.map { grouped($0.numerator) } + [point.reached ? "reached" : ""])
            }
            let reached = answer.reachedOn.isEmpty ? "not reached yet" : "reached on \(answer.reachedOn)"
            return "\(table.text)\n\(threshold)%: \(reached), units of \(answer.treeDate)"
        }
    }
}
