import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct ReportTargetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "targets", abstract: "What units aim at, and how far they are.",
        subcommands: [Standings.self, Create.self, End.self], defaultSubcommand: Standings.self)

    struct Standings: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "The targets that are set, or how far the units below one are with a target.",
            discussion: """
                Examples:
                  cdt report targets
                  cdt report targets targets/0190… --unit 20 --date 2022-06-30 --reached
                  cdt report targets targets/0190… --by province --date 2022-06-30
                """)

        @Argument(help: "targets/{id}; empty: list the targets.")
        var name = ""
        @Option(help: "The unit above those to list, units/{id} or a code; default: the one that set the target.")
        var unit = ""
        @Option(help: "As of this day; default: today.")
        var date = ""
        @Option(help: "Level of the units listed, commune or above; default: those right below.")
        var by: Cdt_Registry_V1_UnitLevel?
        @Flag(help: "Only those that have reached it.")
        var reached = false
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            if name.isEmpty { return try await list(suite, output) }
            var request = Cdt_Activity_V1_ListTargetStandingsRequest()
            request.name = name
            request.parent = unit.isEmpty ? "" : try await suite.unitName(unit, on: date)
            request.unitLevel = by ?? .unspecified
            request.date = date
            request.reachedOnly = reached
            var answer = Cdt_Activity_V1_ListTargetStandingsResponse()
            answer.standings = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.targets.listTargetStandings(request, options: suite.call)
                answer.target = page.target
                answer.date = page.date
                answer.registry = page.registry
                return (page.standings, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("CODE", "UNIT", ">HAVE", ">OF", ">%", "REACHED ON")
                for standing in answer.standings {
                    table.add(
                        standing.unitCode, standing.unitDisplayName, grouped(standing.ratio.numerator),
                        grouped(standing.ratio.denominator), shownPercent(standing.ratio), standing.reachedOn)
                }
                return "\(table.text)\n\(answer.target.displayName), as of \(answer.date)"
            }
        }

        private func list(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_ListTargetsRequest()
            request.unit = unit.isEmpty ? "" : try await suite.unitName(unit, on: date)
            var answer = Cdt_Activity_V1_ListTargetsResponse()
            answer.targets = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.targets.listTargets(request, options: suite.call)
                return (page.targets, page.nextPageToken)
            }
            try output.show(answer) { ReportTargetsCommand.table(answer.targets) }
        }
    }

    struct Create: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a target for a unit and all below it.",
            discussion: """
                A target is never changed: set another one, and end the first.

                Examples:
                  cdt report targets create '100% xã có tổ' --measure communes-with-team --threshold 100 --from 2022-03-01
                  cdt report targets create '50% hộ' --unit 20 --measure stocks --threshold 50 --from 2022-05-12 \\
                    --numerator households_with_store_or_account --denominator households \\
                    --part digital_stores --part e_payment_accounts
                """)

        @Argument(help: "What it is about.")
        var displayName: String
        @Option(help: "The unit that sets it: units/{id}, vn, or a national code of the first day.")
        var unit = "vn"
        @Option(help: "stocks, flows or communes-with-team.")
        var measure: Cdt_Activity_V1_TargetMeasure
        @Option(help: "In percent, up to two decimals.")
        var threshold: PercentArgument
        @Option(help: "Code of the counter that is the numerator.")
        var numerator = ""
        @Option(help: "Code of the counter that is the denominator.")
        var denominator = ""
        @Option(help: "Code of a counter whose figures are kept beside; may be repeated.")
        var part: [String] = []
        @Option(help: "First day, YYYY-MM-DD.")
        var from: String
        @Option(help: "Last day, YYYY-MM-DD; default: open.")
        var to = ""
        @OptionGroup var document: DocumentOptions
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_CreateTargetRequest()
            request.target.displayName = displayName
            request.target.unit = try await suite.unitName(unit, on: from)
            request.target.measure = measure
            request.target.threshold = threshold.hundredths
            request.target.numerator = numerator
            request.target.denominator = denominator
            request.target.parts = part
            request.target.validFrom = from
            request.target.validTo = to
            if let document = document.value { request.target.document = document }
            request.requestID = UUID().uuidString
            let answer = try await suite.targets.createTarget(request, options: suite.call)
            try output.show(answer) { ReportTargetsCommand.table([answer.target]) }
        }
    }

    struct End: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that a target holds no longer.",
            discussion: "Example: cdt report targets end targets/0190… --on 2022-12-31")

        @Argument(help: "targets/{id}.")
        var name: String
        @Option(help: "The last day on which it holds; default: today.")
        var on = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_EndTargetRequest()
            request.name = name
            request.validTo = on
            request.requestID = UUID().uuidString
            let answer = try await suite.targets.endTarget(request, options: suite.call)
            try output.show(answer) { ReportTargetsCommand.table([answer.target]) }
        }
    }

    private static func table(_ targets: [Cdt_Activity_V1_Target]) -> Table {
        var table = Table("TARGET", "UNIT", "MEASURE", ">THRESHOLD %", "VALID", "NAME")
        for target in targets {
            table.add(
                target.displayName, target.unit.isEmpty ? "vn" : target.unit, label(target.measure),
                PercentArgument(hundredths: target.threshold).description,
                shownInterval(target.validFrom, target.validTo), target.name)
        }
        return table
    }
}
