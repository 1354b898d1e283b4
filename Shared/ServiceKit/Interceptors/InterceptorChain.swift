import Logging
import RPC

/// The one list of what surrounds every handler, outermost first, and why in this order:
///
/// 1. tracing: everything further in, the log line included, names the trace;
/// 2. logging: sees each call once, also those refused further in, with the status that is sent;
/// 3. metrics: the same, for counting;
/// 4. masking: inside logging and metrics, so that they see the code the caller sees; outside all that may fail,
///    so that nothing unmasked leaves;
/// 5. deadline: a call nobody waits for any more costs neither a signature check nor a query;
/// 6. drain: ends endless streams when the service stops; outside authorisation, which then ends with them;
/// 7. authorisation: innermost, next to the handler, so that nothing between them can act for nobody; and before any
///    validation, as "authorise before validating" asks (AIP-211): the handler is the first to read the request;
/// 8. verbs, of a service that does not judge grants itself: part of the authorisation.
package enum InterceptorChain {
    package static func make(
        service: String, errorDomain: String, methods: [MethodDescriptor], metrics: MetricsRegistry, log: LogWriter,
        logLevel: Logger.Level, logger: Logger, authenticator: any Authenticator, judgesGrants: Bool,
        drain: DrainSignal, clock: Clock = .system
    ) -> [any ServerInterceptor] {
        [
            TracingInterceptor(),
            LoggingInterceptor(service: service, methods: methods, writer: log, level: logLevel, clock: clock),
            MetricsInterceptor(metrics: metrics, methods: methods),
            MaskingInterceptor(domain: errorDomain, logger: logger),
            DeadlineInterceptor(),
            DrainInterceptor(signal: drain),
            AuthorisationInterceptor(authenticator: authenticator),
        ] + (judgesGrants ? [] : [VerbInterceptor(service: service)])
    }
}
