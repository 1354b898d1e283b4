import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Monthly reports: who owes one, who has sent one, how complete a unit is.",
        subcommands: [
            ReportOpenCommand.self, ReportMonthsCommand.self, ReportCloseCommand.self, ReportPoliciesCommand.self,
            ReportSubmitCommand.self, ReportSubmitFileCommand.self, ReportOwedCommand.self, ReportExcuseCommand.self,
            ReportWaiveCommand.self, ReportListCommand.self, ReportShowCommand.self, ReportEndorseCommand.self,
            ReportApproveCommand.self, ReportAcceptCommand.self, ReportReturnCommand.self, ReportKeptCommand.self,
            ReportStatusCommand.self, ReportWatchCommand.self, ReportAchievedCommand.self, ReportIndicatorCommand.self,
            ReportTargetsCommand.self, ReportWhoCommand.self, ReportCompositionCommand.self,
        ])
}

struct ReportOpenCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "open", abstract: "Open a month for reporting.",
        discussion: "Example: cdt report open 2024-10 --wait")

    @Argument(help: "YYYY-MM.")
    var month: MonthArgument
    @Flag(help: "Wait until every team that the Registry knows now has its obligations.")
    var wait = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let facts = FactsWait()
        var request = Cdt_Activity_V1_OpenPeriodRequest()
        request.period = "\(month)"
        request.requestID = UUID().uuidString
        var period = try await suite.activity.openPeriod(request, options: suite.call).period
        let progress = ProgressLine(label: "obligations", unit: "obligations")
        var get = Cdt_Activity_V1_GetPeriodRequest()
        get.name = "periods/\(month)"
        if wait {
            try await facts.untilFresh {
                let answer = try await suite.activity.getPeriod(get, options: suite.call)
                period = answer.period
                progress.update(Int(period.obligations))
                return period.derived ? [answer.registry] : nil
            }
        }
        progress.finish()
        try output.show(period) {
            var table = Table("PERIOD", ">OBLIGATIONS", ">TEAMS PENDING")
            table.add(period.name, grouped(period.obligations), grouped(period.pendingTeams))
            return table
        }
    }
}

struct ReportSubmitCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit", abstract: "Submit one report.",
        discussion: """
            Work is SKILL:BENEFICIARY:CHANNEL:COUNT[:PLATFORM]; a counter is CODE:stock|flow:VALUE; a difficulty is \
            KIND[:SEVERITY[:TEXT]]. Give --operation-id to be able to repeat the call safely.

            Example: cdt report submit teams/0190… --month 2024-10 --work online-payment:resident:home-visit:12

            Skills: \(enumWords(Cdt_Activity_V1_Skill.self)).
            Beneficiaries: \(enumWords(Cdt_Activity_V1_BeneficiaryKind.self)).
            Channels: \(enumWords(Cdt_Activity_V1_ActivityChannel.self)).
            Difficulties: \(enumWords(Cdt_Activity_V1_DifficultyKind.self)).
            """)

    @Argument(help: "teams/{id} or SYSTEM:KEY.")
    var team: String
    @Option(help: "people/{id}, where each member reports.")
    var person = ""
    @Option(help: "YYYY-MM.")
    var month: MonthArgument
    @Option(help: "What was done; may be repeated.")
    var work: [WorkArgument] = []
    @Option(help: "What was achieved; may be repeated.")
    var counter: [CounterArgument] = []
    @Option(help: "What stood in the way; may be repeated.")
    var difficulty: [DifficultyArgument] = []
    @Option(help: "In words.")
    var narrative = ""
    @Option(help: "For a report on paper: the day it was received, YYYY-MM-DD.")
    var receivedOn = ""
    @Option(help: "Names the operation for ever; default: a new one.")
    var operationId: String?
    @Option(help: "The version this report corrects.")
    var corrects: Int64 = 0
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_SubmitReportRequest()
        request.submission.operationID = operationId ?? UUID().uuidString
        request.submission.baseVersion = corrects
        request.submission.report.team = try await suite.teamName(team)
        request.submission.report.person = person
        request.submission.report.period = "\(month)"
        request.submission.report.activities = work.map(\.activity)
        request.submission.report.counters = counter.map(\.counter)
        request.submission.report.difficulties = difficulty.map(\.difficulty)
        request.submission.report.narrative = narrative
        request.submission.report.source = receivedOn.isEmpty ? .api : .paper
        request.submission.report.declaredOn = receivedOn
        let answer = try await suite.activity.submitReport(request, options: suite.call)
        try output.show(answer) {
            var table = Table("REPORT", answer.report)
            table.add("version", "\(answer.version)")
            table.add("outcome", label(answer.outcome))
            table.add("team", answer.obligation.teamDisplayName)
            table.add("state", label(answer.obligation.state))
            table.add("received", answer.obligation.receivedOn)
            table.add("due", answer.obligation.dueOn)
            return table
        }
    }
}

