import Foundation
import RPC
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit
@testable import Telemetry

/// What a service tells a collector of traces.
@Suite struct TracingTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    private static func caller(recorded: Bool) -> CallOptions {
        CallOptions(metadata: ["traceparent": "00-\(trace)-00f067aa0ba902b7-\(recorded ? "01" : "00")"])
    }

    @Test func recordedCallsAreSentBeforeTheServiceHasEnded() async throws {
        let collector = SpanKeeper()
        let server = RPCServer(configuration: .init(port: 0), services: [collector])
        let port = try await server.start()
        try await withSample(["--otlp-endpoint", "127.0.0.1:\(port)", "--trace-ratio", "0"]) { service, client, _ in
            _ = try await client.act("hello secret text", Self.caller(recorded: true))
            await #expect(throws: RPCError.self) { try await client.act("refuse", Self.caller(recorded: true)) }
            await #expect(throws: RPCError.self) { try await client.act("fail", Self.caller(recorded: true)) }
            // The caller does not record it; and none of the traces that begin here is drawn.
            _ = try await client.act("hello", Self.caller(recorded: false))
            _ = try await client.act("hello")
            let metrics = try await HTTPProbe.get("/metrics", port: service.adminEndpoint.port).body
            #expect(metrics.contains("\ntrace_spans_sent_total "))
            #expect(metrics.contains("trace_spans_dropped_total{reason=\"queue\"} 0\n"))
            #expect(metrics.contains("trace_spans_dropped_total{reason=\"collector\"} 0\n"))
        }
        await server.shutdown()
        let spans = collector.spans
        #expect(spans.map(\.name) == Array(repeating: "cdt.sample.v1.SampleService/Act", count: 3))
        #expect(spans.allSatisfy { $0.kind == .server })
        #expect(spans.allSatisfy { Array($0.traceID).map { String(format: "%02x", $0) }.joined() == Self.trace })
        #expect(spans.allSatisfy { Array($0.parentSpanID) == [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7] })
        #expect(
            spans.map(\.status.code) == [.unset, .unset, .error], "a caller's mistake is no failure of the service")
        let resource = try #require(collector.resources.first)
        #expect(resource["service.name"] == "sample")
        #expect(resource["service.version"] == ServiceHost.version)
        #expect(resource["service.instance.id"]?.isEmpty == false)
        #expect(!"\(spans)".contains("secret"))
    }

    @Test func aRecordedCallsWaitForItsDatabaseIsASpanBelowIt() async throws {
        let collector = SpanKeeper()
        let server = RPCServer(configuration: .init(port: 0), services: [collector])
        let port = try await server.start()
        try await withSample(["--otlp-endpoint", "127.0.0.1:\(port)", "--trace-ratio", "0"]) { _, client, _ in
            for recorded in [true, false] { _ = try await client.act("write", Self.caller(recorded: recorded)) }
        }
        await server.shutdown()
        #expect(collector.spans.count == 2)
        let call = try #require(collector.spans.first { $0.kind == .server })
        let write = try #require(collector.spans.first { $0.name == "storage write" })
        #expect(write.kind == .client && write.traceID == call.traceID && write.parentSpanID == call.spanID)
        #expect(write.endTimeUnixNano > write.startTimeUnixNano)
        #expect(
            write.attributes.map { "\($0.key)=\($0.value.stringValue)" } == [
                "db.system.name=sqlite", "db.operation.name=write",
            ])
    }

    @Test func withoutACollectorThereIsNothingToCount() async throws {
        try await withSample { service, _, _ in
            #expect(service.context.tracer == nil)
            let metrics = try await HTTPProbe.get("/metrics", port: service.adminEndpoint.port).body
            #expect(!metrics.contains("trace_spans"))
        }
    }

    /// "A collector that is away must neither slow a service down": it starts, answers and stops.
    @Test func aCollectorThatIsAwayIsNoReasonNotToServe() async throws {
        let away = try FreePort.find()
        try await withSample(["--otlp-endpoint", "127.0.0.1:\(away)"]) { _, client, _ in
            let answer = try await client.act("hello")
            #expect(answer == "hello")
        }
    }

    @Test(arguments: [
        (["--otlp-endpoint", "127.0.0.1:0"], "otlp-endpoint"), (["--otlp-endpoint", "nowhere"], "otlp-endpoint"),
        (["--trace-ratio", "2"], "trace-ratio"),
        (["--otlp-authorities", "ca.pem"], "--otlp-authorities needs --otlp-endpoint"),
        (["--otlp-endpoint", "127.0.0.1:4317", "--otlp-authorities", "/no/such.pem"], "/no/such.pem cannot be read"),
        (
            ["--otlp-endpoint", "127.0.0.1:4317", "--otlp-certificate", "/a.pem"],
            "--otlp-certificate needs --otlp-key"
        ),
    ])
    func optionsThatCannotBeAreRefusedWithTheReason(arguments: [String], reason: String) async throws {
        let error = try #require(
            await #expect(throws: ConfigurationError.self) { try await withSample(arguments) { _, _, _ in } })
        #expect("\(error.problems)".contains(reason))
    }
}

/// Keeps the spans it is sent.
private final class SpanKeeper: Opentelemetry_Proto_Collector_Trace_V1_TraceService.ServiceProtocol {
    private let received = Mutex<[Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest]>([])

    func export(
        _ request: Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest, context: ServerContext
    ) async throws -> Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceResponse {
        received.withLock { $0.append(request) }
        return .init()
    }

    private var all: [Opentelemetry_Proto_Trace_V1_ResourceSpans] {
        received.withLock { $0.flatMap(\.resourceSpans) }
    }

    var spans: [Opentelemetry_Proto_Trace_V1_Span] { all.flatMap(\.scopeSpans).flatMap(\.spans) }

    var resources: [[String: String]] {
        all.map { spans in
            Dictionary(uniqueKeysWithValues: spans.resource.attributes.map { ($0.key, $0.value.stringValue) })
        }
    }
}
