import RPC
import ServiceKit

/// Where one caller may do what. R8: a grant "covers that unit's subtree today and the past of all territory now in it
/// …; a grant on an abolished unit stays as read access to its past".
package struct Reach<Source: UnitSource> {
    let identity: Identity
    let source: Source
    let today: LocalDate

    package init(identity: Identity, source: Source, today: LocalDate) {
        self.identity = identity
        self.source = source
        self.today = today
    }

    /// A circle in faulty data ends here.
    private static var deepest: Int { 32 }

    /// A unit and everything under it; nil: the nation.
    package func allows(_ verb: FundingVerb, unit: String?) throws -> Bool {
        let granted = identity.units(for: verb)
        if granted.contains("") { return true }
        guard let unit, !granted.isEmpty, let facts = try source.unit(unit) else { return false }
        if facts.level == UnitFacts.nationLevel { return false }
        let heirs = try heirs(of: unit)
        for grant in granted {
            if try !heirs.isEmpty && heirs.allSatisfy({ try isUnder($0, grant, on: today) }) { return true }
            if verb == .read, try isPast(of: grant, unit) { return true }
        }
        return false
    }

    /// A team where it is today; for reading also where it was while an abolished unit was in force.
    package func allows(_ verb: FundingVerb, team: TeamFacts) throws -> Bool {
        let granted = identity.units(for: verb)
        if granted.contains("") { return true }
        let ordered = team.placements.sorted { ($0.days.from ?? .distantPast) < ($1.days.from ?? .distantPast) }
        guard let place = ordered.last(where: { ($0.days.from ?? .distantPast) <= today }) ?? ordered.first else {
            return false
        }
        if try allows(verb, unit: place.unit) { return true }
        guard verb == .read else { return false }
        for grant in granted {
            guard let last = try abolished(grant) else { continue }
            let then = ordered.last { ($0.days.from ?? .distantPast) <= last }
            if let then, try isUnder(then.unit, grant, on: last) { return true }
        }
        return false
    }

    /// Whether a unit lay under one that is abolished by now, on that one's last day.
    private func isPast(of grant: String, _ unit: String) throws -> Bool {
        guard let last = try abolished(grant) else { return false }
        return try isUnder(unit, grant, on: last)
    }

    /// The last day of a unit that has ended.
    private func abolished(_ unit: String) throws -> LocalDate? {
        guard let last = try source.unit(unit)?.validity.to, last < today else { return nil }
        return last
    }

    /// Whether the unit, in force on the date, is another one or lies under it then.
    private func isUnder(_ unit: String, _ above: String, on date: LocalDate) throws -> Bool {
        var next: String? = unit
        for _ in 0..<Self.deepest {
            guard let id = next else { return false }
            if id == above { return true }
            guard let facts = try source.unit(id), facts.validity.contains(date) else { return false }
            next = (facts.parents.last { $0.days.contains(date) } ?? facts.parents.last)?.unit
        }
        return false
    }

    /// The units that have the territory of one today: itself, or all that it became; where "no successor is guessed",
    /// the parent it lay in.
    private func heirs(of unit: String) throws -> Set<String> {
        var (open, heirs, seen): ([String], Set<String>, Set<String>) = ([unit], [], [])
        while let id = open.popLast() {
            guard seen.insert(id).inserted, let facts = try source.unit(id) else { continue }
            if let last = facts.validity.to, last < today {
                open += facts.successors.isEmpty ? facts.parents.suffix(1).map(\.unit) : facts.successors
            } else {
                heirs.insert(id)
            }
        }
        return heirs
    }
}
