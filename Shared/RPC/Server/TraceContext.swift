/// Position in a distributed trace (W3C Trace Context).
///
/// The ids are kept as numbers: every call has them, and few are asked for their text.
public struct TraceContext: Sendable, Hashable {
    private let traceHigh: UInt64
    private let traceLow: UInt64
    private let span: UInt64
    /// Whether the trace is recorded.
    public let sampled: Bool
    /// `tracestate`, passed on untouched.
    public let state: String?

    /// Creates a context; nil unless `traceID` is 32 and `spanID` 16 lower-case hexadecimal digits, neither all zero.
    public init?(traceID: String, spanID: String, sampled: Bool, state: String? = nil) {
        guard traceID.utf8.count == 32, spanID.utf8.count == 16, let high = Self.number(traceID.utf8.prefix(16)),
            let low = Self.number(traceID.utf8.suffix(16)), let span = Self.number(spanID.utf8[...]),
            high != 0 || low != 0, span != 0
        else { return nil }
        self.init(trace: (high, low), span: span, sampled: sampled, state: state)
    }

    /// A span of a trace; the numbers are not zero.
    package init(trace: (high: UInt64, low: UInt64), span: UInt64, sampled: Bool, state: String? = nil) {
        (traceHigh, traceLow) = trace
        self.span = span
        self.sampled = sampled
        self.state = state
    }

    /// A span in the same trace.
    package func child(span: UInt64, state: String?) -> TraceContext {
        TraceContext(trace: (traceHigh, traceLow), span: span, sampled: sampled, state: state)
    }

    /// 32 lower-case hexadecimal digits.
    public var traceID: String { Self.text(32) { appendTraceID(to: &$0) } }
    /// 16 lower-case hexadecimal digits.
    public var spanID: String { Self.text(16) { appendSpanID(to: &$0) } }
    /// The `traceparent` header.
    public var traceparent: String { "00-\(traceID)-\(spanID)-\(sampled ? "01" : "00")" }

    /// Appends the digits of `traceID`.
    package func appendTraceID(to out: inout [UInt8]) {
        Self.append(traceHigh, to: &out)
        Self.append(traceLow, to: &out)
    }

    /// Appends the digits of `spanID`.
    package func appendSpanID(to out: inout [UInt8]) { Self.append(span, to: &out) }

    private static func text(_ digits: Int, _ body: (inout [UInt8]) -> Void) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits)
        body(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func append(_ value: UInt64, to out: inout [UInt8]) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> shift & 0xF)
            out.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// The number of 16 digits; nil when one is not a lower-case hexadecimal digit.
    private static func number(_ digits: Substring.UTF8View) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }

    /// The trace context of the call being handled; clients send it on.
    @TaskLocal public static var current: TraceContext?
}
