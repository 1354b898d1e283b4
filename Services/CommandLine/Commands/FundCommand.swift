import ArgumentParser
import Foundation
import RPC
import Shared

struct FundCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fund",
        abstract: "Allowances: policies, what is due and why, monthly runs, claims, the books, payments.",
        subcommands: [
            FundPoliciesCommand.self, FundEntitlementCommand.self, FundComputeCommand.self, FundRunCommand.self,
            FundRunsCommand.self, FundLinesCommand.self, FundApproveCommand.self, FundRejectCommand.self,
            FundPostCommand.self, FundSimulateCommand.self, FundLedgerCommand.self, FundClaimsCommand.self,
            FundPaymentsCommand.self,
        ])
}

struct FundEntitlementCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "entitlement", abstract: "What one team or its members are due, and why.",
        discussion: "Example: cdt fund entitlement csv:18070-001 --month 2024-10 --explain")

    @Argument(help: "teams/{id} or SYSTEM:KEY.")
    var team: String
    @Option(help: "First month, YYYY-MM.")
    var month: MonthArgument
    @Option(help: "Last month; default: the first.")
    var to: MonthArgument?
    @Option(help: "policies/{id}; default: every policy whose territory holds the team.")
    var policy = ""
    @Flag(help: "Facts and arithmetic, step by step.")
    var explain = false
    @Flag(help: "Explain in Vietnamese.")
    var vi = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Funding_V1_GetTeamEntitlementRequest()
        request.team = try await suite.teamName(team)
        request.fromMonth = "\(month)"
        request.toMonth = to.map { "\($0)" } ?? ""
        request.policy = policy
        let answer = try await suite.funding.getTeamEntitlement(request, options: suite.call)
        try output.show(answer) {
            var lines = [entitlementTable(answer.lines).text, "due: \(grouped(answer.amountDong)) đồng"]
            if explain || vi {
                lines += answer.lines.map { vi ? $0.explanation.textVi : $0.explanation.text }.filter { !$0.isEmpty }
            }
            return lines.joined(separator: "\n\n")
        }
    }
}

struct FundComputeCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "compute", abstract: "What is due in a unit; nothing is stored.",
        discussion: "Example: cdt fund compute 42 --month 2024-10")

    @Argument(help: "units/{id}, vn, or a national code of the first month's last day.")
    var unit = "vn"
    @Option(help: "First month, YYYY-MM.")
    var month: MonthArgument
    @Option(help: "Last month; default: the first.")
    var to: MonthArgument?
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Funding_V1_ComputeEntitlementsRequest()
        request.unit = try await suite.unitName(unit, on: month.month.day(month.month.lastDay))
        request.fromMonth = "\(month)"
        request.toMonth = to.map { "\($0)" } ?? ""
        request.totalsOnly = true
        let progress = ProgressLine(label: "entitlements", unit: "teams")
        var last = Cdt_Funding_V1_ComputeEntitlementsResponse()
        let answers = try await suite.funding.computeEntitlements(request, options: suite.stream).responses
        for try await answer in answers {
            progress.update(Int(answer.teamsDone))
            last = answer
        }
        progress.finish()
        try output.show(last) { totalsText(last.totals, amount: last.amountDong) }
    }
}

struct FundRunCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Compute and keep the entitlements of whole months.",
        discussion: """
            The same inputs give the same run: nothing is stored twice.
            Example: cdt fund run 42 --month 2024-10
            """)

    @Argument(help: "units/{id}, vn, or a national code of the first month's last day.")
    var unit = "vn"
    @Option(help: "First month, YYYY-MM.")
    var month: MonthArgument
    @Option(help: "Last month; default: the first.")
    var to: MonthArgument?
    @Option(help: "policies/{id}; default: every active policy.")
    var policy = ""
    @Flag(help: "First wait until all that the Registry knows now has arrived.")
    var wait = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Funding_V1_StartRunRequest()
        request.unit = try await suite.unitName(unit, on: month.month.day(month.month.lastDay))
        if wait { try await untilFresh(unit: request.unit, suite) }
        request.policy = policy
        request.fromMonth = "\(month)"
        request.toMonth = to.map { "\($0)" } ?? ""
        request.requestID = UUID().uuidString
        var run = try await suite.funding.startRun(request, options: suite.call).run
        let progress = ProgressLine(label: "run", unit: "teams", total: run.teamsTotal > 0 ? Int(run.teamsTotal) : nil)
        if run.state == .running {
            var watch = Cdt_Funding_V1_WatchRunRequest()
            watch.name = run.name
            for try await answer in try await suite.funding.watchRun(watch, options: suite.stream).responses {
                run = answer.run
                progress.update(Int(run.teamsDone))
            }
        }
        progress.finish()
        try output.show(run) { runText(run) }
        if run.state == .failed { throw ExitCode(ExitCodes.failure) }
    }

    /// Asks about any one team of the unit: the answer says how old the facts are.
    private func untilFresh(unit: String, _ suite: Connections) async throws {
        let facts = FactsWait()
        var list = Cdt_Registry_V1_ListTeamsRequest()
        list.unit = unit
        list.date = month.month.day(month.month.lastDay)
        list.pageSize = 1
        guard let team = try await suite.registry.listTeams(list, options: suite.call).teams.first else { return }
        var request = Cdt_Funding_V1_GetTeamEntitlementRequest()
        request.team = team.name
        request.fromMonth = "\(month)"
        try await facts.untilFresh {
            do {
                return [try await suite.funding.getTeamEntitlement(request, options: suite.call).freshness]
            } catch let error as RPCError where error.code == .notFound {
                return nil
            }
        }
    }
}

