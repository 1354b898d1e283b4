import Foundation

/// Writes generated data to a folder: teams.csv, members.csv and, if asked, reports-YYYY-MM.csv.
package struct DataFiles {
    package struct Counts: Equatable, Sendable {
        package var teams = 0
        package var members = 0
        package var reportRows = 0
    }

    let folder: URL

    package init(folder: URL) { self.folder = folder }

    /// - Parameter progress: called after each team with the counts so far.
    package func write(
        _ data: NationalData, provinces: Set<String> = [], reports: [ReportRows] = [],
        progress: (Counts) -> Void = { _ in }
    ) throws -> Counts {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let teams = try CSVWriter(to: file("teams.csv"), header: GeneratedTeam.columns)
        let members = try CSVWriter(to: file("members.csv"), header: GeneratedMember.columns)
        let reportWriters = try reports.map { rows in
            (rows, try CSVWriter(to: file("reports-\(rows.month).csv"), header: ReportRows.columns))
        }
        var counts = Counts()
        try data.forEachTeam(provinces: provinces) { team in
            try teams.write(team.fields)
            for member in team.members { try members.write(member.fields(team: team)) }
            counts.teams += 1
            counts.members += team.members.count
            for (rows, writer) in reportWriters {
                for row in rows.rows(of: team) {
                    try writer.write(row)
                    counts.reportRows += 1
                }
            }
            progress(counts)
        }
        try teams.close()
        try members.close()
        for (_, writer) in reportWriters { try writer.close() }
        return counts
    }

    func file(_ name: String) -> URL { folder.appendingPathComponent(name) }
}
