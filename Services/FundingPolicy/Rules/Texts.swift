import ServiceKit

/// How dates, ranges and amounts are written for people.
package enum Texts {
    package static func iso(_ date: LocalDate) -> String { date.description }
    /// `15/3/2024`.
    package static func vi(_ date: LocalDate) -> String {
        let (year, month, day) = date.components
        return "\(day)/\(month)/\(year)"
    }

    /// `3/2024`.
    package static func vi(_ month: Month) -> String { "\(month.month)/\(month.year)" }

    /// `from 2024-03-15`, `2024-01-01 to 2025-12-31`.
    package static func iso(_ range: DateRange) -> String {
        switch (range.from, range.to) {
        case (let from?, let to?): from == to ? "on \(from)" : "\(from) to \(to)"
        case (let from?, nil): "from \(from) on"
        case (nil, let to?): "until \(to)"
        case (nil, nil): "at all times"
        }
    }

    /// `từ 15/3/2024`, `từ 1/1/2024 đến 31/12/2025`.
    package static func vi(_ range: DateRange) -> String {
        switch (range.from, range.to) {
        case (let from?, let to?): from == to ? "ngày \(vi(from))" : "từ \(vi(from)) đến \(vi(to))"
        case (let from?, nil): "từ \(vi(from))"
        case (nil, let to?): "đến \(vi(to))"
        case (nil, nil): "không giới hạn thời gian"
        }
    }

    package static func iso(_ ranges: [DateRange]) -> String { ranges.map { iso($0) }.joined(separator: ", ") }
    package static func vi(_ ranges: [DateRange]) -> String { ranges.map { vi($0) }.joined(separator: ", ") }

    /// `600,000 đồng`.
    package static func dong(_ amount: Int64) -> String { "\(Money.text(amount)) đồng" }
    /// `600.000 đồng`.
    package static func dongVi(_ amount: Int64) -> String { "\(Money.text(amount, separator: ".")) đồng" }
}
