import RPC
import Storage
import Telemetry

/// Tells how long calls have waited for their service's database: the log of slow calls, and those traces that are
/// recorded.
struct StorageWaits: Sendable {
    private let tracer: Tracer?
    private let system: String

    init(for configuration: DatabaseConfiguration, tracer: Tracer?) {
        self.tracer = tracer
        // As OpenTelemetry's conventions call them.
        system = if case .postgres = configuration.location { "postgresql" } else { "sqlite" }
    }

    func ended(_ work: Database.Work, nanoseconds: Int64) {
        CallWaits.add(nanoseconds: nanoseconds)
        guard let tracer, let trace = TraceContext.current, trace.sampled else { return }
        let end = Span.Moment.now()
        var span = Span(
            "storage \(work.rawValue)", .client, at: trace.child(), from: end.before(nanoseconds), to: end)
        span.parent = trace
        span.attributes = [.init("db.system.name", system), .init("db.operation.name", work.rawValue)]
        tracer.record(span)
    }
}
