import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct ReportOwedCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "owed", abstract: "Who owes a report.",
        discussion: "Example: cdt report owed 42 --month 2024-10 --limit 20")

    @OptionGroup var scope: UnitMonthArguments
    @Flag(help: "Also those who have reported, are excused, or whose period has not ended.")
    var all = false
    @Option(help: "At most so many; 0: all.")
    var limit = 50
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_ListObligationsRequest()
        request.period = "\(scope.month)"
        request.unit = try await scope.unitName(suite)
        request.treeDate = scope.treeDate
        request.states = all ? [] : [.due, .missing]
        var answer = Cdt_Activity_V1_ListObligationsResponse()
        answer.obligations = try await allPages(limit: limit) { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.activity.listObligations(request, options: suite.call)
            answer.registry = page.registry
            return (page.obligations, page.nextPageToken)
        }
        try output.show(answer) { obligationsTable(answer.obligations) }
    }
}

private func obligationsTable(_ obligations: [Cdt_Activity_V1_Obligation]) -> Table {
    var table = Table("STATE", "DUE", "TEAM", "WHY SET ASIDE", "OBLIGATION")
    for obligation in obligations {
        table.add(
            label(obligation.state), obligation.dueOn, obligation.teamDisplayName, obligation.setAsideReason,
            obligation.name)
    }
    return table
}

struct ReportExcuseCommand: DecisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "excuse", abstract: "Excuse one subject from one report; it is then not expected.",
        discussion: """
            A report that comes all the same puts it back into what is expected.

            Example: cdt report excuse obligations/2024-10.0190… 'tổ tập trung chống bão số 3'
            """)

    @Argument(help: "obligations/{id}, as `cdt report owed` shows it.")
    var name: String
    @Argument(help: "Why.")
    var reason: String
    @OptionGroup var connection: ConnectionOptions

    func send(_ request: Cdt_Activity_V1_ExcuseObligationRequest, _ suite: Connections) async throws
        -> Cdt_Activity_V1_ExcuseObligationResponse
    { try await suite.activity.excuseObligation(request, options: suite.call) }

    func table(_ answer: Cdt_Activity_V1_ExcuseObligationResponse) -> Table { obligationsTable([answer.obligation]) }
}

struct ReportWaiveCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "waive", abstract: "Waive the reports of a month for every team under a unit, by a decision.",
        discussion: "Example: cdt report waive 20 'khắc phục hậu quả bão số 3' --month 2024-09 --document 12/QĐ-UBND")

    @Argument(help: "units/{id}, vn, or a national code of the month's last day.")
    var unit: String
    @Argument(help: "Why.")
    var reason: String
    @Option(help: "YYYY-MM.")
    var month: MonthArgument
    @OptionGroup var document: DocumentOptions
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_WaiveObligationsRequest()
        request.period = "\(month)"
        request.unit = try await suite.unitOrNationName(unit, on: month.month.day(month.month.lastDay))
        request.reason = reason
        if let decision = document.value { request.decision = decision }
        request.requestID = UUID().uuidString
        let answer = try await suite.activity.waiveObligations(request, options: suite.call)
        try output.show(answer) { answer.waiver }
    }
}
