import ArgumentParser
import Shared

struct UnitsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "units", abstract: "Administrative units, as of any date since 10/4/2022.",
        subcommands: [Get.self, Resolve.self, Search.self, List.self, Succession.self])

    struct Get: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "One unit with its ancestors.",
            discussion: "Example: cdt units get 42 --date 2024-10-31")

        @Argument(help: "units/{id}, vn, or a national code.")
        var unit: String
        @Option(help: "The day, YYYY-MM-DD; default: today.")
        var date = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_GetUnitRequest()
            let name = try await suite.unitName(unit, on: date)
            request.name = name.isEmpty ? "units/vn" : name
            request.date = date
            let answer = try await suite.registry.getUnit(request, options: suite.call)
            var up = Cdt_Registry_V1_ListUnitAncestorsRequest()
            up.name = answer.unit.name
            up.date = answer.date
            let ancestors = try await suite.registry.listUnitAncestors(up, options: suite.call).ancestors
            try output.show(answer) { unitCard(answer.unit, date: answer.date, ancestors: ancestors) }
        }
    }

    struct Resolve: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Which unit a national code meant on a date.",
            discussion: """
                Codes were reused: 15 was Yên Bái until 30/6/2025 and is Lào Cai since.
                Example: cdt units resolve 15 --date 2025-06-30
                """)

        @Argument(help: "2 digits for a province, 3 for a district, 5 for a commune.")
        var code: String
        @Option(help: "The day, YYYY-MM-DD; default: today.")
        var date = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            let answer = try await suite.resolve(code: code, on: date)
            try output.show(answer) { unitCard(answer.unit, date: answer.date, ancestors: answer.ancestors) }
        }
    }

    struct Search: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find units by name; tone marks, case and đ/d do not matter.",
            discussion: "Example: cdt units search 'muong mun'")

        @Argument(help: "Beginning of any word of the name.")
        var query: String
        @Option(help: "Only under this unit: units/{id} or a national code.")
        var under = ""
        @Option(help: "Only this level: province, district, commune, hamlet.")
        var level: Cdt_Registry_V1_UnitLevel?
        @Option(help: "The day, YYYY-MM-DD; default: today.")
        var date = ""
        @Option(help: "At most so many.")
        var limit = 50
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_SearchUnitsRequest()
            request.query = query
            request.parent = try await suite.unitName(under, on: date)
            request.levels = level.map { [$0] } ?? []
            request.date = date
            var answer = Cdt_Registry_V1_SearchUnitsResponse()
            answer.hits = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.registry.searchUnits(request, options: suite.call)
                answer.totalSize = page.totalSize
                answer.date = page.date
                answer.dateDefaulted = page.dateDefaulted
                return (page.hits, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("CODE", "NAME", "IN", "VALID", "UNIT")
                for hit in answer.hits {
                    let unit = hit.unit
                    table.add(
                        unit.code, unit.displayName, hit.path, shownInterval(unit.validFrom, unit.validTo), unit.name)
                }
                return "\(table.text)\n\(answer.hits.count) of \(answer.totalSize) units on \(answer.date)"
            }
        }
    }

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Units under a unit.",
            discussion: "Example: cdt units list 42 --level commune --date 2025-06-30")

        @Argument(help: "units/{id}, vn, or a national code.")
        var unit = "vn"
        @Option(help: "Level, at any depth: province, district, commune, hamlet; default: those right below.")
        var level: Cdt_Registry_V1_UnitLevel?
        @Option(help: "The day, YYYY-MM-DD; default: today.")
        var date = ""
        @Option(help: "At most so many; 0: all.")
        var limit = 0
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListUnitsRequest()
            request.parent = try await suite.unitName(unit, on: date)
            request.level = level ?? .unspecified
            request.date = date
            var answer = Cdt_Registry_V1_ListUnitsResponse()
            answer.units = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.registry.listUnits(request, options: suite.call)
                answer.totalSize = page.totalSize
                answer.date = page.date
                answer.dateDefaulted = page.dateDefaulted
                return (page.units, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("CODE", "NAME", "LEVEL", "VALID", "UNIT")
                for unit in answer.units {
                    table.add(
                        unit.code, unit.displayName, label(unit.level), shownInterval(unit.validFrom, unit.validTo),
                        unit.name)
                }
                return "\(table.text)\n\(answer.units.count) of \(answer.totalSize) units on \(answer.date)"
            }
        }
    }

    struct Succession: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "What a unit came from and what it became.",
            discussion: "Example: cdt units succession 18073 --date 2025-06-30")

        @Argument(help: "units/{id} or a national code.")
        var unit: String
        @Option(help: "The day on which a code is read; default: today.")
        var date = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListUnitSuccessionsRequest()
            request.name = try await suite.unitName(unit, on: date)
            let answer = try await suite.registry.listUnitSuccessions(request, options: suite.call)
            try output.show(answer) {
                var table = Table("ON", "FROM", "TO", "HOW", "PART", "DEFAULT")
                for line in answer.predecessors + answer.successors {
                    table.add(
                        line.effectiveOn, "\(line.source.code) \(line.source.displayName)",
                        "\(line.target.code) \(line.target.displayName)", label(line.relation),
                        line.part ? "part" : "whole", line.isDefault ? "default" : "")
                }
                return table
            }
        }
    }
}

/// A unit as lines of a name and a value.
private func unitCard(_ unit: Cdt_Registry_V1_Unit, date: String, ancestors: [Cdt_Registry_V1_Unit]) -> String {
    var table = Table("UNIT", unit.displayName)
    table.add("name", unit.name)
    table.add("code", unit.code)
    table.add("level", "\(label(unit.level)) (\(unit.kind))")
    table.add("valid", shownInterval(unit.validFrom, unit.validTo))
    table.add("in", ancestors.map(\.displayName).joined(separator: ", "))
    if !unit.aliases.isEmpty { table.add("also", unit.aliases.joined(separator: ", ")) }
    if !unit.successors.isEmpty { table.add("became", unit.successors.joined(separator: ", ")) }
    table.add("as of", date)
    return table.text
}
