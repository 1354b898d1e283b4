/// The `grpc-timeout` header: at most 8 digits and one of `H M S m u n` (PROTOCOL-HTTP2, "Timeout").
enum Timeout {
    /// The duration a header value means; nil when it is not a timeout.
    static func parse(_ value: UnsafeBufferPointer<UInt8>) -> Duration? {
        guard value.count >= 2, value.count <= 9, let unit = value.last else { return nil }
        var amount: Int64 = 0
        for byte in value.dropLast() {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            amount = amount * 10 + Int64(byte - UInt8(ascii: "0"))  // at most 99,999,999: cannot overflow
        }
        switch unit {
        case UInt8(ascii: "H"): return .seconds(amount * 3600)
        case UInt8(ascii: "M"): return .seconds(amount * 60)
        case UInt8(ascii: "S"): return .seconds(amount)
        case UInt8(ascii: "m"): return .milliseconds(amount)
        case UInt8(ascii: "u"): return .microseconds(amount)
        case UInt8(ascii: "n"): return .nanoseconds(amount)
        default: return nil
        }
    }

    /// The header value for what is left; the finest unit that fits in 8 digits, rounded up so as not to cut time off.
    static func format(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return "0n" }
        let nanoseconds = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let total =
            nanoseconds.overflow ? UInt64.max : nanoseconds.partialValue &+ UInt64(attoseconds / 1_000_000_000)
        for (unit, size) in units {
            let amount = total / size + (total % size == 0 ? 0 : 1)
            if amount <= 99_999_999 { return "\(amount)\(unit)" }
        }
        return "99999999H"
    }

    private static let units: [(String, UInt64)] = [
        ("n", 1), ("u", 1_000), ("m", 1_000_000), ("S", 1_000_000_000), ("M", 60_000_000_000), ("H", 3_600_000_000_000),
    ]
}
