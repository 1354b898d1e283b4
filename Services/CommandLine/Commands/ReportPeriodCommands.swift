import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

extension Connections {
    /// The months that are open, the last first.
    func periods() async throws -> [Cdt_Activity_V1_Period] {
        var request = Cdt_Activity_V1_ListPeriodsRequest()
        return try await allPages { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await activity.listPeriods(request, options: call)
            return (page.periods, page.nextPageToken)
        }
    }
}

extension Cdt_Activity_V1_Period {
    /// `2024-10` of `periods/2024-10`.
    var month: String { String(name.dropFirst("periods/".count)) }
}

struct ReportMonthsCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "months", abstract: "The months that were opened for reporting, the last first.")

    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var answer = Cdt_Activity_V1_ListPeriodsResponse()
        answer.periods = try await suite.periods()
        try output.show(answer) {
            var table = Table("MONTH", ">OBLIGATIONS", ">TEAMS PENDING", "CLOSED", "CLOSED BY")
            for period in answer.periods {
                table.add(
                    period.month, grouped(period.obligations), grouped(period.pendingTeams),
                    period.closed ? "closed" : "", period.closedBy)
            }
            return table
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
