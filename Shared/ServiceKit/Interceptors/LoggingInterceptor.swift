import Logging
import RPC

/// One JSON line per call, at its end. Only what operators need: no field of a request or reply, no subject of a token,
/// no message of an error, so that no personal data get into logs.
package struct LoggingInterceptor: ServerInterceptor {
    let service: String
    let writer: LogWriter
    let level: Logger.Level
    let clock: Clock

    /// What the usual line says of a method.
    private struct Success: Sendable {
        let level: Logger.Level
        let fields: [UInt8]
    }

    /// Of calls that succeed, by the method's position in the router.
    private let successes: [Success]

    /// Probes come every few seconds and say nothing when they succeed.
    private static let quiet = ["grpc.health.v1.Health"]

    package init(
        service: String, methods: [MethodDescriptor], writer: LogWriter, level: Logger.Level = .info,
        clock: Clock = .system
    ) {
        self.service = service
        self.writer = writer
        self.level = level
        self.clock = clock
        successes = methods.map { method in
            let level = LoggingInterceptor.level(of: .ok, service: method.service)
            return Success(level: level, fields: LoggingInterceptor.fields(service, method, .ok, level))
        }
    }

    /// What is the same in all lines of a method and a code.
    private static func fields(
        _ service: String, _ method: MethodDescriptor, _ code: StatusCode, _ level: Logger.Level
    ) -> [UInt8] {
        JSONLine.fields { line in
            line.add("level", level.rawValue)
            line.add("message", "call")
            line.add("service", service)
            line.add("method", method.description)
            line.add("code", code.description)
        }
    }

    package func intercept(_ context: ServerContext, next: NextHandler) async throws {
        let start = ContinuousClock.now
        do {
            try await next(context)
            log(context, nil, start.duration(to: .now))
        } catch {
            let rpcError = error as? RPCError ?? RPCError(code: .unknown, message: "")
            log(context, rpcError, start.duration(to: .now))
            throw error
        }
    }

    private func log(_ context: ServerContext, _ error: RPCError?, _ duration: Duration) {
        var line: JSONLine
        if error == nil, successes.indices.contains(context.methodIndex) {
            let success = successes[context.methodIndex]
            guard success.level >= self.level else { return }
            line = JSONLine(time: clock.now)
            line.add(fields: success.fields)
        } else {
            let code = error?.code ?? .ok
            let level = LoggingInterceptor.level(of: code, service: context.method.service)
            guard level >= self.level else { return }
            line = JSONLine(time: clock.now)
            line.add(fields: LoggingInterceptor.fields(service, context.method, code, level))
        }
        line.add("duration_ms", milliseconds: duration)
        line.add("peer", context.peer)
        if let id = RequestHeaders.requestID(context) { line.add("request_id", id) }
        if let trace = context.trace {
            line.add("trace_id", plain: trace.appendTraceID)
            line.add("span_id", plain: trace.appendSpanID)
        }
        let counters = context.counters
        line.add("bytes_in", counters.bytesReceived)
        line.add("bytes_out", counters.bytesSent)
        if context.method.kind != .unary {
            line.add("messages_in", counters.messagesReceived)
            line.add("messages_out", counters.messagesSent)
        }
        if let deadline = context.deadline { line.add("deadline_left_ms", milliseconds: deadline.remaining) }
        if let reason = error?.reason { line.add("reason", reason) }
        writer.append(line.finish())
    }

    /// What an operator should look at is a warning, what a developer should, an error; a caller's mistake is neither.
    static func level(of code: StatusCode, service: String) -> Logger.Level {
        switch code {
        case .internal, .unknown, .dataLoss: .error
        case .unavailable, .deadlineExceeded, .resourceExhausted: .warning
        default: quiet.contains(service) ? .debug : .info
        }
    }
}

/// Headers of a call that the suite itself reads.
enum RequestHeaders {
    /// `x-request-id`, where it is a plain word: it is written into logs and echoed in errors.
    static func requestID(_ context: ServerContext) -> String? {
        guard let id = context.header("x-request-id"), (1...64).contains(id.utf8.count),
            id.utf8.allSatisfy({
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            })
        else { return nil }
        return id
    }
}
