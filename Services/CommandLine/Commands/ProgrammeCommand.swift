import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct ProgrammeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "programme", abstract: "What provinces and ministries have set up, and published figures.",
        subcommands: [Status.self, Agencies.self, Milestones.self, Figures.self, Record.self])

    struct Status: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "How many have taken each step by a date.",
            discussion: "Example: cdt programme status --date 2022-08-23")

        @Option(help: "The day, YYYY-MM-DD; default: today.")
        var date = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_GetProgrammeStatusRequest()
            request.date = date
            let answer = try await suite.programme.getProgrammeStatus(request, options: suite.call)
            try output.show(answer) {
                var table = Table("STEP", "OF", ">TAKEN", ">ALL", ">PERCENT")
                for share in answer.shares {
                    table.add(
                        label(share.kind), label(share.agencyKind), grouped(share.share.numerator),
                        grouped(share.share.denominator), share.share.percent)
                }
                return table
            }
        }
    }

    struct Agencies: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "The agencies recorded.")

        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListAgenciesRequest()
            var answer = Cdt_Registry_V1_ListAgenciesResponse()
            answer.agencies = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.programme.listAgencies(request, options: suite.call)
                return (page.agencies, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("NAME", "KIND", "UNIT", "AGENCY")
                for agency in answer.agencies {
                    table.add(agency.displayName, label(agency.kind), agency.unit, agency.name)
                }
                return table
            }
        }
    }

    struct Milestones: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Steps taken, by day.")

        @Option(help: "Only of this agency, agencies/{id}.")
        var agency = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListMilestonesRequest()
            request.agency = agency
            var answer = Cdt_Registry_V1_ListMilestonesResponse()
            answer.milestones = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.programme.listMilestones(request, options: suite.call)
                return (page.milestones, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("ON", "STEP", "DOCUMENT", "AGENCY")
                for step in answer.milestones {
                    table.add(step.date, label(step.kind), step.document.number, step.agency)
                }
                return table
            }
        }
    }

    struct Figures: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Published figures, by day.")

        @Option(help: "Only of this unit: units/{id}, vn, or a national code.")
        var unit: String?
        @Option(help: "The day on which the code is read; default: today.")
        var date = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListFiguresRequest()
            if let unit {
                let name = try await suite.unitName(unit, on: date)
                request.unit = name.isEmpty ? "units/vn" : name
            }
            var answer = Cdt_Registry_V1_ListFiguresResponse()
            answer.figures = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.programme.listFigures(request, options: suite.call)
                return (page.figures, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("FOR", "INDICATOR", ">FIGURE", "HOW EXACT", ">OF", "SOURCE")
                for figure in answer.figures {
                    table.add(
                        figure.date, figure.indicator, grouped(figure.value), label(figure.qualifier),
                        figure.outOf == 0 ? "" : grouped(figure.outOf), figure.source)
                }
                return table
            }
        }
    }

    struct Record: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record agencies, steps and figures from a file.",
            discussion: """
                Each line of the file is one request as JSON, under the name of its call: {"createAgency": {…}},
                {"recordMilestone": {…}} or {"recordFigure": {…}}.
                """)

        @Argument(help: "The file.", completion: .file())
        var file: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            let text = try String(contentsOfFile: file, encoding: .utf8)
            var count = 0
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            where !line.allSatisfy(\.isWhitespace) {
                let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                guard let entry = object?.first, object?.count == 1 else {
                    throw ValidationError(
                        "\(file), line \(number + 1): one request is expected, under its call's name.")
                }
                let body = try JSONSerialization.data(withJSONObject: entry.value)
                switch entry.key {
                case "createAgency":
                    let request = try Cdt_Registry_V1_CreateAgencyRequest(jsonUTF8Data: body)
                    _ = try await suite.programme.createAgency(request, options: suite.call)
                case "recordMilestone":
                    let request = try Cdt_Registry_V1_RecordMilestoneRequest(jsonUTF8Data: body)
                    _ = try await suite.programme.recordMilestone(request, options: suite.call)
                case "recordFigure":
                    let request = try Cdt_Registry_V1_RecordFigureRequest(jsonUTF8Data: body)
                    _ = try await suite.programme.recordFigure(request, options: suite.call)
                default: throw ValidationError("\(file), line \(number + 1): there is no call \(entry.key).")
                }
                count += 1
            }
            output.note("\(grouped(count)) recorded")
        }
    }
}
