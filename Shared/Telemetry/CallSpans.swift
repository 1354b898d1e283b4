import RPC

extension Tracer {
    /// Records a call that a server has answered; its trace is recorded.
    package func served(_ context: ServerContext, _ trace: TraceContext, _ error: RPCError?, nanoseconds: Int64) {
        let end = Span.Moment.now()
        var span = Span(
            context.method.description, .server, at: trace, from: end.before(nanoseconds), to: end)
        // Looked up again only for calls that are recorded: what every call carries stays small.
        span.parent = context.header("traceparent").flatMap(TraceContext.init(traceparent:))
        span.attributes = Self.attributes(context.method, error)
        span.hasFailed = error?.code.isFaultOfServer ?? false
        record(span)
    }

    static func attributes(_ method: MethodDescriptor, _ error: RPCError?) -> [Span.Attribute] {
        let code = error?.code ?? .ok
        var attributes: [Span.Attribute] = [
            .init("rpc.system", "grpc"), .init("rpc.service", method.service), .init("rpc.method", method.method),
            .init("rpc.grpc.status_code", code.rawValue),
        ]
        if error != nil { attributes.append(.init("error.type", code.description)) }
        return attributes
    }

    /// A span for each call of a client.
    package var calls: ClientSpans { ClientSpans(tracer: self) }
}

extension StatusCode {
    /// What OpenTelemetry's conventions call a failed server span; the rest is between a caller and its request.
    var isFaultOfServer: Bool {
        switch self {
        case .unknown, .deadlineExceeded, .unimplemented, .internal, .unavailable, .dataLoss: true
        default: false
        }
    }
}

/// Gives each call of a client a span of its own, below that of the call being handled.
package struct ClientSpans: ClientInterceptor {
    let tracer: Tracer

    package func prepare(_ call: inout OutgoingCall) {
        call.trace = call.caller?.child() ?? TraceContext.beginning(sampling: tracer.sampling)
    }

    package func ended(_ call: OutgoingCall, outcome: RPCError?) {
        guard let trace = call.trace, trace.sampled else { return }
        let end = Span.Moment.now()
        let taken = (ContinuousClock.now - call.started) / .nanoseconds(1)
        var span = Span(call.method.description, .client, at: trace, from: end.before(Int64(taken)), to: end)
        span.parent = call.caller
        span.attributes = Tracer.attributes(call.method, outcome)
        span.hasFailed = outcome != nil
        tracer.record(span)
    }
}
