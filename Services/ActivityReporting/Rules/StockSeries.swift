import ServiceKit

/// A stock as one report tells of it.
package struct StockValue: Sendable, Hashable {
    /// The subject: a person, or empty for the team as a whole.
    package var person: String
    /// The month from which it counts.
    package var counted: Month
    /// The period of the report: earlier than `counted` when the period was closed by then.
    package var source: Month
    package var amount: Amount

    package init(person: String, counted: Month, source: Month, amount: Amount) {
        self.person = person
        self.counted = counted
        self.source = source
        self.amount = amount
    }
}

/// The stock of one team in one counter over time: "stocks are last-value".
///
/// Each subject's last value stands until it tells of a newer one. Where a team has changed from reporting as a whole to
/// reporting per member, or back, the subjects of the latest month that was reported count, so that nothing counts twice.
package enum StockSeries {
    /// What each month adds to the stock of the month before; only months in which it changes.
    package static func steps(_ values: [StockValue]) -> [Month: Amount] {
        var steps: [Month: Amount] = [:]
        var last = Amount.zero
        for month in Set(values.map(\.counted)).sorted() {
            let stock = stock(values, at: month)
            if stock != last { steps[month] = stock - last }
            last = stock
        }
        return steps
    }

    /// The stock at the end of a month.
    package static func stock(_ values: [StockValue], at month: Month) -> Amount {
        let known = values.filter { $0.counted <= month }
        guard let latest = known.map(\.source).max() else { return .zero }
        let isTeam = known.contains { $0.source == latest && $0.person.isEmpty }
        var newest: [String: StockValue] = [:]
        for value in known where value.person.isEmpty == isTeam {
            // A correction for a closed month counts from when it comes, but not over the report of a later month.
            if let other = newest[value.person], (other.source, other.counted) > (value.source, value.counted) {
                continue
            }
            newest[value.person] = value
        }
        return newest.values.reduce(.zero) { $0 + $1.amount }
    }

    /// The last value of one subject before a period.
    package static func last(of person: String, before period: Month, _ values: [StockValue]) -> Amount? {
        values.filter { $0.person == person && $0.source < period }
            .max { ($0.source, $0.counted) < ($1.source, $1.counted) }?.amount
    }
}
