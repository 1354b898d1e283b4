import ServiceKit

/// A unit as the Registry tells it.
package struct UnitFacts: Sendable, Hashable {
    /// `units/{id}`.
    package var id: String
    /// 1 nation, 2 province, 3 district, 4 commune, 5 hamlet.
    package var level: Int
    package var code: String
    package var displayName: String
    package var validity: DateRange
    /// Its parents over time, oldest first; `Placement.unit` is the parent.
    package var parents: [Placement]
    /// Units it became; the default one first.
    package var successors: [String]

    package static let hamletLevel = 5

    package init(
        id: String, level: Int = 4, code: String = "", displayName: String = "", validity: DateRange = .always,
        parents: [Placement] = [], successors: [String] = []
    ) {
        self.id = id
        self.level = level
        self.code = code
        self.displayName = displayName
        self.validity = validity
        self.parents = parents
        self.successors = successors
    }
}

/// Where the tracer reads units from.
package protocol UnitSource {
    func unit(_ id: String) throws -> UnitFacts?
    /// Units that name this one as a successor.
    func predecessors(of id: String) throws -> [String]
}

/// Decides whether a place belongs to a territory as it was on a date: "Bình Dương's policy covers the territory that
/// was Bình Dương, also after it became part of Hồ Chí Minh City".
///
/// - A unit in force on the date belongs to it when the jurisdiction is the unit itself or stands above it on that
///   date.
/// - A younger unit belongs to it when all of its predecessors do; without recorded predecessors (a new hamlet, say),
///   when its first parent does.
/// - A unit that had ended before belongs to it when its default successor does; without one, when its last parent
///   does.
///
/// Answers for communes and above are remembered: they are few, and thousands of teams ask about them.
package struct TerritoryTracer {
    package let jurisdiction: String
    package let date: LocalDate
    private var known: [String: Answer] = [:]
    /// How deep the search is; a circle in faulty data ends it.
    private var depth = 0
    private static let deepest = 40

    package enum Answer: Sendable, Hashable {
        case inside
        case outside
        /// Made of parts from inside and outside.
        case mixed
    }

    package init(jurisdiction: String, date: LocalDate) {
        self.jurisdiction = jurisdiction
        self.date = date
    }

    package mutating func answer(for unit: String, in source: some UnitSource) throws -> Answer {
        if unit == jurisdiction { return .inside }
        if let answer = known[unit] { return answer }
        guard depth < TerritoryTracer.deepest, let facts = try source.unit(unit) else { return .outside }
        depth += 1
        defer { depth -= 1 }
        let answer = try trace(facts, in: source)
        if facts.level < UnitFacts.hamletLevel { known[unit] = answer }
        return answer
    }

    private mutating func trace(_ unit: UnitFacts, in source: some UnitSource) throws -> Answer {
        if let from = unit.validity.from, from > date {
            let predecessors = try source.predecessors(of: unit.id)
            if !predecessors.isEmpty {
                var answers: Set<Answer> = []
                for predecessor in predecessors { answers.insert(try answer(for: predecessor, in: source)) }
                return answers.count == 1 ? answers.first ?? .outside : .mixed
            }
            guard let first = unit.parents.first else { return .outside }
            return try answer(for: first.unit, in: source)
        }
        if let to = unit.validity.to, to < date {
            if let successor = unit.successors.first { return try answer(for: successor, in: source) }
            guard let last = unit.parents.last else { return .outside }
            return try answer(for: last.unit, in: source)
        }
        // In force on the date. A hamlet's recorded places may begin later: its first one is then the best known.
        let parent =
            unit.parents.first { $0.days.contains(date) } ?? unit.parents.first { ($0.days.from ?? date) > date }
            ?? unit.parents.last
        guard let parent else { return .outside }
        return try answer(for: parent.unit, in: source)
    }

    /// The days on which a team's place lay in the territory.
    ///
    /// A team keeps its last known place until the next one is recorded: where a unit ended and "no successor is
    /// guessed", the ground the team works on has not moved. Where a unit is made of parts from inside and outside, the
    /// team's own earlier place decides; without one, it is outside.
    package mutating func days(of placements: [Placement], in source: some UnitSource) throws -> [DateRange] {
        // Nearly every team has one place.
        let ordered =
            placements.count > 1
            ? placements.sorted { ($0.days.from ?? .distantPast) < ($1.days.from ?? .distantPast) } : placements
        var result: [DateRange] = []
        var inside = false
        for (index, placement) in ordered.enumerated() {
            switch try answer(for: placement.unit, in: source) {
            case .inside: inside = true
            case .outside: inside = false
            case .mixed: break
            }
            guard inside else { continue }
            let next = index + 1 < ordered.count ? ordered[index + 1].days.from : nil
            result.append(DateRange(from: placement.days.from, exclusiveEnd: next))
        }
        return ordered.count > 1 ? DateRange.union(result) : result
    }
}
