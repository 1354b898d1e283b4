import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct DifficultiesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "difficulties",
        abstract: "What stands in the teams' way, who sees to it, and how it was overcome.",
        subcommands: [List.self, Trend.self, Assign.self, Resolve.self, Reopen.self])

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Difficulties under a unit, newest first.",
            discussion: "Example: cdt difficulties list 20 --state open --without-owner")

        @Argument(help: "units/{id}, vn, or a national code.")
        var unit = "vn"
        @Option(help: "The day whose units count, and on which a code is read; default: today.")
        var treeDate = ""
        @Option(help: "open or resolved; may be repeated; default: both.")
        var state: [Cdt_Activity_V1_DifficultyState] = []
        @Flag(help: "Only those nobody sees to.")
        var withoutOwner = false
        @Option(help: "At most so many; 0: all.")
        var limit = 50
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_ListDifficultiesRequest()
            request.unit = try await suite.unitName(unit, on: treeDate)
            request.treeDate = treeDate
            request.states = state
            request.withoutOwner = withoutOwner
            var answer = Cdt_Activity_V1_ListDifficultiesResponse()
            answer.difficulties = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.difficulties.listDifficulties(request, options: suite.call)
                answer.registry = page.registry
                return (page.difficulties, page.nextPageToken)
            }
            try output.show(answer) { DifficultiesCommand.table(answer.difficulties) }
        }
    }

    struct Trend: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "How many reports tell of each kind of difficulty, month by month.",
            discussion: """
                Months that were never opened are left out.

                Example: cdt difficulties trend 20 --from 2024-07 --month 2024-12
                """)

        @Argument(help: "units/{id}, vn, or a national code.")
        var unit = "vn"
        @Option(help: "The last month, YYYY-MM.")
        var month: MonthArgument
        @Option(help: "The first month, YYYY-MM.")
        var from: MonthArgument
        @Option(
            help: "The day whose units count, and on which a code is read; default: the last day of the last month.")
        var treeDate = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            let date = treeDate.isEmpty ? month.month.day(month.month.lastDay) : treeDate
            var request = Cdt_Activity_V1_GetAchievementsRequest()
            request.unit = try await suite.unitName(unit, on: date)
            request.treeDate = date
            var answer = Cdt_Activity_V1_ListAchievementsResponse()
            for period in try await suite.periods() where ("\(from)"..."\(month)").contains(period.month) {
                request.period = period.month
                let sums = try await suite.achievements.getAchievements(request, options: suite.call)
                answer.achievements.insert(sums.achievements, at: 0)
                answer.treeDate = sums.treeDate
                answer.registry = sums.registry
            }
            try output.show(answer) { DifficultiesCommand.trend(answer.achievements) }
        }

        func validate() throws {
            guard "\(from)" <= "\(month)" else { throw ValidationError("--from must not be after --month.") }
        }
    }

    static func trend(_ months: [Cdt_Activity_V1_Achievements]) -> Table {
        var table = Table(["KIND", "SEVERITY"] + months.map { ">\($0.period)" })
        for kind in Cdt_Activity_V1_DifficultyKind.allCases {
            for severity in Cdt_Activity_V1_Severity.allCases {
                let told = months.map { sums in
                    sums.difficulties.first { $0.kind == kind && $0.severity == severity }?.reports ?? 0
                }
                if told.contains(where: { $0 > 0 }) {
                    table.add([label(kind), label(severity)] + told.map(grouped))
                }
            }
        }
        return table
    }

    struct Assign: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say who sees to a difficulty.",
            discussion: "Example: cdt difficulties assign difficulties/0190… 'Viettel Lạng Sơn'")

        @Argument(help: "difficulties/{id}.")
        var name: String
        @Argument(help: "Who; empty: nobody.")
        var owner: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_AssignDifficultyRequest()
            request.name = name
            request.owner = owner
            request.requestID = UUID().uuidString
            let answer = try await suite.difficulties.assignDifficulty(request, options: suite.call)
            try output.show(answer) { DifficultiesCommand.table([answer.difficulty]) }
        }
    }

    struct Resolve: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Say how a difficulty was overcome.")

        @Argument(help: "difficulties/{id}.")
        var name: String
        @Argument(help: "How.")
        var resolution: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_ResolveDifficultyRequest()
            request.name = name
            request.resolution = resolution
            request.requestID = UUID().uuidString
            let answer = try await suite.difficulties.resolveDifficulty(request, options: suite.call)
            try output.show(answer) { DifficultiesCommand.table([answer.difficulty]) }
        }
    }

    struct Reopen: DecisionCommand {
        static let configuration = CommandConfiguration(abstract: "Open a resolved difficulty again.")

        @Argument(help: "difficulties/{id}.")
        var name: String
        @Argument(help: "Why.")
        var reason: String
        @OptionGroup var connection: ConnectionOptions

        func send(_ request: Cdt_Activity_V1_ReopenDifficultyRequest, _ suite: Connections) async throws
            -> Cdt_Activity_V1_ReopenDifficultyResponse
        { try await suite.difficulties.reopenDifficulty(request, options: suite.call) }

        func table(_ answer: Cdt_Activity_V1_ReopenDifficultyResponse) -> Table {
            DifficultiesCommand.table([answer.difficulty])
        }
    }

    static func table(_ difficulties: [Cdt_Activity_V1_TeamDifficulty]) -> Table {
        var table = Table("STATE", "KIND", "SEVERITY", "TEAM", "SINCE", "OWNER", "IN WORDS", "DIFFICULTY")
        for difficulty in difficulties {
            table.add(
                label(difficulty.state), label(difficulty.kind), label(difficulty.severity),
                difficulty.teamDisplayName, difficulty.openedIn, difficulty.owner,
                difficulty.state == .resolved ? difficulty.resolution : difficulty.text, difficulty.name)
        }
        return table
    }
}
