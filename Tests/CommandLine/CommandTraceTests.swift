import ArgumentParser
import RPC
import Testing

@testable import CommandLine

@Suite struct CommandTraceTests {
    @Test func aSpanIsNamedAfterTheCommandWithoutWhatItIsAbout() {
        #expect(CommandTrace.path(to: TeamsCommand.Get.self, below: Cdt.self) == ["cdt", "teams", "get"])
        #expect(CommandTrace.path(to: ImportCommand.self, below: Cdt.self) == ["cdt", "import"])
        #expect(CommandTrace.path(to: Cdt.self, below: TeamsCommand.self) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1:4317", "127.0.0.1", 4317, false), ("http://collector:4318/", "collector", 4318, false),
        ("https://collector.example", "collector.example", 4317, true), ("[::1]:4317", "::1", 4317, false),
    ])
    func theAddressOfACollectorIsReadAsOpenTelemetryWritesIt(
        text: String, host: String, port: Int, isSecure: Bool
    ) throws {
        let collector = try #require(TraceCollector(text))
        #expect(collector.target.host == host)
        #expect(collector.target.port == port)
        #expect(collector.isSecure == isSecure)
    }

    @Test func whatIsNoAddressIsRefusedWithAnExample() throws {
        #expect(TraceCollector("") == nil)
        #expect(TraceCollector("http://") == nil)
        let error = #expect(throws: (any Error).self) {
            try Cdt.parseAsRoot(["teams", "get", "csv:1", "--otlp-endpoint", "http://"])
        }
        let message = try Cdt.message(for: #require(error))
        #expect(message.contains("--otlp-endpoint") && message.contains("http://host:4317"))
        let secure = #expect(throws: (any Error).self) {
            try Cdt.parseAsRoot(["teams", "get", "csv:1", "--otlp-endpoint", "https://collector:4317"])
        }
        #expect(try Cdt.message(for: #require(secure)).contains("--authorities"))
    }
}
