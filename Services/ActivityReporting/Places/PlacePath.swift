import ServiceKit

/// Where a team is over all time, in communes: the key by which figures are kept.
///
/// "Facts belong to teams: a new unit's past is the sum over the teams placed in it." Teams that share a path are
/// always in the same commune, so their figures may be kept as one sum, and the figures of any unit in the tree of any
/// date are a sum over paths. There are little more paths than communes.
package struct PlacePath: Sendable, Hashable {
    package struct Step: Sendable, Hashable {
        /// The commune.
        package var unit: String
        /// First day there; the first step counts from ever on, the last one for ever.
        package var from: LocalDate

        package init(unit: String, from: LocalDate) {
            self.unit = unit
            self.from = from
        }
    }

    package let steps: [Step]

    package init(steps: [Step]) { self.steps = steps }

    /// The path through the given stretches. A day before the first belongs to the first, a gap to the one before it.
    package init(_ stretches: [UnitRecord.Stretch]) {
        var steps: [Step] = []
        for stretch in stretches.sorted(by: { ($0.days.from ?? .distantPast) < ($1.days.from ?? .distantPast) })
        where !stretch.days.isEmpty && stretch.unit != steps.last?.unit {
            steps.append(
                Step(unit: stretch.unit, from: steps.isEmpty ? .distantPast : stretch.days.from ?? .distantPast))
        }
        self.steps = steps
    }

    /// The path of a team from its own placements and, for each hamlet it sat in, the hamlet's parents.
    package static func of(placements: [UnitRecord.Stretch], parentsOfHamlet: (String) throws -> [UnitRecord.Stretch]?)
        rethrows -> PlacePath
    {
        var stretches: [UnitRecord.Stretch] = []
        for placement in placements {
            guard let parents = try parentsOfHamlet(placement.unit) else {
                stretches.append(placement)
                continue
            }
            // A hamlet without a parent for part of the time is where its nearest recorded parent is.
            let path = PlacePath(parents).steps
            for (i, step) in path.enumerated() {
                let inParent = DateRange(
                    from: i == 0 ? nil : step.from, exclusiveEnd: i + 1 < path.count ? path[i + 1].from : nil)
                if let common = inParent.intersection(placement.days) {
                    stretches.append(.init(unit: step.unit, days: common))
                }
            }
        }
        return PlacePath(stretches)
    }

    /// The commune on a date.
    package func unit(on date: LocalDate) -> String? {
        (steps.last { $0.from <= date } ?? steps.first)?.unit
    }

    /// As stored: `units/a` or `units/a 2025-07-01 units/b`.
    package var text: String {
        steps.enumerated().map { $0 == 0 ? $1.unit : "\($1.from) \($1.unit)" }.joined(separator: " ")
    }

    package init(text: String) {
        let words = text.split(separator: " ").map(String.init)
        var steps: [Step] = words.first.map { [Step(unit: $0, from: .distantPast)] } ?? []
        for i in stride(from: 1, to: words.count - 1, by: 2) {
            steps.append(Step(unit: words[i + 1], from: LocalDate(words[i]) ?? .distantPast))
        }
        self.steps = steps
    }
}
