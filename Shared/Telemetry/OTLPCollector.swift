import Foundation
import HTTP2
import RPC
import SwiftProtobuf

/// A collector that speaks OTLP/gRPC, as the OpenTelemetry Collector, Jaeger and Tempo do.
package struct OTLPCollector: SpanCollector {
    private let client: RPCClient
    private let resource: Opentelemetry_Proto_Resource_V1_Resource

    /// Whose spans they are.
    package struct Source: Sendable {
        var attributes: [Span.Attribute]

        /// - Parameters:
        ///   - instance: Tells replicas apart; nil for a program that runs once and ends.
        package init(service: String, version: String? = nil, instance: String? = nil) {
            attributes = [
                .init("service.namespace", "cdt"), .init("service.name", service),
                .init("telemetry.sdk.name", "cdt"), .init("telemetry.sdk.language", "swift"),
            ]
            if let version { attributes.append(.init("service.version", version)) }
            if let instance { attributes.append(.init("service.instance.id", instance)) }
        }
    }

    /// Nothing is connected before the first batch. Throws when the TLS files cannot be read.
    package init(at target: RPCClient.Target, tls: TLS?, from source: Source) throws {
        // No interceptors: sending spans makes none.
        client = try RPCClient(targets: [target], options: .init(tls: tls, defaultTimeout: .seconds(10)))
        resource = .with { $0.attributes = source.attributes.map(\.message) }
    }

    package func export(_ spans: [Span]) async throws -> Int {
        let answer = try await Opentelemetry_Proto_Collector_Trace_V1_TraceService.Client(client).export(
            Self.request(spans, from: resource))
        return Int(clamping: answer.partialSuccess.rejectedSpans)
    }

    package func close() async { await client.close(grace: .zero) }

    /// Files of certificates have been replaced.
    package func reloadCertificates() throws { try client.reloadCertificates() }

    static func request(
        _ spans: [Span], from resource: Opentelemetry_Proto_Resource_V1_Resource
    ) -> Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest {
        .with {
            $0.resourceSpans = [
                .with {
                    $0.resource = resource
                    $0.scopeSpans = [
                        .with {
                            $0.scope.name = "cdt"
                            $0.spans = spans.map(\.message)
                        }
                    ]
                }
            ]
        }
    }
}

extension Span {
    var message: Opentelemetry_Proto_Trace_V1_Span {
        .with {
            $0.traceID = .init(context.traceIDBytes)
            $0.spanID = .init(context.spanIDBytes)
            $0.traceState = context.state ?? ""
            if let parent { $0.parentSpanID = .init(parent.spanIDBytes) }
            $0.flags = context.flags
            $0.name = name
            $0.kind = kind.message
            $0.startTimeUnixNano = start.nanoseconds
            $0.endTimeUnixNano = end.nanoseconds
            $0.attributes = attributes.map(\.message)
            $0.links = links.map { link in
                .with {
                    $0.traceID = .init(link.traceIDBytes)
                    $0.spanID = .init(link.spanIDBytes)
                    $0.traceState = link.state ?? ""
                    $0.flags = link.flags
                }
            }
            // Of what went well a span says nothing: OK would overrule what a collector finds out.
            if hasFailed { $0.status.code = .error }
        }
    }
}

extension Span.Kind {
    fileprivate var message: Opentelemetry_Proto_Trace_V1_Span.SpanKind {
        switch self {
        case .work: .internal
        case .server: .server
        case .client: .client
        case .producer: .producer
        case .consumer: .consumer
        }
    }
}

extension Span.Attribute {
    fileprivate var message: Opentelemetry_Proto_Common_V1_KeyValue {
        .with {
            $0.key = key
            switch value {
            case .text(let text): $0.value.stringValue = text
            case .integer(let number): $0.value.intValue = number
            }
        }
    }
}

extension TraceContext {
    /// The flags of W3C trace context.
    fileprivate var flags: UInt32 { sampled ? 1 : 0 }
}
