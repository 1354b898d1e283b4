import Foundation
import TestSupport
import Testing

/// What `./dev sandbox` starts, and what it says of clients.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SandboxTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    private func sandbox(_ options: [String], client: [String]) async throws -> ChildProcess.Outcome {
        let command = ["tools/sandbox", "--bin", PackageFolder.products, "--folder", scratch.path("sandbox")]
        return try await ChildProcess.run(
            command + ["--base-port", "0"] + options + ["--"] + client, limit: .seconds(300))
    }

    @Test func `a client that keeps the rules in spite of trouble is told so`() async throws {
        defer { scratch.remove() }
        let data = scratch.path("sandbox/sample")
        let examples = "\(PackageFolder.products)/cdt-examples"
        let job = """
            set -e
            \(examples) import_teams \(data) --source vi-du --code-date 2024-10-01 --batch-file \(data)/batch
            \(examples) submit_reports \(data)/reports-2024-10.csv --month 2024-10 --unit 42 --source vi-du || [ $? = 1 ]
            \(examples) follow_feed \(data)/followed.db --once
            """
        let outcome = try await sandbox(["--trouble"], client: ["bash", "-c", job])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(!outcome.output.contains("**Broken"))
        for rule in [
            "every call bears a token", "every call with one reply has a deadline",
            "every write bears a request or operation id",
            "a write without a known outcome is made again, as it was, under the same id",
            "what is made again waits, and as long as RetryInfo says", "a feed is gone on with from a cursor it gave",
            "replies with fields of a later version are read",
        ] {
            let kept = outcome.output.split(separator: "\n").contains {
                $0.hasPrefix("| \(rule) | ") && !$0.contains("not seen")
            }
            #expect(kept, "\(rule): \(outcome.output)")
        }
    }

    @Test func `a careless client is told every rule it broke`() async throws {
        defer { scratch.remove() }
        let client = [".local/venv/bin/python", "Tests/Suite/Clients/careless_client.py"]
        let outcome = try await sandbox(["--trouble"], client: client)
        #expect(outcome.status == 1, "\(outcome.output)\(outcome.errors)")
        for rule in [
            "every call bears a token", "every call with one reply has a deadline",
            "a connection is kept for many calls", "every write bears a request or operation id",
            "another write bears another id",
            "a write without a known outcome is made again, as it was, under the same id",
            "what was refused as wrong is not sent again unchanged",
            "a page token goes back with the query it came from", "a feed is gone on with from a cursor it gave",
        ] {
            #expect(outcome.output.contains("**Broken: \(rule)**"), "\(rule): \(outcome.output)")
        }
        let report = try String(contentsOfFile: scratch.path("sandbox/report.md"), encoding: .utf8)
        #expect(outcome.output.hasSuffix(report.split(separator: "\n\n", maxSplits: 1).last ?? "?"))
    }

    @Test func `what is made again too early is told apart from what waited`() async throws {
        defer { scratch.remove() }
        let judged = try await ChildProcess.run(
            [".local/venv/bin/python", "Tests/Suite/Clients/judge_pauses.py"], environment: ["PYTHONPATH": "tools"])
        #expect(judged.status == 0, "\(judged.errors)")
    }

    @Test func `the services take the day that is set for today, and can be set to another`() async throws {
        defer { scratch.remove() }
        let cdt = "\(PackageFolder.products)/cdt"
        // 15 was Yên Bái until 30/6/2025, and is Lào Cai since.
        let before = try await sandbox(["--today", "2024-11-05"], client: [cdt, "units", "resolve", "15"])
        let token = try String(contentsOfFile: scratch.path("sandbox/secrets/admin/admin.token"), encoding: .utf8)
        #expect(before.status == 0 && before.output.contains("Tỉnh Yên Bái"), "\(before.output)\(before.errors)")
        let after = try await sandbox(["--today", "2025-07-01"], client: [cdt, "units", "resolve", "15"])
        #expect(after.status == 0 && after.output.contains("Tỉnh Lào Cai"), "\(after.output)\(after.errors)")
        let renewed = try String(contentsOfFile: scratch.path("sandbox/secrets/admin/admin.token"), encoding: .utf8)
        #expect(renewed != token, "the tokens of a folder that is gone on with do not expire")
        let lines = "today tomorrow\\ntoday 2024-12-01\\nquit\\n"
        let command = "printf '\(lines)' | tools/sandbox --bin \(PackageFolder.products) "
        let talk = try await ChildProcess.run(
            ["bash", "-c", command + "--base-port 0 --folder \(scratch.path("sandbox"))"], limit: .seconds(120))
        #expect(talk.output.contains("tomorrow is not a day; write YYYY-MM-DD"), "\(talk.output)\(talk.errors)")
        #expect(talk.output.contains("the services began at 2024-12-01"), "\(talk.output)\(talk.errors)")
    }
}
