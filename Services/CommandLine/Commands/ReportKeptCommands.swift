import ArgumentParser
import Shared

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

    struct Admit: DecisionCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a kept report in, once the Registry's facts say that the subject was active.",
            discussion: "Example: cdt report kept admit rejectedReports/0190… 'đã bổ sung thành viên'")

        @Argument(help: "rejectedReports/{id}.")
        var name: String
        @Argument(help: "Why.")
        var reason: String
        @OptionGroup var connection: ConnectionOptions

        func send(_ request: Cdt_Activity_V1_AdmitRejectedReportRequest, _ suite: Connections) async throws
            -> Cdt_Activity_V1_AdmitRejectedReportResponse
        { try await suite.activity.admitRejectedReport(request, options: suite.call) }

        func table(_ answer: Cdt_Activity_V1_AdmitRejectedReportResponse) -> Table {
            ReportKeptCommand.table([answer.rejectedReport])
        }
    }

    struct Dismiss: DecisionCommand {
        static let configuration = CommandConfiguration(abstract: "Lay a kept report aside; it counts nowhere.")

        @Argument(help: "rejectedReports/{id}.")
        var name: String
        @Argument(help: "Why.")
        var reason: String
        @OptionGroup var connection: ConnectionOptions

        func send(_ request: Cdt_Activity_V1_DismissRejectedReportRequest, _ suite: Connections) async throws
            -> Cdt_Activity_V1_DismissRejectedReportResponse
        { try await suite.activity.dismissRejectedReport(request, options: suite.call) }

        func table(_ answer: Cdt_Activity_V1_DismissRejectedReportResponse) -> Table {
            ReportKeptCommand.table([answer.rejectedReport])
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
