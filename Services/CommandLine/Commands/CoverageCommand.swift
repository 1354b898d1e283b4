import ArgumentParser
import Shared

struct CoverageCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "coverage", abstract: "Share of units that have an active team.",
        discussion: """
            Examples:
              cdt coverage vn --level commune --by province --date 2024-10-01
              cdt coverage 42 --level hamlet --date 2024-10-01
            """)

    @Argument(help: "units/{id}, vn, or a national code.")
    var unit = "vn"
    @Option(help: "Level of the units counted: province, district, commune, hamlet.")
    var level: Cdt_Registry_V1_UnitLevel = .commune
    @Option(help: "One row for every unit of this level; default: those right below.")
    var by: Cdt_Registry_V1_UnitLevel?
    @Option(help: "The day, YYYY-MM-DD; default: today.")
    var date = ""
    @Flag(help: "Only the unit itself.")
    var total = false
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let name = try await suite.unitName(unit, on: date)
        if total {
            var request = Cdt_Registry_V1_GetCoverageRequest()
            request.unit = name
            request.level = level
            request.date = date
            let answer = try await suite.registry.getCoverage(request, options: suite.call)
            try output.show(answer) { "\(shown(answer.coverage)) on \(answer.date)" }
            return
        }
        var request = Cdt_Registry_V1_ListCoverageRequest()
        request.parent = name
        request.level = level
        request.date = date
        request.by = by ?? .unspecified
        let answer = try await suite.registry.listCoverage(request, options: suite.call)
        try output.show(answer) {
            var table = Table("CODE", "NAME", ">WITH A TEAM", ">OF", ">PERCENT")
            for row in answer.rows + [totalRow(answer.total)] {
                let ratio = row.coverage
                table.add(
                    row.unit.code, row.unit.displayName, grouped(ratio.numerator), grouped(ratio.denominator),
                    ratio.denominator == 0 ? "not applicable" : ratio.percent)
            }
            return "\(table.text)\non \(answer.date)"
        }
    }

    private func totalRow(_ ratio: Cdt_Common_V1_Ratio) -> Cdt_Registry_V1_CoverageRow {
        var row = Cdt_Registry_V1_CoverageRow()
        row.unit.displayName = "All"
        row.coverage = ratio
        return row
    }
}
