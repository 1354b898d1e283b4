import ArgumentParser
import Foundation
import RPC
import Shared

struct ExportCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write the teams and members of a unit as teams.csv and members.csv.",
        discussion: """
            The files have the columns that `cdt import` reads, and the resource names. Personal data: the export is \
            audited.

            Example: cdt export .local/out 42 --date 2024-10-31
            """)

    @Argument(help: "Folder for the files; made if absent.", completion: .directory)
    var folder: String
    @Argument(help: "units/{id}, vn, or a national code.")
    var unit = "vn"
    @Option(help: "The day, YYYY-MM-DD; default: today.")
    var date = ""
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        let base = URL(fileURLWithPath: folder)
        try FileManager.default.createDirectory(at: base, withIntermediateDirectories: true)
        let name = try await suite.unitName(unit, on: date)

        // Members first: a team's row tells how many there are.
        let members = try CSVWriter(
            to: base.appendingPathComponent("members.csv"),
            header: GeneratedMember.columns + ["from", "to", "membership"])
        var memberRequest = Cdt_Registry_V1_ExportMembersRequest()
        memberRequest.unit = name
        memberRequest.date = date
        var sizes: [String: Int] = [:]
        var memberCount = 0
        let progress = ProgressLine(label: "export", unit: "rows")
        for try await part in try await suite.imports.exportMembers(memberRequest, options: suite.stream).responses {
            for (row, resource) in zip(part.rows, part.names) {
                sizes[row.teamExternalID, default: 0] += 1
                memberCount += 1
                try members.write(fields(row, resource))
            }
            progress.update(memberCount)
        }
        try members.close()

        let teams = try CSVWriter(
            to: base.appendingPathComponent("teams.csv"), header: GeneratedTeam.columns + ["team"])
        var teamRequest = Cdt_Registry_V1_ExportTeamsRequest()
        teamRequest.unit = name
        teamRequest.date = date
        var teamCount = 0
        for try await part in try await suite.imports.exportTeams(teamRequest, options: suite.stream).responses {
            for (row, resource) in zip(part.rows, part.names) {
                teamCount += 1
                try teams.write([
                    row.externalID, ImportFields.text(row.level), row.displayName, row.hamlet, row.communeCode,
                    row.provinceCode, row.established, "\(sizes[row.externalID] ?? 0)", row.decision.number, resource,
                ])
            }
            progress.update(memberCount + teamCount)
        }
        try teams.close()
        progress.finish()
        output.note("\(folder): \(grouped(teamCount)) teams, \(grouped(memberCount)) members")
    }

    private func fields(_ row: Cdt_Registry_V1_MemberRow, _ resource: String) -> [String] {
        [
            row.externalID, row.teamExternalID, ImportFields.text(row.role), row.fullName, ImportFields.text(row.sex),
            row.birth, row.phones.joined(separator: " "), ImportFields.text(row.occupation),
            row.organisations.contains(ImportFields.youthUnion) ? "1" : "0", row.email, row.from, row.to, resource,
        ]
    }
}
