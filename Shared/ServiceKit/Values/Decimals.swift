/// Decimal digits of fixed width, as dates are written.
enum Decimals {
    static func append<Sink: ByteSink & ~Copyable>(_ value: Int, digits: Int, to out: inout Sink) {
        func digit(_ value: Int) -> UInt8 { UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10) }
        // Every date and time is made of these; divisions by constants are cheap.
        if (2...4).contains(digits) {
            if digits == 4 { out.append(digit(value / 1000)) }
            if digits >= 3 { out.append(digit(value / 100)) }
            out.append(digit(value / 10))
            return out.append(digit(value))
        }
        var unit = 1
        for _ in 1..<digits { unit *= 10 }
        while unit > 0 {
            out.append(digit(value / unit))
            unit /= 10
        }
    }

    /// Two digits as memory holds them, the first lowest.
    static func pair(_ number: UInt64) -> UInt64 { (number / 10 + 48) | (number % 10 + 48) << 8 }

    /// `YYYY-MM-` in the same way, for years of up to four digits.
    static func yearAndMonth(_ year: Int, _ month: Int) -> UInt64 {
        let year = UInt64(year)
        return 0x2D00_002D_0000_0000 | pair(year / 100) | pair(year % 100) << 16 | pair(UInt64(month)) << 40
    }

    static func value(of byte: UInt8) -> Int? {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? Int(byte - UInt8(ascii: "0")) : nil
    }

    /// The number that a few digits make; nil if there is anything else.
    static func value(of digits: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
        var number = 0
        for byte in digits {
            guard let digit = value(of: byte) else { return nil }
            number = number * 10 + digit
        }
        return number
    }
}
