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
/// Each subject's last value stands until it tells of a newer one. Where a team has changed from reporting as a whole
/// to reporting per member, or back, the subjects of the latest month that was reported count, so that nothing counts
/// twice.
package struct StockSeries {
    /// The latest period told of, and whether the team as a whole told of it.
    private var latest: (source: Month, isTeam: Bool)?
    private var newest: [String: StockValue] = [:]
    private var team = Amount.zero
    private var members = Amount.zero

    /// What counts by now.
    private var stock: Amount { latest.map { $0.isTeam ? team : members } ?? .zero }

    private mutating func add(_ value: StockValue) {
        if let known = latest, known.source >= value.source {
            if known.source == value.source, value.person.isEmpty { latest?.isTeam = true }
        } else {
            latest = (value.source, value.person.isEmpty)
        }
        let other = newest[value.person]
        // A correction for a closed month counts from when it comes, but not over the report of a later month.
        if let other, (other.source, other.counted) > (value.source, value.counted) { return }
        newest[value.person] = value
        let step = value.amount - (other?.amount ?? .zero)
        if value.person.isEmpty { team += step } else { members += step }
    }

    /// What each month adds to the stock of the month before; only months in which it changes.
    package static func steps(_ values: [StockValue]) -> [Month: Amount] {
        var series = StockSeries()
        var steps: [Month: Amount] = [:]
        for value in values.sorted(by: { $0.counted < $1.counted }) {
            let before = series.stock
            series.add(value)
            if series.stock != before { steps[value.counted, default: .zero] += series.stock - before }
        }
        return steps.filter { $0.value != .zero }
    }

    /// The last value of one subject before a period.
    package static func last(of person: String, before period: Month, _ values: [StockValue]) -> Amount? {
        values.filter { $0.person == person && $0.source < period }
            .max { ($0.source, $0.counted) < ($1.source, $1.counted) }?.amount
    }
}
