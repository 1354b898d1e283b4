import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

struct FundApproveCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve", abstract: "Approve a run that another person has started: its money is set aside.")

    @Argument(help: "runs/{id}.")
    var run: String
    @Option(help: "Note.")
    var note = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let answer = try await suite.funding.approveRun(.decided(run, note: note), options: suite.call)
        try output.show(answer) { runPostingText(answer.run) }
    }
}

struct FundRejectCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "reject", abstract: "Give up a run that is not posted yet: its money is free again.")

    @Argument(help: "runs/{id}.")
    var run: String
    @Option(help: "Why.")
    var note: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let answer = try await suite.funding.rejectRun(.decided(run, note: note), options: suite.call)
        try output.show(answer) { runPostingText(answer.run) }
    }
}

struct FundPostCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "post", abstract: "Write an approved run into the books, and wait for it.",
        discussion: "Only differences to what was posted before are booked. If it is interrupted, the service goes on.")

    @Argument(help: "runs/{id}.")
    var run: String
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Funding_V1_PostRunRequest()
        request.name = run
        request.requestID = UUID().uuidString
        var posted = try await suite.funding.postRun(request, options: suite.call).run
        let progress = ProgressLine(label: "posting", unit: "lines", total: Int(posted.linesToPost))
        var watch = Cdt_Funding_V1_WatchRunRequest()
        watch.name = run
        for try await answer in try await suite.funding.watchRun(watch, options: suite.stream).responses {
            posted = answer.run
            progress.update(Int(posted.linesPosted))
        }
        progress.finish()
        try output.show(posted) { runPostingText(posted) }
    }
}

struct FundSimulateCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "What policies, drafts among them, would cost; nothing is written.",
        discussion: """
            A draft is named with its version: policies/{id}@2. With --with, a second set is computed beside the first.
            Example: cdt fund simulate --month 2026-01 --to 2026-12 --policy policies/a --with policies/a@2
            """)

    @Argument(help: "units/{id}, vn, or a national code of the first month's last day.")
    var unit = "vn"
    @Option(help: "First month, YYYY-MM.")
    var month: MonthArgument
    @Option(help: "Last month; default: the first.")
    var to: MonthArgument?
    @Option(help: "policies/{id} or policies/{id}@VERSION; may be repeated; none: every active one.")
    var policy: [String] = []
    @Option(help: "A policy to compare with; may be repeated.")
    var with: [String] = []
    @Option(help: "Provinces as of this day, YYYY-MM-DD; default: the last day of the period.")
    var tree = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Funding_V1_SimulatePoliciesRequest()
        request.unit = try await suite.unitName(unit, on: month.month.day(month.month.lastDay))
        request.fromMonth = "\(month)"
        request.toMonth = to.map { "\($0)" } ?? ""
        request.policies = try policy.map(reference)
        request.alternatives = try with.map(reference)
        request.treeDate = tree
        let progress = ProgressLine(label: "simulation", unit: "teams")
        var last = Cdt_Funding_V1_SimulatePoliciesResponse()
        for try await answer in try await suite.funding.simulatePolicies(request, options: suite.stream).responses {
            progress.update(Int(answer.teamsDone))
            last = answer
        }
        progress.finish()
        try output.show(last) {
            var table = Table("MONTH", "PROVINCE", "LEVEL", ">TEAMS", ">PERSONS", ">ĐỒNG", ">WITH ĐỒNG", ">DIFFERENCE")
            for cell in last.cells {
                table.add(
                    cell.month, cell.provinceDisplayName, label(cell.teamLevel), grouped(cell.teamsPaid),
                    grouped(cell.personsPaid), grouped(cell.amountDong),
                    with.isEmpty ? "" : grouped(cell.alternativeAmountDong),
                    with.isEmpty ? "" : grouped(cell.differenceDong))
            }
            let other = with.isEmpty ? "" : ", with the others \(grouped(last.alternativeAmountDong)) đồng"
            return "\(table.text)\ncost: \(grouped(last.amountDong)) đồng\(other)"
        }
    }

    private func reference(_ text: String) throws -> Cdt_Funding_V1_PolicyReference {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 1 || parts.count == 2 && Int32(parts[1]) != nil else {
            throw ValidationError("\(text) is not policies/{id} or policies/{id}@VERSION")
        }
        return .with {
            $0.policy = String(parts[0])
            $0.version = parts.count == 2 ? Int32(parts[1]) ?? 0 : 0
        }
    }
}

private func runPostingText(_ run: Cdt_Funding_V1_Run) -> String {
    """
    \(run.name) \(label(run.state)): \(grouped(run.linesPosted)) of \(grouped(run.linesToPost)) lines posted, \
    more \(grouped(run.creditDong)), less \(grouped(run.debitDong)) đồng
    """
}
