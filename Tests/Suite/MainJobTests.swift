import Foundation
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// From files to money and mails, over the wire, with the programs as they are shipped.
@Suite(.serialized, .timeLimit(.minutes(15))) struct MainJobTests {
    @Test func `teams are imported, report, are paid and reminded, and every number is that of the files`() async throws
    {
        try await RunningSuite.run { suite in
            let province = try await SampleData.province(in: suite.scratch)
            let data = try SampleData(of: province, communes: 0..<6, named: "sample", in: suite.scratch)
            let health = try await suite.cdt("health")
            #expect(health.status == 0, "\(health.output)")

            // Import; a second time nothing changes.
            let summary = try await suite.importFiles(data.folder)
            // Warned rows are stored as well: some of the teams of 2024 meet on one unit, or lose theirs, on 1/7/2025.
            #expect(summary.accepted + summary.warned == Int64(data.teams + data.members))
            #expect(summary.rejected == 0)
            let again = try await suite.importFiles(data.folder)
            #expect(again.unchanged == Int64(data.teams + data.members), "\(again)")
            let count = try await suite.teams(on: "2024-10-31")
            #expect(count.communeTeams == 6)
            #expect(count.communeTeams + count.hamletTeams == Int64(data.teams))
            #expect(count.memberships == Int64(data.members))

            // Reports.
            try await suite.expectSuccess("report", "open", SampleData.month, "--wait")
            try await suite.submitReports(of: data)
            let figures = try await suite.figures()
            #expect(figures.expected == Int64(data.expectedReports))
            #expect(figures.received == Int64(data.receivedReports))
            #expect(figures.onTime == Int64(data.onTimeReports))
            #expect(figures.missing == Int64(data.expectedReports - data.receivedReports))
            #expect(figures.completeness.numerator == figures.received)
            #expect(figures.completeness.denominator == figures.expected)
            // The same reports in today's units: the province kept its code, and no team is lost.
            let today = try await suite.figures("--tree-date", "2026-10-01")
            #expect(today.expected == figures.expected && today.received == figures.received)

            // 600,000 đồng for every team, both levels (119/2023/NQ-HĐND).
            let run = try await suite.run()
            #expect(run.state == .computed)
            #expect(run.amountDong == Int64(data.teams) * 600_000)
            // The same inputs give the same run.
            let repeated = try await suite.run()
            #expect(repeated.state == .unchanged && repeated.sameAs == run.name)
            #expect(repeated.snapshotHash == run.snapshotHash)

            // One mail to each who owes a report: a commune team's member, a hamlet team's leader.
            let owing = data.expectedReports - data.receivedReports
            #expect(try await suite.plannedReminders("vn") == Int64(owing), "the whole country is this province here")
            let campaign = try await suite.remind()
            #expect(campaign.progress.state == .completed)
            #expect(campaign.progress.recipients == Int64(owing))
            #expect(campaign.progress.counts.first { $0.state == .sent }?.count == Int64(owing))
            #expect(try suite.mails() == Mails(messages: owing, recipients: owing, repeated: 0))
            try await look(at: campaign.campaign.name, run: run.name, of: data, suite)
        }
    }

    /// The questions that people ask afterwards, as `./dev run` and the README show them: as tables and as JSON.
    private func look(at campaign: String, run: String, of data: SampleData, _ suite: RunningSuite) async throws {
        let listed = try await suite.expectSuccess(
            "teams", "list", "42", "--date", "2024-10-31", "--level", "commune", "--limit", "1", "-o", "json")
        let team = try #require(try Cdt_Registry_V1_ListTeamsResponse(jsonString: listed.output).teams.first)
        let key = "\(team.sourceSystem):\(team.externalID)"
        let questions = [
            ["units", "search", "ky anh", "--date", "2024-10-31"], ["units", "resolve", "15", "--date", "2025-06-30"],
            ["teams", "get", team.name, "--date", "2024-10-31"], ["teams", "members", key, "--date", "2024-10-31"],
            ["coverage", "42", "--level", "hamlet", "--date", "2024-10-31"],
            ["report", "owed", "42", "--month", SampleData.month, "--limit", "10"],
            ["report", "status", "42", "--month", SampleData.month, "--tree-date", "2026-10-01"],
            ["fund", "policies", "--on", "2024-10-31"], ["fund", "compute", "42", "--month", SampleData.month],
            ["fund", "entitlement", key, "--month", SampleData.month, "--explain"], ["fund", "lines", run],
            ["notify", "channels"], ["notify", "templates"], ["notify", "status", campaign],
            ["notify", "deliveries", campaign, "--limit", "10"],
        ]
        for question in questions {
            for format in ["table", "json"] {
                let answer = try await suite.cdt(question + ["-o", format])
                #expect(answer.status == 0, "\(question): \(answer.errors)")
                #expect(answer.output.count > 2, "\(question)")
            }
        }
        // What is exported are the rows that were imported.
        let folder = suite.scratch.path("export")
        try await suite.expectSuccess("export", folder, "42", "--date", "2024-10-31")
        let rows = try ["teams.csv", "members.csv"].map { file in
            try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8).split(separator: "\n").count - 1
        }
        #expect(rows == [data.teams, data.members])
    }

    @Test func `an import in which rows are wrong stores the others, says why, and ends with 65`() async throws {
        try await RunningSuite.run([.registry]) { suite in
            let province = try await SampleData.province(in: suite.scratch)
            let data = try SampleData(of: province, communes: 0..<1, named: "wrong", in: suite.scratch)
            let file = "\(data.folder)/teams.csv"
            var text = try String(contentsOfFile: file, encoding: .utf8)
            text += "99999-000,xa,Tổ ở xã không có,,99999,42,2023-01-01,0,1/QĐ-UBND\n"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let outcome = try await suite.cdt(
                "import", data.folder, "--source", SampleData.source, "--code-date", "2024-10-01", "-o", "json")
            #expect(outcome.status == 65, "\(outcome.errors)")
            let summary = try Cdt_Registry_V1_ImportSummary(jsonString: outcome.output)
            #expect(summary.rejected == 1)
            #expect(summary.accepted + summary.warned == Int64(data.teams + data.members))
            let problems = try String(contentsOfFile: "\(data.folder)/import-problems.csv", encoding: .utf8)
            #expect(problems.contains("teams.csv,\(data.teams + 2),REJECTED,"), "\(problems)")
            #expect(problems.contains("99999"))
        }
    }
}
