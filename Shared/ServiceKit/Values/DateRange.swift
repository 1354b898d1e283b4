/// Days from `from` to `to`, both included; nil means open on that side.
///
/// "Intervals are inclusive in API text and half-open in storage": `exclusiveEnd` is the stored form of `to`.
package struct DateRange: Sendable, Hashable {
    package var from: LocalDate?
    package var to: LocalDate?

    package init(from: LocalDate?, to: LocalDate?) {
        self.from = from
        self.to = to
    }

    /// From the storage's half-open form: `end` is the first day that no longer belongs.
    package init(from: LocalDate?, exclusiveEnd end: LocalDate?) {
        self.init(from: from, to: end?.previous)
    }

    package static let always = DateRange(from: nil, to: nil)
    package static func day(_ date: LocalDate) -> DateRange { DateRange(from: date, to: date) }

    /// The first day after the range, nil when it is open.
    package var exclusiveEnd: LocalDate? { to?.next }

    private var low: LocalDate { from ?? LocalDate(dayNumber: .min) }
    private var high: LocalDate { to ?? LocalDate(dayNumber: .max) }

    /// No day lies in it: it ends before it begins.
    package var isEmpty: Bool { high < low }

    package func contains(_ date: LocalDate) -> Bool { low <= date && date <= high }
    package func contains(_ other: DateRange) -> Bool { other.isEmpty || (low <= other.low && other.high <= high) }
    package func overlaps(_ other: DateRange) -> Bool { max(low, other.low) <= min(high, other.high) }

    /// The days in both, nil when there are none.
    package func intersection(_ other: DateRange) -> DateRange? {
        guard overlaps(other) else { return nil }
        return DateRange(
            from: from.map { max($0, other.low) } ?? other.from, to: to.map { min($0, other.high) } ?? other.to)
    }

    /// How many days; nil when an end is open.
    package var dayCount: Int? {
        guard let from, let to else { return nil }
        return max(0, from.days(until: to) + 1)
    }

    /// How many days of it lie in `window`; nil when both are open on the same side.
    package func dayCount(in window: DateRange) -> Int? {
        guard let common = intersection(window) else { return 0 }
        return common.dayCount
    }

    /// The ranges as few, disjoint, ascending ranges that hold the same days; neighbours are joined.
    package static func union(_ ranges: some Sequence<DateRange>) -> [DateRange] {
        let sorted = ranges.filter { !$0.isEmpty }.sorted { $0.low < $1.low }
        var result: [DateRange] = []
        for range in sorted {
            guard let last = result.last else {
                result.append(range)
                continue
            }
            guard let end = last.to else { break }
            if range.low <= end.next {
                result[result.count - 1].to = range.to.map { max($0, end) }
            } else {
                result.append(range)
            }
        }
        return result
    }

    /// How many different days of `window` at least one of the ranges covers; nil when that is without end.
    package static func unionDayCount(_ ranges: some Sequence<DateRange>, in window: DateRange = .always) -> Int? {
        var total = 0
        for range in union(ranges.lazy.compactMap { $0.intersection(window) }) {
            guard let count = range.dayCount else { return nil }
            total += count
        }
        return total
    }
}

extension DateRange: CustomStringConvertible {
    /// `2024-01-01/2024-12-31`, with `..` for an open end (ISO 8601-2).
    package var description: String { "\(from?.description ?? "..")/\(to?.description ?? "..")" }
}
