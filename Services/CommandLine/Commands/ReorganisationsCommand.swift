import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct ReorganisationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reorganisations", abstract: "Reorganisations of units: draft, preview, apply, revert.",
        subcommands: [List.self, Lines.self, Draft.self, Preview.self, Apply.self, Revert.self, Place.self])

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "All reorganisations, by day.")

        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListReorganisationsRequest()
            var answer = Cdt_Registry_V1_ListReorganisationsResponse()
            answer.reorganisations = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.reorganisations.listReorganisations(request, options: suite.call)
                return (page.reorganisations, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("ON", "TITLE", "STATE", ">LINES", ">NEW UNITS", "REORGANISATION")
                for event in answer.reorganisations {
                    table.add(
                        event.effectiveOn, event.title, label(event.state), grouped(event.lineCount),
                        grouped(event.newUnitCount), event.name)
                }
                return table
            }
        }
    }

    struct Lines: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "What goes where.")

        @Argument(help: "reorganisations/{id}.")
        var reorganisation: String
        @Option(help: "At most so many; 0: all.")
        var limit = 100
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListReorganisationLinesRequest()
            request.parent = reorganisation
            var answer = Cdt_Registry_V1_ListReorganisationLinesResponse()
            answer.lines = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.reorganisations.listReorganisationLines(request, options: suite.call)
                answer.newUnits += page.newUnits
                return (page.lines, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("KIND", "FROM", "TO", "DEFAULT")
                for line in answer.lines {
                    table.add(label(line.kind), line.source, line.target, line.isDefault ? "yes" : "")
                }
                return table
            }
        }
    }

    struct Draft: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a reorganisation without applying it.",
            discussion: """
                The file holds a CreateReorganisationRequest as JSON: reorganisation {title, effectiveOn, document},
                newUnits and lines.
                """)

        @Argument(help: "The file.", completion: .file())
        var file: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            var request = try Cdt_Registry_V1_CreateReorganisationRequest(jsonString: text)
            if request.requestID.isEmpty { request.requestID = UUID().uuidString }
            let answer = try await suite.reorganisations.createReorganisation(request, options: suite.call)
            try output.show(answer) { "\(answer.reorganisation.name) drafted" }
        }
    }

    struct Preview: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "What applying would do, and what is in its way.")

        @Argument(help: "reorganisations/{id}.")
        var reorganisation: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_PreviewReorganisationRequest()
            request.name = reorganisation
            let answer = try await suite.reorganisations.previewReorganisation(request, options: suite.call)
            try output.show(answer) {
                guard answer.problems.isEmpty else {
                    return answer.problems.map { "\($0.reason) \($0.field): \($0.description_p)" }
                        .joined(separator: "\n")
                }
                return effectTable(answer.effect).text
            }
        }
    }

    struct Apply: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Apply a reorganisation: units end and begin, teams and hamlets go along.",
            discussion: "A whole country takes a while: give --timeout 600.")

        @Argument(help: "reorganisations/{id}.")
        var reorganisation: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ApplyReorganisationRequest()
            request.name = reorganisation
            request.requestID = UUID().uuidString
            let answer = try await suite.reorganisations.applyReorganisation(request, options: suite.call)
            try output.show(answer) { effectTable(answer.effect).text }
        }
    }

    struct Revert: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take an applied reorganisation back, unless later facts hang on its new units.")

        @Argument(help: "reorganisations/{id}.")
        var reorganisation: String
        @Option(help: "Why.")
        var reason = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_RevertReorganisationRequest()
            request.name = reorganisation
            request.reason = reason
            request.requestID = UUID().uuidString
            let answer = try await suite.reorganisations.revertReorganisation(request, options: suite.call)
            try output.show(answer) {
                "\(answer.reorganisation.name) reverted: \(grouped(answer.teams)) teams and \(grouped(answer.hamlets)) "
                    + "hamlets are where they were"
            }
        }
    }

    struct Place: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say where a team or hamlet of a divided commune has been since (NEEDS_PLACEMENT).",
            discussion: "Example: cdt reorganisations place csv:18070-001 08974")

        @Argument(help: "teams/{id} or SYSTEM:KEY of a commune team, or units/{id} of a hamlet.")
        var subject: String
        @Argument(help: "The commune: units/{id} or its national code.")
        var commune: String
        @Option(help: "The day on which the code is read; default: today.")
        var date = ""
        @Option(help: "Why, for example the decision it follows from.")
        var reason = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_CorrectPlacementRequest()
            request.name = subject.hasPrefix("units/") ? subject : try await suite.teamName(subject)
            request.commune = try await suite.unitName(commune, on: date)
            request.reason = reason
            request.requestID = UUID().uuidString
            let answer = try await suite.reorganisations.correctPlacement(request, options: suite.call)
            try output.show(answer) { "\(answer.teams.count) teams placed from \(answer.from) on" }
        }
    }
}

private func effectTable(_ effect: Cdt_Registry_V1_ReorganisationEffect) -> Table {
    var table = Table("WHAT", ">NUMBER")
    table.add("units that end", grouped(effect.unitsEnded))
    table.add("units that begin", grouped(effect.unitsCreated))
    table.add("units under another parent", grouped(effect.unitsMoved))
    table.add("teams that go along", grouped(effect.teams))
    table.add("hamlets that go along", grouped(effect.hamlets))
    table.add("memberships in them", grouped(effect.memberships))
    table.add("to be placed by a person", grouped(effect.needsPlacement))
    table.add("units with several teams", grouped(effect.needsConsolidation))
    table.add("capacity policies that end", grouped(Int64(effect.capacityPolicies.count)))
    table.add("grants that become read-only", grouped(Int64(effect.grants.count)))
    return table
}
