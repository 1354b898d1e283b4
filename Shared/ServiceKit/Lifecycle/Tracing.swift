import HTTP2
import Logging
import RPC
import Telemetry

/// Spans of this process, and the collector they go to.
struct Tracing: Sendable {
    let tracer: Tracer
    /// Of the collector's certificates; nil in plaintext.
    let watch: CertificateWatch?

    /// Nil: nobody asked for spans, and calls cost nothing more.
    init?(
        _ options: CommonOptions, _ settings: Settings, of identity: ServiceIdentity, metrics: MetricsRegistry,
        logger: Logger
    ) throws {
        guard let endpoint = try settings[options.otlpEndpoint] else {
            for option in [options.otlpAuthorities, options.otlpCertificate, options.otlpKey]
            where try settings[option] != nil {
                throw ConfigurationError("--\(option.name) needs --\(options.otlpEndpoint.name) as well")
            }
            return nil
        }
        let sampling = TraceSampling(ratio: try settings[options.traceRatio])
        let tls = try options.otlpTLS(settings)
        let collector = try OTLPCollector(
            at: .init(host: endpoint.host, port: endpoint.port), tls: tls,
            from: .init(
                service: identity.name, version: ServiceHost.version, instance: UUIDv7.next().description))
        watch = tls.map { tls in
            CertificateWatch(tls.files, of: options.otlpAuthorities.name, logger: logger) {
                try collector.reloadCertificates()
            }
        }
        tracer = Tracer(
            collector: collector, sampling: sampling,
            report: { error in
                if let error {
                    logger.warning(
                        "spans cannot be sent; they are dropped until the collector takes them",
                        metadata: ["collector": "\(endpoint)", "error": "\(error)"])
                } else {
                    logger.notice("spans are sent again", metadata: ["collector": "\(endpoint)"])
                }
            })
        register(in: metrics)
    }

    private func register(in metrics: MetricsRegistry) {
        metrics.counter("trace_spans_sent_total", help: "Spans that the collector of traces has taken.") { [tracer] in
            Double(tracer.statistics.sent)
        }
        func dropped(_ reason: String, _ read: @escaping @Sendable (Tracer.Statistics) -> Int) {
            metrics.counter(
                "trace_spans_dropped_total",
                help: "Spans that were lost: queue, there was no room for them; collector, it did not take them.",
                labels: ["reason": reason]
            ) { [tracer] in Double(read(tracer.statistics)) }
        }
        dropped("queue") { $0.dropped }
        dropped("collector") { $0.unsent }
    }
}
