import ServiceKit

/// Who does the work: the shares of occupations and organisations in what members do, or in who they are.
package struct Participation: Sendable {
    /// "Flag NARROW_PARTICIPATION when one group does ≥ 80% of the activities", in hundredths of a percent.
    package static let narrow: Int64 = 8_000

    /// What one group adds up to.
    package struct Share: Sendable, Hashable {
        package var amount: Int64 = 0
        package var reports: Int64 = 0
    }

    package private(set) var total = Share()
    package private(set) var occupations: [Int: Share] = [:]
    package private(set) var organisations: [String: Share] = [:]

    package init() {}

    /// Adds what members who share all their groups have done.
    package mutating func add(_ amount: Int64, reports: Int64, by groups: MemberGroups) {
        func add(to share: inout Share) {
            share.amount += amount
            share.reports += reports
        }
        add(to: &total)
        add(to: &occupations[groups.occupation, default: Share()])
        for organisation in groups.organisations { add(to: &organisations[organisation, default: Share()]) }
    }

    /// Whether a group has nearly all; nothing is narrow while there is nothing.
    package func isNarrow(_ share: Share) -> Bool {
        total.amount > 0 && Indicator.reaches(share.amount, of: total.amount, threshold: Self.narrow)
    }

    /// Whether one occupation, or one organisation, has nearly all. Members of no known occupation are no group.
    package var isNarrow: Bool {
        occupations.contains { $0.key != 0 && isNarrow($0.value) } || organisations.values.contains(where: isNarrow)
    }

    /// The largest first.
    package var rankedOrganisations: [(name: String, share: Share)] {
        organisations.map { ($0.key, $0.value) }.sorted { ($1.1.amount, $0.0) < ($0.1.amount, $1.0) }
            .map { (name: $0.0, share: $0.1) }
    }
}
