import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct PlatformsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "platforms",
        abstract: "The catalogue of digital platforms: the nation's, and each province's own.",
        subcommands: [List.self, Set.self], defaultSubcommand: List.self)

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "All platforms, or those that count in a unit: its own and those of the units above it.",
            discussion: "Example: cdt platforms list 20 --date 2024-10-31")

        @Argument(help: "units/{id} or a national code; default: all there are.")
        var unit: String?
        @Option(help: "Only those that can be used on this day, on which a code is read too; default: whenever.")
        var date = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_ListPlatformsRequest()
            if let unit { request.unit = try await suite.unitOrNationName(unit, on: date) }
            request.date = date
            var answer = Cdt_Activity_V1_ListPlatformsResponse()
            answer.platforms = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.platforms.listPlatforms(request, options: suite.call)
                return (page.platforms, page.nextPageToken)
            }
            try output.show(answer) { PlatformsCommand.table(answer.platforms) }
        }
    }

    struct Set: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Enter a platform, or change what is said of the one entered under the same code.",
            discussion: """
                Example: cdt platforms set cong_dan_so_xu_lang 'Công dân số Xứ Lạng' --unit 20 --kind citizen-app

                Kinds: \(enumWords(Cdt_Activity_V1_PlatformKind.self)).
                """)

        @Argument(help: "What reports call it: lower case, digits and underscores.")
        var code: String
        @Argument(help: "Its name.")
        var displayName: String
        @Option(help: "Whose it is: units/{id}, vn, or a national code of today.")
        var unit = "vn"
        @Option(help: "What it is for.")
        var kind: Cdt_Activity_V1_PlatformKind
        @Option(help: "First day on which it can be used, YYYY-MM-DD; default: since ever.")
        var from = ""
        @Option(help: "Last day, YYYY-MM-DD; default: open.")
        var to = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Activity_V1_SetPlatformRequest()
            request.platform.unit = try await suite.unitName(unit, on: "")
            request.platform.code = code
            request.platform.displayName = displayName
            request.platform.kind = kind
            request.platform.validFrom = from
            request.platform.validTo = to
            request.requestID = UUID().uuidString
            let answer = try await suite.platforms.setPlatform(request, options: suite.call)
            try output.show(answer) { PlatformsCommand.table([answer.platform]) }
        }
    }

    private static func table(_ platforms: [Cdt_Activity_V1_Platform]) -> Table {
        var table = Table("CODE", "PLATFORM", "KIND", "UNIT", "USABLE", "CHANGED BY")
        for platform in platforms {
            table.add(
                platform.code, platform.displayName, label(platform.kind), platform.unit.isEmpty ? "vn" : platform.unit,
                platform.validFrom.isEmpty && platform.validTo.isEmpty
                    ? "always" : shownInterval(platform.validFrom, platform.validTo),
                platform.changedBy)
        }
        return table
    }
}
