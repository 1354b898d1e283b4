import ServiceKit
import Shared

/// What is summed over reports.
package enum Measure: Sendable, Hashable {
    /// Raw values of the contract's `Skill`, `BeneficiaryKind` and `ActivityChannel`.
    case activity(skill: Int, beneficiary: Int, channel: Int, platform: String)
    case flow(String)
    case stock(String)
    /// Raw values of the contract's `DifficultyKind` and `Severity`.
    case difficulty(kind: Int, severity: Int)

    /// "Flows are summed, stocks are last-value; never one from the other": they are kept apart in storage as well.
    package enum Kind: Int, Sendable, CaseIterable {
        case activity = 1
        case flow = 2
        case stock = 3
        case difficulty = 4
    }

    package var kind: Kind {
        switch self {
        case .activity: .activity
        case .flow: .flow
        case .stock: .stock
        case .difficulty: .difficulty
        }
    }

    /// As stored beside the kind.
    package var text: String {
        switch self {
        case .activity(let skill, let beneficiary, let channel, let platform):
            "\(skill) \(beneficiary) \(channel) \(platform)"
        case .flow(let code), .stock(let code): code
        case .difficulty(let kind, let severity): "\(kind) \(severity)"
        }
    }

    package init?(_ kind: Kind, text: String) {
        switch kind {
        case .flow: self = .flow(text)
        case .stock: self = .stock(text)
        case .activity:
            let parts = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
            guard parts.count == 4, let skill = Int(parts[0]), let beneficiary = Int(parts[1]),
                let channel = Int(parts[2])
            else { return nil }
            self = .activity(
                skill: skill, beneficiary: beneficiary, channel: channel, platform: String(parts[3]))
        case .difficulty:
            let parts = text.split(separator: " ").compactMap { Int($0) }
            guard parts.count == 2 else { return nil }
            self = .difficulty(kind: parts[0], severity: parts[1])
        }
    }
}

/// A sum, and how exact its terms are: "the qualifier is part of the fact".
package struct Amount: Sendable, Hashable, AdditiveArithmetic {
    package var value: Int64 = 0
    /// How many values were added.
    package var values: Int64 = 0
    /// Those of them that are "more than" and "nearly".
    package var atLeast: Int64 = 0
    package var nearly: Int64 = 0

    package init(value: Int64 = 0, values: Int64 = 0, atLeast: Int64 = 0, nearly: Int64 = 0) {
        self.value = value
        self.values = values
        self.atLeast = atLeast
        self.nearly = nearly
    }

    package init(_ value: Int64, _ qualifier: Cdt_Common_V1_Qualifier) {
        self.init(
            value: value, values: 1, atLeast: qualifier == .atLeast ? 1 : 0, nearly: qualifier == .nearly ? 1 : 0)
    }

    package static let zero = Amount()

    package static func + (a: Amount, b: Amount) -> Amount {
        Amount(
            value: a.value + b.value, values: a.values + b.values, atLeast: a.atLeast + b.atLeast,
            nearly: a.nearly + b.nearly)
    }
    package static func - (a: Amount, b: Amount) -> Amount {
        Amount(
            value: a.value - b.value, values: a.values - b.values, atLeast: a.atLeast - b.atLeast,
            nearly: a.nearly - b.nearly)
    }

    /// Some "more than" make the sum a "more than"; together with a "nearly" it is neither.
    package var qualifier: Cdt_Common_V1_Qualifier {
        switch (atLeast > 0, nearly > 0) {
        case (false, false): .exact
        case (true, false): .atLeast
        case (false, true): .nearly
        case (true, true): .unspecified
        }
    }
}

extension Cdt_Activity_V1_Report {
    /// Times that somebody was helped, whatever with.
    package var helped: Int64 { activities.reduce(Int64(0)) { $0 + $1.count } }

    /// What the report adds to the sums of its period; stocks are not added, see `StockSeries`.
    package var achieved: [Measure: Amount] {
        var sums: [Measure: Amount] = [:]
        for activity in activities {
            let measure = Measure.activity(
                skill: activity.skill.rawValue, beneficiary: activity.beneficiary.rawValue,
                channel: activity.channel.rawValue, platform: activity.platform)
            sums[measure, default: .zero].value += activity.count
            sums[measure]?.values = 1
        }
        for counter in counters where counter.kind == .flow {
            sums[.flow(counter.code), default: .zero] += Amount(counter.value, counter.qualifier)
        }
        for difficulty in difficulties {
            let severity = difficulty.severity == .unspecified ? Cdt_Activity_V1_Severity.medium : difficulty.severity
            sums[.difficulty(kind: difficulty.kind.rawValue, severity: severity.rawValue)] = Amount(value: 1, values: 1)
        }
        return sums
    }

    /// The stocks it tells of, by code.
    package var stocks: [String: Amount] {
        var stocks: [String: Amount] = [:]
        for counter in counters where counter.kind == .stock {
            stocks[counter.code] = Amount(counter.value, counter.qualifier)
        }
        return stocks
    }
}
