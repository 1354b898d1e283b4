import Logging
import NIOCore
import RPC

/// One JSON line per call, at its end. Only what operators need: no field of a request or reply, no subject of a token,
/// no message of an error, so that no personal data get into logs. A slow call's line is a warning and says where the
/// time went:
///
/// - `arrival_ms`: from reading its headers to its beginning, for the rest of the request and the calls before it;
/// - `access_ms`: of the duration, until the caller was known;
/// - `storage_ms`: of the duration, waiting for writes and long reads, their queues included. Reads and writes beside
///   each other count each.
struct CallLog: Sendable {
    let service: String
    let writer: LogWriter
    let level: Logger.Level
    /// Nanoseconds of a call that is slow.
    private let slow: Int64
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

    init(
        service: String, methods: [MethodDescriptor], writer: LogWriter, level: Logger.Level, slow: Duration?,
        clock: Clock
    ) {
        self.service = service
        self.writer = writer
        self.level = level
        self.slow = slow.map { TimeAmount($0).nanoseconds } ?? .max
        self.clock = clock
        successes = methods.map { method in
            let level = CallLog.level(of: .ok, service: method.service)
            return Success(level: level, fields: CallLog.fields(service, method, .ok, level))
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

    func write(
        _ context: ServerContext, _ method: ServedMethod, _ error: RPCError?, _ counters: CallCounters,
        from start: NIODeadline, known: NIODeadline, to end: NIODeadline
    ) {
        if (end - start).nanoseconds >= slow, method.descriptor.kind == .unary {
            let code = error?.code ?? .ok
            let level = max(.warning, CallLog.level(of: code, service: method.descriptor.service))
            guard level >= self.level else { return }
            let fields = CallLog.fields(service, method.descriptor, code, level)
            return write(context, method, error, counters, fields, start, end, slowAfter: known - start)
        }
        guard let error else {
            let success = successes[context.methodIndex]
            guard success.level >= self.level else { return }
            return write(context, method, nil, counters, success.fields, start, end)
        }
        let level = CallLog.level(of: error.code, service: method.descriptor.service)
        guard level >= self.level else { return }
        let fields = CallLog.fields(service, method.descriptor, error.code, level)
        write(context, method, error, counters, fields, start, end)
    }

    private func write(
        _ context: ServerContext, _ method: ServedMethod, _ error: RPCError?, _ counters: CallCounters,
        _ fields: [UInt8], _ start: NIODeadline, _ end: NIODeadline, slowAfter access: TimeAmount? = nil
    ) {
        writer.append(time: clock.now) { line in
            line.add(fields: fields)
            line.add("duration_ms", nanoseconds: (end - start).nanoseconds)
            if let access {
                line.add("arrival_ms", nanoseconds: (start - context.arrived).nanoseconds)
                line.add("access_ms", nanoseconds: access.nanoseconds)
                line.add("storage_ms", nanoseconds: context.waited)
            }
            line.add("peer", context.peer)
            if let id = RequestHeaders.requestID(context) { line.add("request_id", id) }
            if let trace = context.trace {
                line.add("trace_id", plain: trace.traceIDDigits)
                line.add("span_id", plain: trace.spanIDDigits)
            }
            line.add("bytes_in", counters.bytesReceived)
            line.add("bytes_out", counters.bytesSent)
            if method.descriptor.kind != .unary {
                line.add("messages_in", counters.messagesReceived)
                line.add("messages_out", counters.messagesSent)
            }
            if let deadline = context.deadline {
                line.add("deadline_left_ms", nanoseconds: deadline.nanosecondsLeft(at: end))
            }
            if let reason = error?.reason { line.add("reason", reason) }
        }
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
