import Foundation
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// "Killing any one service with SIGKILL leaves the other three answering; restarted, it catches up, and nothing
/// acknowledged is missing."
@Suite(.serialized, .timeLimit(.minutes(15))) struct CrashTests {
    /// A read that each service answers without the others.
    private func expectAnswer(_ program: Program, _ suite: RunningSuite) async throws {
        switch program {
        case .registry: _ = try await suite.teams(on: "2024-10-31")
        case .activity: try await suite.expectSuccess("report", "status", "vn", "--month", "2024-10", "--total")
        case .funding: try await suite.expectSuccess("fund", "policies")
        case .notification: try await suite.expectSuccess("notify", "templates")
        }
    }

    @Test func `any one service may be killed: the others answer, and it comes back with everything`() async throws {
        try await RunningSuite.run { suite in
            let province = try await SampleData.province(in: suite.scratch)
            let first = try SampleData(of: province, communes: 0..<3, named: "first", in: suite.scratch)
            _ = try await suite.importFiles(first.folder)
            try await suite.expectSuccess("report", "open", SampleData.month, "--wait")
            try await suite.submitReports(of: first)
            _ = try await suite.run()
            let reminded = try await suite.remind()
            let mails = try suite.mails()

            var teams = first.teams
            var expected = first.expectedReports
            for (index, victim) in Program.allCases.enumerated() {
                await suite.crash(victim)
                for other in Program.allCases where other != victim { try await expectAnswer(other, suite) }
                // While a consumer is away its source goes on.
                let more = try SampleData(
                    of: province, communes: (3 + index)..<(4 + index), named: "more-\(index)", in: suite.scratch)
                if victim != .registry { _ = try await suite.importFiles(more.folder) }
                try await suite.restart(victim)
                if victim == .registry { _ = try await suite.importFiles(more.folder) }
                teams += more.teams
                expected += more.expectedReports

                #expect(try await suite.teams(on: "2024-10-31").communeTeams == Int64(4 + index))
                try await suite.expectSuccess("report", "open", SampleData.month, "--wait")
                let figures = try await suite.figures()
                #expect(figures.expected == Int64(expected), "after \(victim) was killed")
                #expect(figures.received == Int64(first.receivedReports), "after \(victim) was killed")
                #expect(try await suite.run().amountDong == Int64(teams) * 600_000, "after \(victim) was killed")
                let status = try await suite.expectSuccess(
                    "notify", "status", reminded.campaign.name, "-o", "json")
                let campaign = try Cdt_Notification_V1_GetCampaignResponse(jsonString: status.output)
                #expect(campaign.progress.counts == reminded.progress.counts, "after \(victim) was killed")
                #expect(try suite.mails() == mails, "a restart sends nothing again")
            }
        }
    }

    @Test func `an import goes on by itself when the Registry is killed in the middle`() async throws {
        try await RunningSuite.run([.registry]) { suite in
            let province = try await SampleData.province(in: suite.scratch)
            async let importing = suite.importFiles(province)
            // Some rows are stored, others are on their way.
            try await eventually("rows arrive") { try await suite.teams(on: "2024-10-31").communeTeams > 20 }
            await suite.crash(.registry)
            try await suite.restart(.registry)
            let summary = try await importing
            #expect(summary.rejected == 0)
            let count = try await suite.teams(on: "2024-10-31")
            #expect(count.communeTeams == 216)
            let whole = try SampleData(of: province, communes: 0..<216, named: "whole", in: suite.scratch)
            #expect(count.communeTeams + count.hamletTeams == Int64(whole.teams))
            #expect(count.memberships == Int64(whole.members))
        }
    }
}