struct FundRunsCommand: ServiceCommand {
    static let configuration = CommandConfiguration(commandName: "runs", abstract: "The newest runs.")

    @Option(help: "At most so many; 0: all.")
    var limit = 20
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Funding_V1_ListRunsRequest()
        var answer = Cdt_Funding_V1_ListRunsResponse()
        answer.runs = try await allPages(limit: limit) { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.funding.listRuns(request, options: suite.call)
            return (page.runs, page.nextPageToken)
        }
        try output.show(answer) {
            var table = Table("RUN", "STATE", "MONTHS", ">LINES", ">ĐỒNG")
            for run in answer.runs {
                table.add(
                    run.name, label(run.state), shownInterval(run.fromMonth, run.toMonth), grouped(run.lineCount),
                    grouped(run.amountDong))
            }
            return table
        }
    }
}

struct FundLinesCommand: ServiceCommand {
    static let configuration = CommandConfiguration(commandName: "lines", abstract: "The lines of a run.")

    @Argument(help: "runs/{id}.")
    var run: String
    @Option(help: "Only of this team: teams/{id} or SYSTEM:KEY.")
    var team = ""
    @Option(help: "At most so many; 0: all.")
    var limit = 50
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Funding_V1_ListRunLinesRequest()
        request.run = run
        request.team = team.isEmpty ? "" : try await suite.teamName(team)
        var answer = Cdt_Funding_V1_ListRunLinesResponse()
        answer.lines = try await allPages(limit: limit) { token, size in
            request.pageToken = token
            request.pageSize = size
            let page = try await suite.funding.listRunLines(request, options: suite.call)
            return (page.lines, page.nextPageToken)
        }
        try output.show(answer) { entitlementTable(answer.lines) }
    }
}

private func entitlementTable(_ lines: [Cdt_Funding_V1_EntitlementLine]) -> Table {
    var table = Table("MONTH", "TEAM", "POLICY", ">DAYS", ">RATE", ">ĐỒNG", "REASONS")
    for line in lines {
        table.add(
            line.month, line.teamDisplayName, line.policy, "\(line.activeDays)/\(line.monthDays)",
            grouped(line.rateDong), grouped(line.amountDong), line.reasons.map(label).joined(separator: ", "))
    }
    return table
}

private func totalsText(_ totals: [Cdt_Funding_V1_PolicyMonthTotal], amount: Int64) -> String {
    var table = Table("MONTH", "POLICY", ">TEAMS", ">PERSONS", ">COMMUNE TEAMS ĐỒNG", ">HAMLET TEAMS ĐỒNG", ">ĐỒNG")
    for total in totals {
        table.add(
            total.month, total.titleVi.isEmpty ? total.policy : total.titleVi, grouped(total.teamsPaid),
            grouped(total.personsPaid), grouped(total.communeTeamAmountDong), grouped(total.hamletTeamAmountDong),
            grouped(total.amountDong))
    }
    return "\(table.text)\ndue: \(grouped(amount)) đồng"
}

private func runText(_ run: Cdt_Funding_V1_Run) -> String {
    var lines = ["\(run.name) \(label(run.state)): \(grouped(run.lineCount)) lines of \(grouped(run.teamsTotal)) teams"]
    if !run.sameAs.isEmpty { lines.append("the same inputs as \(run.sameAs): nothing was stored a second time") }
    if !run.failure.isEmpty { lines.append(run.failure) }
    lines.append(totalsText(run.totals, amount: run.amountDong))
    lines.append("inputs: \(run.snapshotHash)")
    return lines.joined(separator: "\n")
}
