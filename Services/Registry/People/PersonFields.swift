import Foundation
import ServiceKit

/// Reads what people write about people. Each returns nil and notes the problem when it cannot be right.
package struct PersonFields {
    package private(set) var problems: [Problem] = []

    package init() {}

    package mutating func add(_ problem: Problem) { problems.append(problem) }

    /// A line of text, NFC, blanks joined.
    package mutating func line(_ text: String, _ field: String, limit: Int, required: Bool = true) -> String? {
        let normal = text.precomposedStringWithCanonicalMapping
        let joined = normal.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        if joined.isEmpty {
            if required { problems.append(Problem(.fieldMissing, field)) }
            return required ? nil : ""
        }
        guard joined.unicodeScalars.count <= limit else {
            problems.append(Problem(.textTooLong, field, ["limit": String(limit)]))
            return nil
        }
        if let control = joined.unicodeScalars.first(where: { $0.properties.generalCategory == .control }) {
            problems.append(
                Problem(.textNotAllowed, field, ["detail": "U+" + String(control.value, radix: 16, uppercase: true)]))
            return nil
        }
        return joined
    }

    /// A person's name: letters of any script, with marks, blanks, `'`, `-`, `.`; at most 120 characters.
    package mutating func personName(_ text: String, _ field: String) -> String? {
        guard let name = line(text, field, limit: 120) else { return nil }
        let other = name.unicodeScalars.first { scalar in
            !(scalar.properties.isAlphabetic || " '’ʼ-.".unicodeScalars.contains(scalar)
                || scalar.properties.generalCategory == .nonspacingMark)
        }
        if let other {
            problems.append(Problem(.textNotAllowed, field, ["detail": String(other)]))
            return nil
        }
        guard name.unicodeScalars.contains(where: \.properties.isAlphabetic) else {
            problems.append(Problem(.textNotAllowed, field, ["detail": name]))
            return nil
        }
        return name
    }

    /// `YYYY` or `YYYY-MM-DD`; empty: not known.
    package mutating func birth(_ text: String, _ field: String, today: LocalDate) -> (year: Int?, date: LocalDate?)? {
        if text.isEmpty { return (nil, nil) }
        if text.utf8.count == 4, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let year = Int(text),
            (1900...today.year).contains(year)
        {
            return (year, nil)
        }
        if let date = LocalDate(text), date.year >= 1900, date <= today { return (date.year, date) }
        problems.append(Problem(.invalidBirth, field, ["value": Self.shown(text)]))
        return nil
    }

    /// As dialled within Viet Nam: ten digits, of landlines (`02…`) eleven. `+84` and blanks, dots and hyphens may be
    /// given.
    package mutating func phone(_ text: String, _ field: String) -> String? {
        var digits = text.filter { !" .-()".contains($0) }
        if digits.hasPrefix("+84") {
            digits = "0" + digits.dropFirst(3)
        } else if digits.hasPrefix("84"), digits.utf8.count == 11 {
            digits = "0" + digits.dropFirst(2)
        }
        let length = digits.utf8.count
        guard digits.hasPrefix("0"), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            length == 10 || length == 11 && digits.hasPrefix("02")
        else {
            problems.append(Problem(.invalidPhone, field, ["value": Self.shown(text)]))
            return nil
        }
        return digits
    }

    package mutating func email(_ text: String, _ field: String) -> String? {
        if text.isEmpty { return "" }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...64).contains(parts[0].utf8.count), parts[1].contains("."), text.utf8.count <= 254,
            !parts[1].hasPrefix("."), !parts[1].hasSuffix("."), !parts[1].contains(".."),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            problems.append(Problem(.invalidEmail, field, ["value": Self.shown(text)]))
            return nil
        }
        return text
    }

    /// A date; empty: nil without a problem, unless it is required.
    package mutating func date(_ text: String, _ field: String, required: Bool = false) -> LocalDate? {
        if text.isEmpty {
            if required { problems.append(Problem(.fieldMissing, field)) }
            return nil
        }
        guard let date = LocalDate(text), (1900...2200).contains(date.year) else {
            problems.append(Problem(.invalidDate, field, ["value": Self.shown(text)]))
            return nil
        }
        return date
    }

    package static func shown(_ text: String) -> String { text.count > 60 ? text.prefix(60) + "…" : text }
}
