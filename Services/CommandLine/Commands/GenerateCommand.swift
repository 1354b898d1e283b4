import ArgumentParser
import Foundation

struct GenerateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Write realistic synthetic teams and members as CSV files.",
        discussion: """
            The whole country has exactly 93,524 teams and 457,820 members over the real communes of the chosen day. \
            Every person is invented; phones begin with 0992, which no operator has, and e-mail addresses end in \
            .example. The same options give the same bytes, and a choice of provinces gives the same rows as the whole.

            Example: cdt generate .local/hatinh --as-of 2024-10-01 --provinces 42 --reports 2024-10 --check
            """)

    @Argument(help: "Folder for teams.csv and members.csv; made if absent.", completion: .directory)
    var folder: String

    @Option(help: "Day whose communes the teams sit in, YYYY-MM-DD.")
    var asOf = "2026-10-01"

    @Option(help: "Province codes of that day, separated by commas; default: all.")
    var provinces = ""

    @Option(help: "First month to write reports for, YYYY-MM.")
    var reports: String?

    @Option(help: "Number of months of reports.")
    var months = 1

    @Option(help: "Folder with provinces.csv, communes.csv and successions.csv; default: those of the Registry.")
    var units: String?

    @Option(help: "Another seed gives another country.")
    var seed = "1"

    @Option(help: "First digits of every phone number, at most four.")
    var phonePrefix = "0992"

    @Flag(help: "Read the files back and check totals, limits, references and uniqueness.")
    var check = false

    func validate() throws {
        guard asOf.wholeMatch(of: /\d{4}-\d{2}-\d{2}/) != nil else {
            throw ValidationError("--as-of \(asOf) is not a date; write it as 2024-10-01.")
        }
        if let reports, ReportMonth(reports) == nil {
            throw ValidationError("--reports \(reports) is not a month; write it as 2024-10.")
        }
        guard months >= 1 else { throw ValidationError("--months must be 1 or more.") }
        guard phonePrefix.wholeMatch(of: /0\d{1,3}/) != nil else {
            throw ValidationError("--phone-prefix \(phonePrefix): a zero and one to three more digits.")
        }
    }

    func run() async throws {
        guard let directory = units.map({ URL(fileURLWithPath: $0) }) ?? UnitTables.defaultDirectory() else {
            throw ValidationError("The unit files are not found; name their folder with --units or CDT_UNITS.")
        }
        let tables = try UnitTables(directory: directory)
        let chosen = Set(provinces.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) })
        let unknown = chosen.subtracting(tables.provinces(on: asOf).map(\.code)).sorted()
        guard unknown.isEmpty else {
            throw ValidationError(
                "--provinces: no province had the code \(unknown.joined(separator: ", ")) on \(asOf).")
        }
        var reportRows: [ReportRows] = []
        if var month = reports.flatMap({ ReportMonth($0) }) {
            for _ in 0..<months {
                reportRows.append(ReportRows(month: month, seed: seed))
                month = month.next
            }
        }
        let data = try NationalData(units: tables, asOf: asOf, seed: seed, phonePrefix: phonePrefix)
        let target = URL(fileURLWithPath: folder)
        let progress = ProgressLine(label: "generate", unit: "members")
        let counts = try DataFiles(folder: target).write(data, provinces: chosen, reports: reportRows) {
            progress.update($0.members)
        }
        progress.finish()
        print("\(folder): \(counts.teams) teams, \(counts.members) members", terminator: "")
        print(counts.reportRows > 0 ? ", \(counts.reportRows) report rows" : "")
        guard check else { return }
        let result = try DataCheck(folder: target, units: tables, asOf: asOf, whole: chosen.isEmpty)
        print(result.summary)
        if !result.problems.isEmpty { throw ExitCode(1) }
    }
}
