import ChangeFeed
import ServiceKit

/// What one caller may do, where, as of now. All decisions about single units, teams and people come from here.
struct Reach: Sendable {
    /// The caller's name; empty: nobody's.
    let subject: String
    private let grants: [Grant]
    let units: UnitIndex
    let today: LocalDate

    init(subject: String, grants: [Grant], units: UnitIndex, today: LocalDate) {
        self.subject = subject
        self.grants = grants.filter { $0.revokedAt == nil }
        self.units = units
        self.today = today
    }

    func hasNation(_ verb: AccessVerb) -> Bool {
        grants.contains { $0.unit == Unit.nationID && $0.allVerbs.contains(verb) }
    }

    /// Whether the verb is granted anywhere at all.
    func has(_ verb: AccessVerb) -> Bool { grants.contains { $0.allVerbs.contains(verb) } }

    /// What stands for the units on which a verb is granted.
    func scope(_ verb: AccessVerb) -> UInt64 {
        FeedFilter.scope(of: grants.filter { $0.allVerbs.contains(verb) }.map(\.unit.description))
    }

    /// A unit as such, as of a date.
    func allows(_ verb: AccessVerb, on unit: UnitRank, date: LocalDate) -> Bool {
        grants.contains { AccessRules.allows($0, verb, on: unit, date: date, today: today, units: units) }
    }

    /// Everything that lay under a unit in the tree of a day, as it was on a date.
    func allows(_ verb: AccessVerb, under unit: UnitRank, date: LocalDate, tree: LocalDate) -> Bool {
        grants.contains {
            AccessRules.allows($0, verb, under: unit, date: date, tree: tree, today: today, units: units)
        }
    }

    /// What lies in communes over time, a team or a hamlet: where it is now decides. Who may read where it was on the
    /// date may read what it was then.
    func allows(_ verb: AccessVerb, at stays: [CommuneStay], date: LocalDate) -> Bool {
        guard let now = stays.deciding(on: today) else { return hasNation(verb) }
        if allows(verb, on: now.commune, date: date) { return true }
        guard verb.isRead, let then = stays.first(where: { $0.range.contains(date) }) else { return false }
        return allows(verb, on: then.commune, date: date)
    }

    /// Whether somebody with this reach may have seen what lies, or lay, in a commune, though it is out of reach now.
    func mayHaveSeen(_ commune: UnitRank) -> Bool {
        let granted = grants.filter { $0.allVerbs.contains(.read) }.compactMap { units.rank(of: $0.unit) }
        return granted.contains { units.mayHaveBeenSeen(commune, by: $0, today: today) }
    }
}

extension [CommuneStay] {
    /// The one that tells whose something is today.
    func deciding(on today: LocalDate) -> CommuneStay? { first { $0.range.contains(today) } ?? last }
}
