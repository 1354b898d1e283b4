import Foundation
import RPC
import TestSupport
import Testing

@testable import ServiceKit

/// The line of a call that took long.
@Suite struct SlowCallTests {
    private func line(_ method: String, in logs: LogCollector) async throws -> [String: Any] {
        func find() -> [String: Any]? {
            logs.lines.first {
                $0["message"] as? String == "call" && ($0["method"] as? String)?.hasSuffix(method) == true
            }
        }
        try await eventually { find() != nil }
        return try #require(find())
    }

    private static let parts = ["arrival_ms", "access_ms", "storage_ms"]

    @Test func `a slow call is a warning that says where the time went`() async throws {
        try await withSample(["--slow-call", "0.000001"]) { _, client, logs in
            _ = try await client.act("write")
            let line = try await line("/Act", in: logs)
            #expect(line["level"] as? String == "warning" && line["code"] as? String == "OK")
            for part in Self.parts { #expect(line[part] is Double, "\(part)") }
            let storage = try #require(line["storage_ms"] as? Double)
            #expect(storage > 0 && storage <= (line["duration_ms"] as? Double ?? 0))
        }
    }

    @Test func `a slow call that fails stays as serious as its failure`() async throws {
        try await withSample(["--slow-call", "0.000001"]) { _, client, logs in
            _ = try? await client.act("fail")
            let line = try await line("/Act", in: logs)
            #expect(line["level"] as? String == "error" && line["code"] as? String == "INTERNAL")
            for part in Self.parts { #expect(line[part] is Double, "\(part)") }
        }
    }

    @Test func `streams take their time, and without a threshold so does everything`() async throws {
        try await withSample(["--slow-call", "0.000001"]) { _, client, logs in
            let call = try await client.watch()
            for try await _ in call.responses { break }
            call.cancel()
            let line = try await line("/WatchIt", in: logs)
            #expect(line["level"] as? String == "info")
            for part in Self.parts { #expect(line[part] == nil, "\(part)") }
        }
        try await withSample(["--slow-call", "off"]) { _, client, logs in
            _ = try await client.act("slow")
            let line = try await line("/Act", in: logs)
            #expect(line["level"] as? String == "info")
            for part in Self.parts { #expect(line[part] == nil, "\(part)") }
        }
    }

    @Test func `the threshold is a second unless an operator says otherwise`() throws {
        func threshold(_ arguments: [String]) throws -> Duration? {
            let settings = try ServiceHost.settings(of: SampleDefinition.self, arguments: arguments, environment: [:])
            return try settings[CommonOptions(SampleDefinition.self).slowCall]
        }
        #expect(try threshold([]) == .seconds(1))
        #expect(try threshold(["--slow-call", "0.25"]) == .milliseconds(250))
        #expect(try threshold(["--slow-call", "off"]) == nil)
        for text in ["soon", "0", "-1", "nan", "1e9"] {
            #expect(throws: ConfigurationError.self) { try threshold(["--slow-call", text]) }
        }
    }
}
