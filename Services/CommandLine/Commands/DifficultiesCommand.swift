import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct DifficultiesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "difficulties",
        abstract: "What stands in the teams' way, who sees to it, and how it was overcome.",
        subcommands: [List.self, Assign.self, Resolve.self, Reopen.self])

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

    struct Reopen: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Open a resolved difficulty again.")

        @Argument(help: "difficulties/{id}.")
        var name: String
        @Argument(help: "Why.")
        var reason: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_ReopenDifficultyRequest()
            request.name = name
            request.reason = reason
            request.requestID = UUID().uuidString
            let answer = try await suite.difficulties.reopenDifficulty(request, options: suite.call)
            try output.show(answer) { DifficultiesCommand.table([answer.difficulty]) }
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
