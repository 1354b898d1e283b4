/// Percentages as people see them.
package enum RatioFormat {
    /// "Two decimals, rounded half up, but 100% only for a whole and 0% only for none": 199999/200000 is `99.99`.
    /// Empty when there is nothing to divide by: "0/0 is not applicable, never 100%".
    package static func percent(_ numerator: Int64, of denominator: Int64) -> String {
        guard denominator > 0, numerator >= 0 else { return "" }
        let n = Int128(numerator)
        let d = Int128(denominator)
        var hundredths = (n * 20_000 + d) / (2 * d)
        if hundredths == 0, n > 0 { hundredths = 1 }
        if hundredths == 10_000, n != d { hundredths += n < d ? -1 : 1 }
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }

    package static func percent(_ numerator: Int, of denominator: Int) -> String {
        percent(Int64(numerator), of: Int64(denominator))
    }
}
