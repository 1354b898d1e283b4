import Logging
import NIOCore
import RPC
import Telemetry

/// All that surrounds a handler of a service, and why in this order:
///
/// 1. the log line, the metrics and the span see each call once, also those refused further in, with the code the
///    caller sees;
/// 2. masking: outside all that may fail, so that nothing unmasked leaves;
/// 3. the deadline: a call nobody waits for any more costs neither a signature check nor a query;
/// 4. authentication, and what can be said of the caller's grants without the request (`CallGate`): next to the
///    handler, so that nothing between them can act for nobody; and before any validation, as "authorise before
///    validating" asks (AIP-211): the handler is the first to read the request;
/// 5. how often the caller may call, once it is known who it is;
/// 6. the end of streams when the service stops or their token expires.
///
/// One interceptor and not one for each: every asynchronous function on the way costs each call about as much as
/// looking at its deadline, its caller and its metrics together.
package struct ServiceInterceptor: ServerInterceptor {
    private let methods: [ServedMethod]
    private let log: CallLog
    private let metrics: CallMetrics
    private let mask: ErrorMask
    private let authenticator: any Authenticator
    private let rates: CallerRates?
    private let ends: StreamEnds
    private let tracer: Tracer?

    /// - Parameters:
    ///   - service: The service's name, for log lines, and before the dot of its verbs.
    ///   - methods: The methods served, in the order of the router.
    ///   - gate: What a caller's grants must say before a handler looks at the call.
    ///   - rates: How often one caller may call; nil: as often as it likes.
    ///   - slowCall: Calls without streams that take longer are logged with their parts; nil: none.
    ///   - tracer: For a span of each call that is recorded.
    package init(
        service: String, errorDomain: String, methods: [MethodDescriptor], metrics: MetricsRegistry, log: LogWriter,
        logLevel: Logger.Level, logger: Logger, authenticator: any Authenticator, gate: CallGate,
        rates: CallerRates? = nil, slowCall: Duration? = .seconds(1), drain: DrainSignal, clock: Clock = .system,
        tracer: Tracer? = nil
    ) {
        self.methods = methods.map { ServedMethod($0, verb: VerbRule($0, of: service, gate)) }
        self.log = CallLog(
            service: service, methods: methods, writer: log, level: logLevel, slow: slowCall, clock: clock)
        self.metrics = CallMetrics(metrics: metrics, methods: methods)
        mask = ErrorMask(domain: errorDomain, logger: logger)
        self.authenticator = authenticator
        self.rates = rates
        ends = StreamEnds(drain: drain)
        self.tracer = tracer
    }

    package func intercept(_ context: ServerContext, next: NextHandler) async throws {
        let start = NIODeadline.now()
        // When the caller was known: at once, unless its token had to be verified.
        var known = start
        let index = context.methodIndex
        let method = methods[index]
        metrics.begin(index)
        do {
            try Self.checkDeadline(context, now: start)
            var context = context
            var expires: Instant?
            if !method.isOpen {
                let caller: Authentication
                if let cached = try authenticator.known(context) {
                    caller = cached
                } else {
                    caller = try await authenticator.authenticate(context)
                    known = .now()
                }
                try method.verb?.check(caller.identity)
                if let rates, method.isLimited {
                    let name = authenticator.tellsApart ? caller.identity.subject : context.peerAddress
                    try rates.admit(name, isHeavy: method.isHeavy, now: start)
                }
                context.caller = caller.caller
                expires = caller.expires
            }
            if method.descriptor.kind == .unary {
                try await next(context)
            } else {
                try await ends.run(context, until: expires, endless: method.isEndless, next)
            }
        } catch {
            let masked = mask.rpcError(for: error, context)
            finish(context, index, masked, start, known)
            throw masked
        }
        finish(context, index, nil, start, known)
    }

    private func finish(
        _ context: ServerContext, _ index: Int, _ error: RPCError?, _ start: NIODeadline, _ known: NIODeadline
    ) {
        let now = NIODeadline.now()
        let counters = context.counters
        metrics.end(index, error?.code ?? .ok, counters, nanoseconds: (now - start).nanoseconds)
        log.write(context, methods[index], error, counters, from: start, known: known, to: now)
        // Probes come every few seconds and have no trace to be part of.
        if let tracer, let trace = context.trace, trace.sampled, !methods[index].isOpen {
            tracer.served(context, trace, error, nanoseconds: (now - start).nanoseconds)
        }
    }

    /// Refuses calls nobody waits for any more. The transport enforces a deadline while the handler runs; this spares
    /// the work of a call that waited in a queue or on the wire until it was over.
    private static func checkDeadline(_ context: ServerContext, now: NIODeadline) throws {
        guard let deadline = context.deadline, deadline.nanosecondsLeft(at: now) <= 0 else { return }
        throw ServiceError(
            .deadlineExceeded, reason: "DEADLINE_EXCEEDED", "the deadline had passed before the call was begun",
            vi: "đã quá thời hạn trước khi yêu cầu được xử lý")
    }
}

/// What is known of a method before any call of it.
final class ServedMethod: Sendable {
    let descriptor: MethodDescriptor
    /// Needs no caller: probes of load balancers and containers carry no credentials, and statuses name no data. Denied
    /// is the default.
    let isOpen: Bool
    /// Follows something rather than answering a question (`Watch…`, `Follow`, reflection). Health ends its watches by
    /// itself, after the news that it no longer serves.
    let isEndless: Bool
    /// Counts against what its caller may call. What asks how a service is and what it can do does not.
    let isLimited: Bool
    /// May keep the service busy for as long as thousands of other calls: reads or writes a whole subtree, or all there
    /// is.
    let isHeavy: Bool
    let verb: VerbRule?

    private static let openServices = ["grpc.health.v1.Health"]
    /// By the first word of their names, as the contract's style has it.
    private static let heavyWords = [
        "Apply", "Compute", "Export", "Import", "Plan", "Preview", "Revert", "Scan", "Simulate", "Start", "Verify",
    ]

    init(_ descriptor: MethodDescriptor, verb: VerbRule?) {
        self.descriptor = descriptor
        self.verb = verb
        isOpen = Self.openServices.contains(descriptor.service)
        isLimited = !descriptor.service.hasPrefix("grpc.")
        isHeavy = Self.heavyWords.contains { descriptor.method.hasPrefix($0) }
        isEndless =
            descriptor.kind.serverStreams && !isOpen
            && (descriptor.method.hasPrefix("Watch") || descriptor.method.hasPrefix("Follow")
                || descriptor.method == "ServerReflectionInfo")
    }
}
