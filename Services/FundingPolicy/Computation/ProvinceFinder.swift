import ServiceKit

/// Finds the province that a team's place lies in, in the tree of one date. Answers for communes and above are
/// remembered: they are few, and thousands of teams ask about them.
package struct ProvinceFinder: Sendable {
    package let date: LocalDate
    private var known: [String: UnitFacts?] = [:]
    private static let provinceLevel = 2
    /// A circle in faulty data ends here.
    private static let deepest = 24

    package init(date: LocalDate) { self.date = date }

    /// A team that moved is where it is on the date; before its first place it is there already.
    package mutating func province(of team: TeamFacts, in source: some UnitSource) throws -> UnitFacts? {
        let ordered = team.placements.sorted { ($0.days.from ?? .distantPast) < ($1.days.from ?? .distantPast) }
        guard let place = ordered.last(where: { ($0.days.from ?? .distantPast) <= date }) ?? ordered.first else {
            return nil
        }
        return try province(above: place.unit, in: source, depth: 0)
    }

    private mutating func province(above id: String, in source: some UnitSource, depth: Int) throws -> UnitFacts? {
        if let answer = known[id] { return answer }
        guard depth < ProvinceFinder.deepest, let unit = try source.unit(id) else { return nil }
        let next: String?
        if unit.validity.contains(date) {
            if unit.level <= ProvinceFinder.provinceLevel {
                return unit.level == ProvinceFinder.provinceLevel ? unit : nil
            }
            next = (unit.parents.first { $0.days.contains(date) } ?? unit.parents.last)?.unit
        } else if let from = unit.validity.from, from > date {
            next = unit.parents.first?.unit
        } else {
            next = unit.successors.first ?? unit.parents.last?.unit
        }
        let answer = try next.flatMap { try province(above: $0, in: source, depth: depth + 1) }
        if unit.level < UnitFacts.hamletLevel { known[id] = .some(answer) }
        return answer
    }
}
