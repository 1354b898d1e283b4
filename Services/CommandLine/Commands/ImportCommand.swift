import ArgumentParser
import Foundation
import Shared

struct ImportCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Import teams.csv and members.csv into the Registry.",
        discussion: """
            A row is recognised by its id in the source system: sent again it changes nothing, so an import may be \
            repeated, and a broken one is continued with --batch. Rejected and warned rows are written to a file with \
            the reasons. Ends with 65 when rows were rejected.

            Example: cdt import .local/hatinh --source hatinh --code-date 2024-10-01
            """)

    @Argument(help: "Folder with teams.csv and members.csv; either may be absent.", completion: .directory)
    var folder: String
    @Option(help: "Name of the system the ids belong to: lower-case letters, digits, `.`, `_`, `-`.")
    var source = "csv"
    @Option(help: "The day on which commune codes are read, YYYY-MM-DD; default: today.")
    var codeDate = ""
    @Flag(help: "Judge every row and store nothing.")
    var validate = false
    @Option(help: "Go on with a broken import: importBatches/{id}.")
    var batch = ""
    @Option(help: "File for rejected and warned rows; default: import-problems.csv in the folder.")
    var problems: String?
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let base = URL(fileURLWithPath: folder)
        func existing(_ name: String) -> URL? {
            let url = base.appendingPathComponent(name)
            return FileManager.default.fileExists(atPath: url.path) ? url : nil
        }
        let files = (existing("teams.csv"), existing("members.csv"))
        guard files.0 != nil || files.1 != nil else {
            throw ValidationError("\(folder) holds neither teams.csv nor members.csv; `cdt generate` makes examples.")
        }
        let rows = try ImportSource(teams: files.0, members: files.1)
        var header = Cdt_Registry_V1_ImportHeader()
        header.mode = validate ? .validate : .commit
        header.sourceSystem = source
        header.codeDate = codeDate
        header.batch = batch
        header.label = base.lastPathComponent
        let progress = ProgressLine(
            label: validate ? "validate" : "import", unit: "rows", total: rows.approximateCount)
        var session = ImportSession(client: try suite.imports, source: rows, header: header)
        let begun = ContinuousClock.now
        let result = try await session.run(progress: progress)
        progress.finish()
        let seconds = Double(begun.duration(to: .now) / .milliseconds(1)) / 1000

        let file = problems.map { URL(fileURLWithPath: $0) } ?? base.appendingPathComponent("import-problems.csv")
        if !result.problems.isEmpty { try write(result.problems, to: file) }
        let summary = summary(of: result)
        try output.show(summary) {
            text(of: summary, result, seconds: seconds, problemFile: result.problems.isEmpty ? nil : file.path)
        }
        if summary.rejected > 0 { throw ExitCode(ExitCodes.refusedInput) }
    }

    private func summary(of result: ImportSession.Result) -> Cdt_Registry_V1_ImportSummary {
        var summary = Cdt_Registry_V1_ImportSummary()
        summary.rows = Int64(result.rows)
        summary.accepted = Int64(result.outcomes[.accepted] ?? 0)
        summary.unchanged = Int64(result.outcomes[.unchanged] ?? 0)
        summary.warned = Int64(result.outcomes[.warned] ?? 0)
        summary.rejected = Int64(result.outcomes[.rejected] ?? 0)
        return summary
    }

    private func text(
        of summary: Cdt_Registry_V1_ImportSummary, _ result: ImportSession.Result, seconds: Double, problemFile: String?
    ) -> String {
        var table = Table(">ROWS", ">ACCEPTED", ">UNCHANGED", ">WARNED", ">REJECTED")
        table.add(
            grouped(summary.rows), grouped(summary.accepted), grouped(summary.unchanged), grouped(summary.warned),
            grouped(summary.rejected))
        let rate = seconds > 0 ? grouped(Int(Double(result.rows) / seconds)) : "-"
        var lines = [
            table.text, "\(validate ? "judged" : "stored") in \(String(format: "%.1f", seconds)) s, \(rate) rows/s",
        ]
        if result.skipped > 0 { lines.append("\(grouped(result.skipped)) rows were stored before and not sent again") }
        if !result.batch.isEmpty { lines.append("batch \(result.batch)") }
        var reasons: [String: Int] = [:]
        for problem in result.problems {
            for reason in Set(problem.verdict.problems.map(\.reason)) { reasons[reason, default: 0] += 1 }
        }
        if !reasons.isEmpty {
            var table = Table("REASON", ">ROWS")
            for (reason, count) in reasons.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
                table.add(reason, grouped(count))
            }
            lines.append(table.text)
        }
        if let problemFile { lines.append("rows and reasons: \(problemFile)") }
        return lines.joined(separator: "\n")
    }

    private func write(_ problems: [ImportSession.Problem], to file: URL) throws {
        let writer = try CSVWriter(to: file, header: ["file", "line", "outcome", "reasons", "fields", "what", "row"])
        for problem in problems {
            let causes = problem.verdict.problems
            try writer.write([
                problem.origin.file, "\(problem.origin.line)", label(problem.verdict.outcome),
                causes.map(\.reason).joined(separator: " "), causes.map(\.field).joined(separator: " "),
                causes.map(\.description_p).joined(separator: " "), problem.origin.fields.joined(separator: ","),
            ])
        }
        try writer.close()
    }
}
