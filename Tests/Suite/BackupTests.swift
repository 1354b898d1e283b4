import Foundation
import Shared
import TestSupport
import Testing

/// A copy made while the service runs, put in the place of a database that is lost.
@Suite(.timeLimit(.minutes(10))) struct BackupTests {
    private func registry(_ suite: RunningSuite, _ arguments: String...) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(
            ["\(PackageFolder.products)/registry", "--data", suite.scratch.path("registry")] + arguments)
    }

    /// Everything the Registry exports, as text.
    private func everything(_ suite: RunningSuite, _ name: String) async throws -> [String: Data] {
        let folder = suite.scratch.path(name)
        try await suite.expectSuccess("export", folder, "--date", "2024-10-31")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        return Dictionary(
            uniqueKeysWithValues: files.map { ($0, FileManager.default.contents(atPath: "\(folder)/\($0)") ?? Data()) })
    }

    @Test func `what a backup held is there again after a loss, and other services agree with it`() async throws {
        try await RunningSuite.run([.registry, .activity, .funding]) { suite in
            let province = try await SampleData.province(in: suite.scratch)
            let kept = try SampleData(of: province, communes: 0..<2, named: "kept", in: suite.scratch)
            let lost = try SampleData(of: province, communes: 2..<4, named: "lost", in: suite.scratch)
            _ = try await suite.importFiles(kept.folder)
            let before = try await everything(suite, "before")

            let file = suite.scratch.path("registry-backup.db")
            let made = try await registry(suite, "--backup", file)
            #expect(made.status == 0, "\(made.errors)")
            #expect(made.output.contains("registry-backup.db"))
            let again = try await registry(suite, "--backup", file)
            #expect(again.status == 1 && again.errors.contains("does not overwrite"), "\(again.errors)")

            _ = try await suite.importFiles(lost.folder)
            try await suite.expectSuccess("report", "open", SampleData.month, "--wait")
            #expect(try await suite.figures().expected == Int64(kept.expectedReports + lost.expectedReports))
            try await eventually("both are due their allowance") {
                try await suite.run().amountDong == Int64(kept.teams + lost.teams) * 600_000
            }

            let early = try await registry(suite, "--restore", file)
            #expect(early.status == 1 && early.errors.contains("move it away first"), "\(early.errors)")
            await suite.crash(.registry)
            try FileManager.default.moveItem(
                atPath: suite.scratch.path("registry"), toPath: suite.scratch.path("broken"))
            let restored = try await registry(suite, "--restore", file)
            #expect(restored.status == 0, "\(restored.errors)")
            try await suite.restart(.registry)

            #expect(try await everything(suite, "after") == before)
            try await eventually("what was lost is gone from activity reporting too") {
                try await suite.figures().expected == Int64(kept.expectedReports)
            }
            try await eventually("and from funding policy") {
                try await suite.run().amountDong == Int64(kept.teams) * 600_000
            }
            // What was lost is entered again.
            _ = try await suite.importFiles(lost.folder)
            try await suite.expectSuccess("report", "open", SampleData.month, "--wait")
            #expect(try await suite.figures().expected == Int64(kept.expectedReports + lost.expectedReports))
        }
    }

    @Test func `a backup of another service is refused and leaves nothing`() async throws {
        try await RunningSuite.run([.activity]) { suite in
            let file = suite.scratch.path("activity-backup.db")
            let made = try await ChildProcess.run([
                "\(PackageFolder.products)/activity-reporting", "--data", suite.scratch.path("activity"), "--backup",
                file,
            ])
            #expect(made.status == 0, "\(made.errors)")
            let refused = try await registry(suite, "--restore", file)
            #expect(refused.status == 1 && refused.errors.contains("version"), "\(refused.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: suite.scratch.path("registry")).isEmpty)
        }
    }
}
