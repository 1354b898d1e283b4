import RPC

/// Counts calls under the names that dashboards for gRPC expect (go-grpc-prometheus): started, handled by code, time,
/// messages. Only registered methods are labels, all present at zero from the start, so that a rate has a first value.
struct CallMetrics: Sendable {
    private final class Cells: Sendable {
        let started: Number
        let handled: [Number]
        let seconds: Histogram
        let received: Number
        let sent: Number
        let receivedBytes: Number
        let sentBytes: Number
        let streamsReplies: Bool

        init(
            started: Number, handled: [Number], seconds: Histogram, received: Number, sent: Number,
            receivedBytes: Number, sentBytes: Number, streamsReplies: Bool
        ) {
            self.started = started
            self.handled = handled
            self.seconds = seconds
            self.received = received
            self.sent = sent
            self.receivedBytes = receivedBytes
            self.sentBytes = sentBytes
            self.streamsReplies = streamsReplies
        }
    }

    /// By the method's position in the router.
    private let cells: [Cells]
    private let inFlight: Number

    init(metrics: MetricsRegistry, methods: [MethodDescriptor]) {
        let labels = ["grpc_type", "grpc_service", "grpc_method"]
        let started = metrics.counter(
            "grpc_server_started_total", help: "Calls started on the server.", labels: labels)
        let handled = metrics.counter(
            "grpc_server_handled_total", help: "Calls completed on the server, whatever their outcome.",
            labels: labels + ["grpc_code"])
        let seconds = metrics.histogram(
            "grpc_server_handling_seconds", help: "Time until the server had completed a call.", labels: labels)
        let received = metrics.counter(
            "grpc_server_msg_received_total", help: "Messages received by the server.", labels: labels)
        let sent = metrics.counter("grpc_server_msg_sent_total", help: "Messages sent by the server.", labels: labels)
        let receivedBytes = metrics.counter(
            "grpc_server_msg_received_bytes_total", help: "Bytes of messages received, decompressed.",
            labels: labels)
        let sentBytes = metrics.counter(
            "grpc_server_msg_sent_bytes_total", help: "Bytes of messages sent, before compression.", labels: labels)
        inFlight = metrics.gauge("grpc_server_in_flight", help: "Calls running now.").with()
        cells = methods.map { method in
            let values = [method.kind.metricName, method.service, method.method]
            return Cells(
                started: started.with(values),
                handled: StatusCode.allCases.map { handled.with(values + [CallMetrics.label(of: $0)]) },
                seconds: seconds.with(values), received: received.with(values), sent: sent.with(values),
                receivedBytes: receivedBytes.with(values), sentBytes: sentBytes.with(values),
                streamsReplies: method.kind.serverStreams)
        }
    }

    func begin(_ method: Int) {
        cells[method].started.add()
        inFlight.add()
    }

    func end(_ method: Int, _ code: StatusCode, _ counters: CallCounters, nanoseconds: Int64) {
        let cells = cells[method]
        inFlight.subtract()
        cells.handled[code.rawValue].add()
        cells.seconds.observe(nanoseconds: nanoseconds)
        cells.received.add(counters.messagesReceived)
        cells.receivedBytes.add(counters.bytesReceived)
        cells.sentBytes.add(counters.bytesSent)
        // The reply of a call without a stream of them goes out after this.
        cells.sent.add(cells.streamsReplies ? counters.messagesSent : code == .ok ? 1 : 0)
    }

    /// Go's spelling, which the dashboards filter by: `NotFound`, `DeadlineExceeded`, `OK`.
    static func label(of code: StatusCode) -> String {
        switch code {
        case .ok: "OK"
        case .cancelled: "Canceled"
        case .unknown: "Unknown"
        case .invalidArgument: "InvalidArgument"
        case .deadlineExceeded: "DeadlineExceeded"
        case .notFound: "NotFound"
        case .alreadyExists: "AlreadyExists"
        case .permissionDenied: "PermissionDenied"
        case .resourceExhausted: "ResourceExhausted"
        case .failedPrecondition: "FailedPrecondition"
        case .aborted: "Aborted"
        case .outOfRange: "OutOfRange"
        case .unimplemented: "Unimplemented"
        case .internal: "Internal"
        case .unavailable: "Unavailable"
        case .dataLoss: "DataLoss"
        case .unauthenticated: "Unauthenticated"
        }
    }
}
