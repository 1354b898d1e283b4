/// Whole đồng. Every operation that can leave int64 says so instead of wrapping or trapping.
package enum Money {
    /// An amount that does not fit in int64.
    package struct Overflow: Error, Sendable, Hashable {}

    package static func add(_ a: Int64, _ b: Int64) throws(Overflow) -> Int64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        if overflow { throw Overflow() }
        return sum
    }

    package static func multiply(_ a: Int64, _ b: Int64) throws(Overflow) -> Int64 {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        if overflow { throw Overflow() }
        return product
    }

    /// floor(amount × numerator / denominator): "multiply before dividing". Nothing here is negative.
    package static func share(_ amount: Int64, _ numerator: Int64, of denominator: Int64) throws(Overflow) -> Int64 {
        precondition(denominator > 0 && numerator >= 0 && amount >= 0, "shares are of whole, positive amounts")
        guard let share = Int64(exactly: Int128(amount) * Int128(numerator) / Int128(denominator)) else {
            throw Overflow()
        }
        return share
    }

    /// The largest multiple of `step` that is not above `amount`.
    package static func roundedDown(_ amount: Int64, to step: Int64) -> Int64 {
        step <= 1 ? amount : amount - amount % step
    }

    /// `1,234,567` in English, `1.234.567` in Vietnamese.
    package static func text(_ amount: Int64, separator: Character = ",") -> String {
        let digits = String(amount.magnitude)
        var text = amount < 0 ? "-" : ""
        for (position, digit) in digits.enumerated() {
            if position > 0, (digits.count - position) % 3 == 0 { text.append(separator) }
            text.append(digit)
        }
        return text
    }
}
