import RPC
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

/// What a device has gathered while it was offline is answered one by one, "never silently".
@Suite("Devices that were offline", .serialized, .onBothEngines)
struct SyncTests {
    @Test("Each report gets its verdict in the order sent: applied, duplicate, conflict, rejected, kept for review")
    func verdicts() async throws {
        let registry = try await RegistryStandIn()
        try await registry.tellSmallTruth(members: 3)
        try await ServiceTests.with(registry) { client, _ in
            _ = try await ServiceTests.wait(client, for: 3)
            // Meanwhile somebody else has reported for p1.
            _ = try await client.submitReport(
                .with {
                    $0.submission = ServiceTests.submission("p1", operation: "at the office")
                    $0.submission.report.narrative = "Văn phòng xã nhập thay"
                })
            let reused = ServiceTests.submission("p2", operation: "op p0")
            let gathered = [
                ServiceTests.submission("p0"), ServiceTests.submission("p0"), ServiceTests.submission("p1"), reused,
                .with { $0.operationID = "nothing in it" }, ServiceTests.submission("stranger"),
                ServiceTests.submission("p2", period: "2023-01"),
            ]
            let request = Cdt_Activity_V1_SyncReportsRequest.with { $0.submissions = gathered }
            let first = try await client.syncReports(request)
            let expected: [Cdt_Activity_V1_SubmitOutcome] = [
                .applied, .duplicate, .conflict, .conflict, .rejected, .keptForReview, .rejected,
            ]
            #expect(first.verdicts.map(\.outcome) == expected)
            #expect(first.verdicts.map(\.position) == Array(1...7))
            #expect(first.verdicts.map(\.operationID) == gathered.map(\.operationID))
            #expect(first.registry.connected && first.registry.hasAsOf)
            // Every refusal says why, in both languages; a conflict over a version brings what is there.
            for verdict in first.verdicts where ![.applied, .duplicate].contains(verdict.outcome) {
                #expect(!verdict.problems.isEmpty, "\(verdict.position)")
                #expect(verdict.problems.allSatisfy { !$0.description_p.isEmpty && !$0.descriptionVi.isEmpty })
            }
            #expect(first.verdicts[2].problems.map(\.reason) == ["VERSION_CONFLICT"])
            #expect(first.verdicts[2].newest.narrative == "Văn phòng xã nhập thay")
            #expect(first.verdicts[3].problems.map(\.reason) == ["OPERATION_ID_REUSED"])
            #expect(!first.verdicts[3].hasNewest)
            #expect(first.verdicts[5].rejectedReport.hasPrefix("rejectedReports/"))
            #expect(first.verdicts[6].problems.map(\.reason) == ["PERIOD_NOT_OPEN"])
            #expect(try await client.getFigures(.with { $0.period = "2024-10" }).figures.received == 2)

            // The answer was lost on its way: sent again it is the same, but for what was applied then.
            let again = try await client.syncReports(request)
            #expect(again.verdicts.map(\.outcome) == [.duplicate] + expected.dropFirst())
            #expect(again.verdicts[5].rejectedReport == first.verdicts[5].rejectedReport)
            #expect(try await client.listRejectedReports(.init()).rejectedReports.count == 1)
            #expect(try await client.getFigures(.with { $0.period = "2024-10" }).figures.received == 2)

            // Whoever has seen the newest version corrects it.
            var correction = ServiceTests.submission("p1", operation: "corrected")
            correction.baseVersion = first.verdicts[2].newest.version
            let corrected = try await client.syncReports(.with { $0.submissions = [correction] })
            #expect(corrected.verdicts.map(\.outcome) == [.applied])
            #expect(corrected.verdicts.first?.obligation.reportVersion == 2)
        }
        await registry.server.shutdown(grace: .zero)
    }
}
