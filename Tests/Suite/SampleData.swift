import Foundation
import TestSupport
import Testing

/// Some communes of Hà Tĩnh as of October 2024, out of `cdt generate`, and what must come of them, counted here from
/// the files alone.
struct SampleData {
    let folder: String
    private(set) var teams = 0
    private(set) var members = 0
    /// Members of commune teams report each, hamlet teams as one.
    private(set) var expectedReports = 0
    private(set) var receivedReports = 0
    private(set) var onTimeReports = 0

    static let source = "suite-test"
    static let month = "2024-10"

    /// The files of the whole province.
    static func province(in scratch: ScratchFolder) async throws -> String {
        let folder = scratch.path("province")
        let made = try await ChildProcess.run([
            "\(PackageFolder.products)/cdt", "generate", folder, "--as-of", "2024-10-01", "--provinces", "42",
            "--reports", month, "--check",
        ])
        try #require(made.status == 0, "\(made.output)\(made.errors)")
        return folder
    }

    /// The chosen communes of these files, as files of their own.
    init(of province: String, communes range: Range<Int>, named name: String, in scratch: ScratchFolder) throws {
        folder = scratch.path(name)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func lines(_ file: String) throws -> [Substring] {
            try String(contentsOfFile: "\(province)/\(file)", encoding: .utf8).split(separator: "\n")
        }
        let teamLines = try lines("teams.csv")
        var codes: [Substring] = []
        for line in teamLines.dropFirst() where codes.last != line.prefix(5) { codes.append(line.prefix(5)) }
        let chosen = Set(codes[range])
        func keep(_ file: String) throws -> [Substring] {
            let all = try lines(file)
            let kept = all.dropFirst().filter { chosen.contains($0.prefix(5)) }
            try ([all[0]] + kept).joined(separator: "\n").appending("\n")
                .write(toFile: "\(folder)/\(file)", atomically: true, encoding: .utf8)
            return Array(kept)
        }
        teams = try keep("teams.csv").count
        members = try keep("members.csv").count
        // A subject's first day of a report: of its only member, or the earliest of the team's members.
        var received: [Substring: Substring?] = [:]
        for line in try keep("reports-\(Self.month).csv") {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            let member = fields[0]
            let subject = member.dropFirst(6).hasPrefix("000-") ? member : member.dropLast(3)
            let day = fields[2] == "chưa nộp" ? nil : fields[3]
            let known = received[subject] ?? nil
            received[subject] = .some([known, day].compactMap(\.self).min())
        }
        expectedReports = received.count
        receivedReports = received.values.count { $0 != nil }
        onTimeReports = received.values.count { $0.map { $0 <= "2024-11-05" } ?? false }
    }
}