struct ReportSubmitFileCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit-file", abstract: "Submit the reports of a file that has one row per member.",
        discussion: """
            Where a team reports as one, its members' rows are added. The same file submitted again changes nothing. \
            Ends with 65 when reports were refused.

            Example: cdt report submit-file .local/hatinh/reports-2024-10.csv --month 2024-10 --unit 42 --source hatinh
            """)

    @Argument(help: "reports-YYYY-MM.csv.", completion: .file())
    var file: String
    @Option(help: "YYYY-MM.")
    var month: MonthArgument
    @Option(help: "units/{id}, vn, or a national code of the month's last day.")
    var unit = "vn"
    @Option(help: "System in which the member ids are keys, as given to `cdt import`.")
    var source = "csv"
    @Option(help: "Platform that the column other_platforms counts.")
    var platform = "local"
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let month = month.month
        let lines = try ReportLines(CSVDocument(contentsOf: URL(fileURLWithPath: file)), month: month)
        let submission = BulkSubmission(
            suite: suite, lines: lines, month: month,
            unit: try await suite.unitName(unit, on: month.day(month.lastDay)), source: source, platform: platform)
        let result = try await submission.run()
        var last = Cdt_Activity_V1_SubmitReportsResponse()
        last.verdicts = result.problems
        try output.show(last) {
            var table = Table(">OBLIGATIONS", ">SUBMITTED", ">APPLIED", ">DUPLICATE", ">REFUSED")
            let applied = result.outcomes[.applied] ?? 0
            let duplicate = result.outcomes[.duplicate] ?? 0
            table.add(
                grouped(result.obligations), grouped(result.submitted), grouped(applied), grouped(duplicate),
                grouped(result.problems.count))
            let shown = result.problems.prefix(10).map { verdict in
                "\(verdict.operationID): \(label(verdict.outcome)) "
                    + verdict.problems.map { "\($0.reason) \($0.description_p)" }.joined(separator: "; ")
            }
            return ([table.text] + shown).joined(separator: "\n")
        }
        if !result.problems.isEmpty { throw ExitCode(ExitCodes.refusedInput) }
    }
}

struct ReportStatusCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Completeness and timeliness of a unit and of the units right below it.",
        discussion: """
            Examples:
              cdt report status 42 --month 2024-10
              cdt report status 42 --month 2024-10 --tree-date 2026-10-01   (the same month in today's units)
            """)

    @OptionGroup var scope: UnitMonthArguments
    @Option(help: "Level of the units listed; default: those right below.")
    var by: Cdt_Registry_V1_UnitLevel?
    @Flag(help: "Only the unit itself.")
    var total = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let name = try await scope.unitName(suite)
        if total {
            var request = Cdt_Activity_V1_GetFiguresRequest()
            request.period = "\(scope.month)"
            request.unit = name
            request.treeDate = scope.treeDate
            let answer = try await suite.activity.getFigures(request, options: suite.call)
            try output.show(answer) { text([answer.figures], answer.treeDate) }
            return
        }
        var request = Cdt_Activity_V1_ListFiguresRequest()
        request.period = "\(scope.month)"
        request.parent = name
        request.treeDate = scope.treeDate
        request.unitLevel = by ?? .unspecified
        var answer = Cdt_Activity_V1_ListFiguresResponse()
        answer.figures = try await allPages { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.activity.listFigures(request, options: suite.call)
            answer.parent = page.parent
            answer.treeDate = page.treeDate
            answer.registry = page.registry
            answer.pendingTeams = page.pendingTeams
            return (page.figures, page.nextPageToken)
        }
        try output.show(answer) { text(answer.figures + [answer.parent], answer.treeDate) }
    }

    private func text(_ rows: [Cdt_Activity_V1_Figures], _ treeDate: String) -> String {
        "\(figuresTable(rows).text)\n\(scope.month), units of \(treeDate)"
    }
}

/// How complete and timely reporting is, a unit a line.
func figuresTable(_ rows: [Cdt_Activity_V1_Figures]) -> Table {
    var table = Table(
        "CODE", "UNIT", ">EXPECTED", ">RECEIVED", ">ON TIME", ">LATE", ">MISSING", ">COMPLETE %", ">ON TIME %")
    for figures in rows {
        table.add(
            figures.unitCode, figures.unitDisplayName, grouped(figures.expected), grouped(figures.received),
            grouped(figures.onTime), grouped(figures.late), grouped(figures.missing),
            shownPercent(figures.completeness), shownPercent(figures.timeliness))
    }
    return table
}
