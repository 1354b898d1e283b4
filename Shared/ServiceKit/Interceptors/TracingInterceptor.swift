import RPC
import Synchronization

/// Continues the caller's trace, or begins one (W3C Trace Context, `traceparent` and `tracestate`), and makes it the
/// current one, so that outgoing calls and written events carry it on.
package struct TracingInterceptor: ServerInterceptor {
    package init() {}

    package func intercept(_ context: ServerContext, next: NextHandler) async throws {
        var context = context
        let trace = TraceContext.continuing(
            traceparent: context.header("traceparent"), tracestate: context.header("tracestate"))
        context.trace = trace
        try await TraceContext.$current.withValue(trace) { [context] in try await next(context) }
    }
}

extension TraceContext {
    /// A new span in the caller's trace; in a new trace when the header is missing or malformed, as the standard asks.
    package static func continuing(traceparent: String?, tracestate: String?) -> TraceContext {
        if let parent = traceparent.flatMap(TraceContext.init(traceparent:)) {
            let state = tracestate.flatMap { $0.utf8.count <= 512 ? $0 : nil }
            return parent.child(span: TraceIDs.next(), state: state)
        }
        return TraceContext(trace: (TraceIDs.next(), TraceIDs.next()), span: TraceIDs.next(), sampled: false)
    }

    /// Reads `version-traceid-parentid-flags`. Later versions may append fields; version ff and zero ids are invalid.
    package init?(traceparent: String) {
        let parts = traceparent.split(separator: "-", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0] != "ff", parts[0] != "00" || parts.count == 4,
            zip(parts, [2, 32, 16, 2]).allSatisfy({ TraceIDs.isHex($0, digits: $1) }),
            let flags = UInt8(parts[3], radix: 16)
        else { return nil }
        self.init(traceID: String(parts[1]), spanID: String(parts[2]), sampled: flags & 1 == 1)
    }
}

/// Ids that need to be different, not secret: SplitMix64 from a random seed, one atomic addition each.
enum TraceIDs {
    private static let state = Atomic<UInt64>(UInt64.random(in: .min ... .max))

    /// Never zero.
    static func next() -> UInt64 {
        var z = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return z == 0 ? 1 : z
    }

    static func isHex(_ text: Substring, digits: Int) -> Bool {
        text.utf8.count == digits
            && text.utf8.allSatisfy {
                UInt8(ascii: "0") <= $0 && $0 <= UInt8(ascii: "9") || UInt8(ascii: "a") <= $0 && $0 <= UInt8(ascii: "f")
            }
    }
}
