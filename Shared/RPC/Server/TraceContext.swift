import Synchronization

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
    private init(trace: (high: UInt64, low: UInt64), span: UInt64, sampled: Bool, state: String? = nil) {
        (traceHigh, traceLow) = trace
        self.span = span
        self.sampled = sampled
        self.state = state
    }

    /// 32 lower-case hexadecimal digits.
    public var traceID: String { Self.text(traceIDDigits) }
    /// 16 lower-case hexadecimal digits.
    public var spanID: String { Self.text(spanIDDigits) }
    /// The `traceparent` header.
    public var traceparent: String { "00-\(traceID)-\(spanID)-\(sampled ? "01" : "00")" }

    /// The digits of `traceID` as memory holds them, eight to a word.
    package var traceIDDigits: (UInt64, UInt64, UInt64, UInt64) {
        let (high, low) = (Self.digits(traceHigh), Self.digits(traceLow))
        return (high.0, high.1, low.0, low.1)
    }

    /// The digits of `spanID` as memory holds them, eight to a word.
    package var spanIDDigits: (UInt64, UInt64) { Self.digits(span) }

    /// The 16 bytes of the trace's id, as collectors of traces want them.
    package var traceIDBytes: [UInt8] { Self.bytes(traceHigh) + Self.bytes(traceLow) }
    /// The 8 bytes of the span's id.
    package var spanIDBytes: [UInt8] { Self.bytes(span) }

    private static func bytes(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

    private static func text<Digits>(_ digits: Digits) -> String {
        withUnsafeBytes(of: digits) { String(decoding: $0, as: UTF8.self) }
    }

    private static func digits(_ number: UInt64) -> (UInt64, UInt64) {
        (digits(UInt32(truncatingIfNeeded: number >> 32)), digits(UInt32(truncatingIfNeeded: number)))
    }

    /// All eight digits at once: each half byte is moved into a byte of its own, then all become characters.
    private static func digits(_ number: UInt32) -> UInt64 {
        var word = UInt64(number.byteSwapped)
        word = (word | word << 16) & 0x0000_ffff_0000_ffff
        word = (word | word << 8) & 0x00ff_00ff_00ff_00ff
        word = (word >> 4 & 0x000f_000f_000f_000f) | (word & 0x000f_000f_000f_000f) << 8
        let letters = (word + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        let fromNineToA = UInt64(UInt8(ascii: "a") - UInt8(ascii: "9") - 1)
        return (word + 0x3030_3030_3030_3030 + letters * fromNineToA).littleEndian
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
}

// MARK: Spans of this process

extension TraceContext {
    /// A new span in the caller's trace, recorded where the caller's is; in a new trace when the header is missing or
    /// malformed, as the standard asks.
    package static func continuing(
        sampling: TraceSampling = .never, _ header: (StaticString) -> String?
    ) -> TraceContext {
        guard let parent = header("traceparent").flatMap(TraceContext.init(traceparent:)) else {
            return beginning(sampling: sampling)
        }
        let state = header("tracestate").flatMap { $0.utf8.count <= 512 ? $0 : nil }
        return TraceContext(
            trace: (parent.traceHigh, parent.traceLow), span: TraceIDs.next(), sampled: parent.sampled, state: state)
    }

    /// The first span of a new trace.
    package static func beginning(sampling: TraceSampling = .never) -> TraceContext {
        let low = TraceIDs.next()
        return TraceContext(trace: (TraceIDs.next(), low), span: TraceIDs.next(), sampled: sampling.takes(low))
    }

    /// A new span of the same trace, below this one.
    package func child() -> TraceContext {
        TraceContext(trace: (traceHigh, traceLow), span: TraceIDs.next(), sampled: sampled, state: state)
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

/// Which of the traces that begin here are recorded. Where a caller has decided, its decision holds.
public struct TraceSampling: Sendable, Hashable {
    /// Of the numbers from 0 up to 2^63.
    private let threshold: UInt64

    /// Records one share of all traces: 0 none, 1 all.
    public init(ratio: Double) { threshold = ratio > 0 ? UInt64(min(ratio, 1) * 0x1p63) : 0 }

    /// None.
    public static let never = TraceSampling(ratio: 0)
    /// All.
    public static let always = TraceSampling(ratio: 1)

    /// As other implementations of `TraceIdRatioBased` decide, by the second half of the id without its last bit, so
    /// that several services that begin traces with the same ids would agree.
    func takes(_ low: UInt64) -> Bool { low >> 1 < threshold }
}

/// Ids that need to be different, not secret: SplitMix64 from a random seed, one atomic addition each.
private enum TraceIDs {
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
