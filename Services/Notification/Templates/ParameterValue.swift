import ServiceKit

/// Type of a template's parameter; raw values are those of the contract's `ParameterType`.
enum ParameterType: Int, Sendable, Hashable, CaseIterable {
    case text = 1
    case integer = 2
    case date = 3
    case month = 4
    case dong = 5

    /// How a value is written in a request.
    var form: String {
        switch self {
        case .text: "text without control characters"
        case .integer: "a whole number, for example 12"
        case .date: "a date YYYY-MM-DD"
        case .month: "a month YYYY-MM"
        case .dong: "whole đồng without separators, for example 600000"
        }
    }

    var formVi: String {
        switch self {
        case .text: "văn bản không có ký tự điều khiển"
        case .integer: "số nguyên, ví dụ 12"
        case .date: "ngày dạng YYYY-MM-DD"
        case .month: "tháng dạng YYYY-MM"
        case .dong: "số đồng nguyên không có dấu phân cách, ví dụ 600000"
        }
    }
}

/// Language of a message; raw values are those of the contract's `Language`.
enum Language: Int, Sendable, Hashable, CaseIterable {
    case vietnamese = 1
    case english = 2

    /// BCP 47 tag.
    var tag: String { self == .vietnamese ? "vi" : "en" }
}

/// A parameter's value, checked against its type.
enum ParameterValue: Sendable, Hashable {
    case text(String)
    case integer(Int64)
    case date(LocalDate)
    case month(Month)
    case dong(Int64)

    /// Reads the canonical form; nil when it is not of that type.
    init?(_ canonical: String, type: ParameterType) {
        switch type {
        case .text:
            let text = canonical.nfc
            guard text.unicodeScalars.allSatisfy({ $0 == "\n" || !$0.isControl }) else { return nil }
            self = .text(text)
        case .integer:
            guard let value = Int64(canonical), String(value) == canonical else { return nil }
            self = .integer(value)
        case .date:
            guard let value = LocalDate(canonical) else { return nil }
            self = .date(value)
        case .month:
            guard let value = Month(canonical) else { return nil }
            self = .month(value)
        case .dong:
            guard let value = Int64(canonical), String(value) == canonical else { return nil }
            self = .dong(value)
        }
    }

    /// As a reader of that language expects it.
    func shown(in language: Language) -> String {
        switch (self, language) {
        case (.text(let text), _): text
        case (.integer(let value), _): Self.grouped(value, language)
        case (.date(let date), .vietnamese): Self.padded(date.day) + "/" + Self.padded(date.month) + "/\(date.year)"
        case (.date(let date), .english): "\(date.day) \(Self.englishMonths[date.month - 1]) \(date.year)"
        case (.month(let month), .vietnamese): "tháng \(month.month)/\(month.year)"
        case (.month(let month), .english): "\(Self.englishMonths[month.month - 1]) \(month.year)"
        case (.dong(let value), .vietnamese): Self.grouped(value, language) + " đồng"
        case (.dong(let value), .english): Self.grouped(value, language) + " dong"
        }
    }

    private static let englishMonths = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }

    private static func grouped(_ value: Int64, _ language: Language) -> String {
        let digits = String(value.magnitude)
        var out = ""
        for (position, digit) in digits.enumerated() {
            if position > 0, (digits.count - position).isMultiple(of: 3) {
                out += language == .vietnamese ? "." : ","
            }
            out.append(digit)
        }
        return value < 0 ? "-" + out : out
    }
}
