import RPC
import Shared
import Telemetry

/// The span of a batch of events that are applied, linked to the calls that caused them. It is no part of their traces:
/// those were over before, and one batch has events of many.
struct BatchSpan: Sendable {
    private let tracer: Tracer
    private let context: TraceContext
    private let causes: Causes
    private let topic: String
    private let count: Int
    private let start: Span.Moment

    /// Nil where none of them is recorded.
    init?(of events: [Cdt_Feed_V1_Event], in topic: String, tracer: Tracer) {
        var causes = Causes()
        for event in events { causes.add(event.traceparent) }
        guard !causes.contexts.isEmpty, let context = tracer.context(causedBy: causes) else { return nil }
        self.tracer = tracer
        self.context = context
        self.causes = causes
        self.topic = topic
        count = events.count
        start = .now()
    }

    func end(hasFailed: Bool) {
        var span = Span("process \(topic)", .consumer, at: context, from: start, to: .now())
        span.links = causes.contexts
        span.hasFailed = hasFailed
        span.attributes = [
            .init("messaging.system", "cdt.feed"), .init("messaging.operation.type", "process"),
            .init("messaging.destination.name", topic), .init("messaging.batch.message_count", count),
        ]
        tracer.record(span)
    }
}
