import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct ReportListCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "The reports of a month, or only those with a flag.",
        discussion: "Example: cdt report list 42 --month 2024-10 --flagged")

    @OptionGroup var scope: UnitMonthArguments
    @Flag(help: "Only those that deserve a second look.")
    var flagged = false
    @Option(help: "At most so many; 0: all.")
    var limit = 50
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_ListReportsRequest()
        request.period = "\(scope.month)"
        request.unit = try await scope.unitName(suite)
        request.treeDate = scope.treeDate
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

struct ReportShowCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One report, as it was sent and where it stands.",
        discussion: "Example: cdt report show reports/2024-10.0190… --version 1")

    @Argument(help: "reports/{id}.")
    var name: String
    @Option(help: "Which version; 0: the newest.")
    var version: Int64 = 0
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_GetReportRequest()
        request.name = name
        request.version = version
        let report = try await suite.activity.getReport(request, options: suite.call).report
        try output.show(report) { Self.table(report) }
    }

    static func table(_ report: Cdt_Activity_V1_Report) -> Table {
        var table = Table("REPORT", report.name)
        table.add("version", "\(report.version), \(label(report.state))")
        table.add("team", report.team)
        if !report.person.isEmpty { table.add("person", report.person) }
        table.add("submitted", "\(label(report.source)) by \(report.submittedBy) \(report.declaredOn)")
        if report.countedIn != report.period { table.add("counted in", report.countedIn) }
        if !report.stateReason.isEmpty { table.add("returned", report.stateReason) }
        for work in report.activities {
            let of = [label(work.skill), label(work.beneficiary), label(work.channel), work.platform]
            table.add("work", of.filter { !$0.isEmpty }.joined(separator: " ") + ": \(grouped(work.count))")
        }
        for counter in report.counters {
            let exactness = counter.qualifier == .exact ? "" : " \(label(counter.qualifier))"
            table.add("counter", "\(label(counter.kind)) \(counter.code): \(grouped(counter.value))\(exactness)")
        }
        for difficulty in report.difficulties {
            table.add("difficulty", "\(label(difficulty.kind)) \(label(difficulty.severity)) \(difficulty.text)")
        }
        for flag in report.flags { table.add("flag", "\(label(flag.concern)): \(flag.description_p)") }
        if !report.narrative.isEmpty { table.add("in words", report.narrative) }
        return table
    }
}

/// A request that takes a report one step further.
protocol ReportStepRequest: Message {
    var name: String { get set }
    var version: Int64 { get set }
    var requestID: String { get set }
}

extension Cdt_Activity_V1_EndorseReportRequest: ReportStepRequest {}
extension Cdt_Activity_V1_ApproveReportRequest: ReportStepRequest {}
extension Cdt_Activity_V1_AcceptReportRequest: ReportStepRequest {}

struct ReportVersionArguments: ParsableArguments {
    @Argument(help: "reports/{id}.")
    var name: String
    @Option(help: "The version looked at; 0: the newest.")
    var version: Int64 = 0
}

/// `cdt report … REPORT`: takes a report one step further, and shows it.
protocol ReportStepCommand: ServiceCommand {
    associatedtype Request: ReportStepRequest
    var report: ReportVersionArguments { get }
    func send(_ request: Request, _ suite: Connections) async throws -> Cdt_Activity_V1_Report
}

extension ReportStepCommand {
    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Request()
        request.name = report.name
        request.version = report.version
        request.requestID = UUID().uuidString
        let answer = try await send(request, suite)
        try output.show(answer) { ReportShowCommand.table(answer) }
    }
}

struct ReportEndorseCommand: ReportStepCommand {
    static let configuration = CommandConfiguration(
        commandName: "endorse", abstract: "Endorse a submitted report, as its team's leader.")

    @OptionGroup var report: ReportVersionArguments
    @OptionGroup var connection: ConnectionOptions

    func send(_ request: Cdt_Activity_V1_EndorseReportRequest, _ suite: Connections) async throws
        -> Cdt_Activity_V1_Report
    { try await suite.activity.endorseReport(request, options: suite.call).report }
}

struct ReportApproveCommand: ReportStepCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve", abstract: "Approve an endorsed report, for the commune.")

    @OptionGroup var report: ReportVersionArguments
    @OptionGroup var connection: ConnectionOptions

    func send(_ request: Cdt_Activity_V1_ApproveReportRequest, _ suite: Connections) async throws
        -> Cdt_Activity_V1_Report
    { try await suite.activity.approveReport(request, options: suite.call).report }
}

struct ReportAcceptCommand: ReportStepCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept", abstract: "Accept an approved report, for the province.")

    @OptionGroup var report: ReportVersionArguments
    @OptionGroup var connection: ConnectionOptions

    func send(_ request: Cdt_Activity_V1_AcceptReportRequest, _ suite: Connections) async throws
        -> Cdt_Activity_V1_Report
    { try await suite.activity.acceptReport(request, options: suite.call).report }
}

struct ReportReturnCommand: DecisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "return", abstract: "Return a report that is not yet accepted; it still counts as received.",
        discussion: "Example: cdt report return reports/2024-10.0190… 'thiếu số liệu thanh toán trực tuyến'")

    @Argument(help: "reports/{id}.")
    var name: String
    @Argument(help: "Why.")
    var reason: String
    @Option(help: "The version looked at; 0: the newest.")
    var version: Int64 = 0
    @OptionGroup var connection: ConnectionOptions

    func send(_ request: Cdt_Activity_V1_ReturnReportRequest, _ suite: Connections) async throws
        -> Cdt_Activity_V1_ReturnReportResponse
    {
        var request = request
        request.version = version
        return try await suite.activity.returnReport(request, options: suite.call)
    }

    func table(_ answer: Cdt_Activity_V1_ReturnReportResponse) -> Table { ReportShowCommand.table(answer.report) }
}
