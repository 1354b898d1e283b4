import Foundation
import TestSupport
import Testing

/// The main rows once more, written by others' hands: Python's hpack and hyperframe make and read the frames.
@Suite(.timeLimit(.minutes(10))) struct CrossCheckTests {
    private static let rows = [
        "timeout", "status_message", "binary_metadata", "trailers_only", "content_type", "compression", "boundaries",
        "length_limit", "early_end", "no_message", "pings", "continuation", "continuation_flood", "window_overflow",
        "content_length",
    ]

    @Test func `hyperframe and hpack agree`() async throws {
        let made = try await ChildProcess.run(["tools/python-env"], limit: .seconds(300))
        try #require(made.status == 0, "\(made.errors)")
        try await WireServer.run { server in
            let client = try await ChildProcess.run(
                [".local/venv/bin/python", "Tests/Wire/Clients/rows.py", "\(server.port)"])
            #expect(
                client.output.split(separator: "\n").map(String.init) == Self.rows.map { "ok \($0)" },
                "\(client.errors)")
        }
    }
}
