import Shared
import SwiftProtobuf

/// `onTime` as `ON_TIME`, as the contract spells it without the prefix of its type.
func label(_ value: some SwiftProtobuf.Enum) -> String {
    let name = String(describing: value)
    guard name != "unspecified", !name.hasPrefix("UNRECOGNIZED") else { return "" }
    var label = ""
    for character in name {
        if character.isUppercase { label.append("_") }
        label.append(contentsOf: character.uppercased())
    }
    return label
}

/// The value of an enumeration that people write as `commune`, `on-time` or `ON_TIME`; nil for an unknown word.
func enumValue<Value: SwiftProtobuf.Enum & CaseIterable>(_ type: Value.Type, _ word: String) -> Value? {
    let wanted = word.uppercased().replacing("-", with: "_")
    return Value.allCases.first { !label($0).isEmpty && label($0) == wanted }
}

/// A value as people write it: `on-time`; empty for the one that means nothing.
func word(_ value: some SwiftProtobuf.Enum) -> String { label(value).lowercased().replacing("_", with: "-") }

/// All words of an enumeration, for help and errors.
func enumWords<Value: SwiftProtobuf.Enum & CaseIterable>(_ type: Value.Type) -> String {
    Value.allCases.map(word).filter { !$0.isEmpty }.joined(separator: ", ")
}

/// A share as people read it: `199/200 (99.50%)`; nothing to divide by is not a percentage.
func shown(_ ratio: Cdt_Common_V1_Ratio) -> String {
    guard ratio.denominator != 0 else { return "not applicable" }
    return "\(grouped(ratio.numerator))/\(grouped(ratio.denominator)) (\(ratio.percent)%)"
}

/// The percentage of a share alone, for a column of its own.
func shownPercent(_ ratio: Cdt_Common_V1_Ratio) -> String { ratio.denominator == 0 ? "n/a" : ratio.percent }

/// A stretch of time: `2022-03-12 –` is open at the end.
func shownInterval(_ from: String, _ to: String) -> String {
    [from, "–", to].filter { !$0.isEmpty }.joined(separator: " ")
}
