import ServiceKit

/// Who sees what in the feed, over values. A reader with a grant sees what lies under its unit today; so what a reader
/// sees changes when units get other parents, when a reorganisation takes effect, and when one is taken back.
enum FeedBorders {
    /// Of each unit, the units on which a grant reaches it, but for the nation; by rank.
    typealias Covers = [[UnitRank]]

    static func covers(_ units: UnitIndex, today: LocalDate) -> Covers {
        units.all.indices.map { cover(of: $0, units, today: today) }
    }

    /// As `AccessRules` has it: everything of its territory has to lie under the unit of the grant.
    static func cover(of unit: UnitRank, _ units: UnitIndex, today: LocalDate) -> [UnitRank] {
        var common: Set<UnitRank>?
        for heir in AccessRules.heirs(of: unit, today: today, units: units) {
            let above = Set([heir] + units.ancestors(of: heir, on: today))
            common = common?.intersection(above) ?? above
        }
        return (common ?? []).subtracting([UnitIndex.nation]).sorted()
    }

    /// A unit that others see now.
    struct Change: Hashable {
        var unit: UnitRank
        /// Somebody saw it of whom nothing tells any more: for what was reverted, only this is left of it.
        var isWithdrawn: Bool
    }

    /// What has changed for units that were there before. New ones tell of themselves.
    static func changes(from former: Covers, to covers: Covers, _ units: UnitIndex, today: LocalDate) -> [Change] {
        zip(former, covers).enumerated().compactMap { unit, cover in
            guard cover.0 != cover.1 else { return nil }
            let lost = Set(cover.0).subtracting(cover.1)
            return Change(
                unit: unit,
                isWithdrawn: lost.contains { !units.mayHaveBeenSeen(unit, by: $0, today: today) })
        }
    }

    /// Ranks a line, as they are stored.
    static func encoded(_ covers: Covers) -> String {
        covers.map { $0.map(String.init).joined(separator: " ") }.joined(separator: "\n")
    }

    static func decoded(_ text: String) -> Covers {
        text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.split(separator: " ").compactMap { UnitRank($0) }
        }
    }
}

extension UnitIndex {
    /// Whether the records still say that who has a grant on a unit could see a unit: it lies there, in part, or did
    /// once.
    func mayHaveBeenSeen(_ unit: UnitRank, by granted: UnitRank, today: LocalDate) -> Bool {
        AccessRules.heirs(of: unit, today: today, units: self).contains { isUnder($0, granted, on: today) }
            || wasUnder(unit, granted, upTo: today)
    }

    private func wasUnder(_ unit: UnitRank, _ ancestor: UnitRank, upTo day: LocalDate) -> Bool {
        unit == ancestor
            || parents(of: unit).contains { $0.range.firstDay <= day && wasUnder($0.parent, ancestor, upTo: day) }
    }
}
