import Foundation
import TestSupport
import Testing

@testable import ServiceKit

/// A service as a process of its own, as an operator meets it.
@Suite(.timeLimit(.minutes(10))) struct ProcessTests {
    let program = URL(fileURLWithPath: CommandLine.arguments[0])
        .deletingLastPathComponent().appending(path: "activity-reporting").path
    let anywhere = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]

    private func run(
        _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run([program] + arguments, environment: environment)
    }

    /// Starts a service in a data folder of its own and waits until it says its port.
    private func withService(
        _ command: [String], _ body: (BackgroundProcess, Int) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "\(UUIDv7.next())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let service = try BackgroundProcess(command + anywhere, environment: ["CDT_DATA": folder.path])
        do {
            let ready = try await service.line(after: "activity ")
            let word = ready.split(separator: " ").first { $0.hasPrefix("127.0.0.1:") }
            let port = try #require(word.flatMap { Endpoint(String($0)) }?.port, "\(ready)")
            try await body(service, port)
        } catch {
            await service.stop()
            throw error
        }
    }

    private func probe(_ port: Int) async throws -> ChildProcess.Outcome {
        try await run(["--health-probe", "--listen", "127.0.0.1:\(port)"])
    }

    @Test(arguments: [SIGTERM, SIGINT]) func aSignalStopsInOrder(signal: Int32) async throws {
        try await withService([program]) { service, port in
            let answer = try await probe(port)
            #expect(answer.status == 0, "\(answer.errors)")
            #expect(await service.stop(by: signal, grace: .seconds(60)) == 0)
            #expect(service.printed.contains("\"message\":\"stopped\""), "the log is flushed: \(service.printed)")
            #expect(try await probe(port).status == 1)
        }
    }

    @Test func wrongOptionsEndWithTheRemedy() async throws {
        let ended = try await run(["--lisen", "x"], environment: ["CDT_GRACE": "soon"])
        #expect(ended.status == 2)
        #expect(ended.errors.contains("did you mean --listen?"))
        let wrong = try await run(anywhere, environment: ["CDT_GRACE": "soon"])
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("environment variable CDT_GRACE is \"soon\", expected a whole number"))
    }

    @Test func helpAndVersionAnswerAtOnce() async throws {
        let help = try await run(["--help"])
        #expect(help.status == 0)
        #expect(help.output.contains("Usage: activity-reporting [options]"))
        #expect(try await run(["--version"]).output == "activity \(ServiceHost.version)\n")
    }

    @Test func aPasswordIsNeitherInTheHelpNorInTheLogNorInAnError() async throws {
        let secret = ["CDT_DATABASE": "postgresql://activity:geheim@127.0.0.1:1/activity"]
        let help = try await run(["--help"], environment: secret)
        #expect(help.status == 0)
        let away = try await run(anywhere, environment: secret)
        #expect(away.status != 0)
        #expect(away.errors.contains("--database"))
        for outcome in [help, away] { #expect(!(outcome.output + outcome.errors).contains("geheim")) }
    }

    @Test func aLogReaderThatGoesAwayDoesNotTakeTheServiceWithIt() async throws {
        // The shell waits for the service and ends with its status; the readers of both streams are gone by then.
        let script = "trap : TERM; set -o pipefail; \"$0\" \"$@\" 2> >(true) | head -n 1"
        let readersLeave = ["bash", "-c", script, program]
        try await withService(readersLeave) { service, port in
            for _ in 0..<3 {
                let answer = try await probe(port)
                #expect(answer.status == 0, "\(answer.errors)")
            }
            #expect(await service.stop(grace: .seconds(60)) == 0)
        }
    }
}
