import ServiceKit

/// What a month counts that is not active from its first to its last day.
package enum PartMonthRule: Int, Sendable, Hashable, CaseIterable {
    case anyDay = 1
    case fullMonth = 2
    case halfMonth = 3
    case daily = 4

    /// HALF_MONTH "is the default".
    package static let standard = PartMonthRule.halfMonth
    /// "HALF_MONTH 1 if at least 15 days", in every month.
    package static let halfMonthDays = 15

    package var label: String {
        switch self {
        case .anyDay: "ANY_DAY"
        case .fullMonth: "FULL_MONTH"
        case .halfMonth: "HALF_MONTH"
        case .daily: "DAILY"
        }
    }

    package func weight(activeDays: Int, monthDays: Int) -> Weight {
        switch self {
        case .anyDay: Weight(activeDays >= 1)
        case .fullMonth: Weight(activeDays == monthDays)
        case .halfMonth: Weight(activeDays >= PartMonthRule.halfMonthDays)
        case .daily: Weight(numerator: activeDays, denominator: monthDays)
        }
    }

    package func weight(_ days: MonthDays) -> Weight { weight(activeDays: days.count, monthDays: days.month.length) }

    /// floor(rate × weight), then down to the policy's rounding step.
    package func amount(rate: Int64, days: MonthDays, step: Int64) throws(Money.Overflow) -> Int64 {
        try weight(days).amount(rate: rate, step: step)
    }
}

/// The weight of a month, an exact fraction.
package struct Weight: Sendable, Hashable {
    package let numerator: Int
    package let denominator: Int

    package init(numerator: Int, denominator: Int) {
        self.numerator = numerator
        self.denominator = denominator
    }

    init(_ whole: Bool) { self.init(numerator: whole ? 1 : 0, denominator: 1) }

    package var isZero: Bool { numerator == 0 }

    package func amount(rate: Int64, step: Int64) throws(Money.Overflow) -> Int64 {
        Money.roundedDown(try Money.share(rate, Int64(numerator), of: Int64(denominator)), to: step)
    }
}
