import Foundation
import TestSupport
import Testing

/// One trace from a person's command to the message that somebody gets because of it, as a collector sees it.
@Suite(.timeLimit(.minutes(15))) struct TracingTests {
    @Test func `a mail leads back to the command that told of its recipient, and to the one that had it sent`()
        async throws
    {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        // Made where it is missing.
        let python = try await ChildProcess.run(["tools/python-env"], limit: .seconds(300))
        try #require(python.status == 0, "\(python.errors)")
        let collector = try BackgroundProcess([
            "\(PackageFolder.path)/.local/venv/bin/python", "Tests/Suite/Clients/trace_collector.py",
            scratch.path("spans.json"),
        ])
        let address = try await collector.line(after: "listening on ")
        try await RunningSuite.run(arguments: ["--otlp-endpoint", address]) { suite in
            let province = try await SampleData.province(in: suite.scratch)
            let data = try SampleData(of: province, communes: 0..<1, named: "sample", in: suite.scratch)
            let imported = try await suite.cdt([
                "import", data.folder, "--source", SampleData.source, "--code-date", "2024-10-01", "--otlp-endpoint",
                "http://\(address)",
            ])
            // 65: some rows are warned about, which is as it should be.
            try #require([0, 65].contains(imported.status), "\(imported.output)\(imported.errors)")
            try await suite.expectSuccess("report", "open", SampleData.month, "--wait")
            try await suite.expectSuccess(
                "notify", "remind", "42", "--month", SampleData.month, "--wait", "--otlp-endpoint", address)
        }
        #expect(await collector.stop(grace: .seconds(30)) == 0, "\(collector.printed)")
        let file = try Data(contentsOf: URL(fileURLWithPath: scratch.path("spans.json")))
        try check(Spans(all: JSONDecoder().decode([CollectedSpan].self, from: file)))
    }

    private func check(_ spans: Spans) throws {
        // From the command down: each call of it is its child, and each handling of a call that call's.
        let imported = try #require(spans.first("cdt", "cdt import"))
        let written = try handled(imported, by: "registry", spans)
        let reminded = try #require(spans.first("cdt", "cdt notify remind"))
        let launched = try handled(reminded, by: "notification", spans)
            .filter { $0.name == "cdt.notification.v1.NotificationService/LaunchCampaign" }
        #expect(launched.count == 1)

        // The feed: whoever applied what the command wrote says so.
        for service in ["activity", "funding", "notification"] {
            let applied = spans.all.filter { $0.service == service && $0.name == "process registry.facts" }
            #expect(applied.contains { $0.isLinked(toAnyOf: written) }, "\(service)")
            #expect(applied.allSatisfy { $0.kind == "CONSUMER" && $0.trace != imported.trace })
        }

        // The messages.
        let deliveries = spans.all.filter { $0.name == "deliver email" }
        #expect(!deliveries.isEmpty)
        for delivery in deliveries {
            #expect(delivery.service == "notification" && delivery.kind == "PRODUCER")
            #expect(delivery.isLinked(toAnyOf: written), "the write that told of the recipient")
            #expect(delivery.isLinked(toAnyOf: launched), "the call that launched the campaign")
            #expect(delivery.attributes["cdt.outcome"] == "accepted")
        }
        // Nobody is named: the recipients' addresses have an @, and nothing else here has.
        #expect(
            spans.all.allSatisfy { $0.attributes.values.allSatisfy { !$0.contains("@") && !$0.contains("people/") } })
        #expect(spans.all.allSatisfy { $0.nanoseconds >= 0 && $0.resource["service.namespace"] == "cdt" })
        #expect(Set(spans.all.map(\.id)).count == spans.all.count, "each span has an id of its own")
    }

    /// The spans of the service that handled the calls of a command.
    private func handled(_ command: CollectedSpan, by service: String, _ spans: Spans) throws -> [CollectedSpan] {
        #expect(command.parent.isEmpty)
        let calls = spans.children(of: command)
        #expect(calls.allSatisfy { $0.service == "cdt" && $0.kind == "CLIENT" })
        let handled = calls.flatMap { spans.children(of: $0) }.filter { $0.service == service && $0.kind == "SERVER" }
        #expect(handled.allSatisfy { $0.attributes["rpc.system"] == "grpc" && !$0.failed })
        try #require(!handled.isEmpty)
        return handled
    }
}

/// A span as `trace_collector.py` writes it down.
private struct CollectedSpan: Decodable {
    struct ID: Decodable, Hashable {
        let trace, span: String
    }

    let service, name, kind, trace, span, parent: String
    let resource, attributes: [String: String]
    let links: [ID]
    let nanoseconds: Int
    let failed: Bool

    var id: ID { ID(trace: trace, span: span) }

    func isLinked(toAnyOf others: [CollectedSpan]) -> Bool { !Set(links).isDisjoint(with: others.map(\.id)) }
}

private struct Spans {
    let all: [CollectedSpan]

    func first(_ service: String, _ name: String) -> CollectedSpan? {
        all.first { $0.service == service && $0.name == name }
    }

    func children(of span: CollectedSpan) -> [CollectedSpan] {
        all.filter { $0.trace == span.trace && $0.parent == span.span }
    }
}
