import ServiceKit

/// What somebody may do. Raw values are those of the contract.
package enum AccessVerb: Int, Sendable, Hashable, CaseIterable {
    case read = 1
    case readPeople
    case writeTeams
    case writePeople
    case importRows
    case administer

    /// Reads only; all that is left of a grant whose unit has ended.
    package var isRead: Bool { self == .read || self == .readPeople }
}

/// A usual set of verbs. Raw values are those of the contract.
package enum AccessRole: Int, Sendable, Hashable, CaseIterable {
    case viewer = 1
    case editor
    case integrator
    case administrator

    package var verbs: Set<AccessVerb> {
        switch self {
        case .viewer: [.read]
        case .editor: [.read, .readPeople, .writeTeams, .writePeople]
        case .integrator: [.read, .readPeople, .writeTeams, .writePeople, .importRows]
        case .administrator: Set(AccessVerb.allCases)
        }
    }
}

/// R8: "a grant names a verb set and a unit".
package struct Grant: Sendable, Hashable {
    package var id: UniqueID
    package var subject: String
    package var unit: UniqueID
    package var verbs: Set<AccessVerb>
    package var role: AccessRole?
    package var note = ""
    package var createdAt: Instant
    package var revokedAt: Instant?

    package var name: String { "grants/\(id)" }
    package var allVerbs: Set<AccessVerb> { verbs.union(role?.verbs ?? []) }
}

/// R8 over values: "it covers that unit's subtree today and the past of all territory now in it; a grant on an
/// abolished unit stays as read access to its past".
package enum AccessRules {
    /// Whether a grant allows something with a unit as of a date. What lies only partly inside is not inside: a grant
    /// never reaches over its border.
    package static func allows(
        _ grant: Grant, _ verb: AccessVerb, on unit: UnitRank, date: LocalDate, today: LocalDate, units: UnitIndex
    ) -> Bool {
        switch ground(of: grant, verb, today: today, units: units) {
        case .none: false
        case .nation: true
        case .past(let granted):
            units[granted].validity.contains(date) && units.isUnder(unit, granted, on: date)
        case .today(let granted): isInside(unit, granted, today: today, units: units)
        }
    }

    /// The same for everything that lay under a unit in the tree of a day, as it was on a date. A commune that has left
    /// the unit since is a reason to say no: the numbers of the rest would pass for those of the whole.
    package static func allows(
        _ grant: Grant, _ verb: AccessVerb, under unit: UnitRank, date: LocalDate, tree: LocalDate, today: LocalDate,
        units: UnitIndex
    ) -> Bool {
        switch ground(of: grant, verb, today: today, units: units) {
        case .none: false
        case .nation: true
        case .past(let granted):
            units[granted].validity.contains(date) && units[granted].validity.contains(tree)
                && units.isUnder(unit, granted, on: tree)
        case .today(let granted):
            isInside(unit, granted, today: today, units: units)
                && (tree == today || units[unit].level >= .commune
                    || units.descendants(of: unit, at: .commune, on: tree).allSatisfy {
                        isInside($0, granted, today: today, units: units)
                    })
        }
    }

    /// On what ground a grant could allow a verb.
    private enum Ground {
        case none, nation
        /// A unit that has ended: "read access to its past".
        case past(UnitRank)
        case today(UnitRank)
    }

    private static func ground(of grant: Grant, _ verb: AccessVerb, today: LocalDate, units: UnitIndex) -> Ground {
        guard grant.revokedAt == nil, grant.allVerbs.contains(verb), let granted = units.rank(of: grant.unit) else {
            return .none
        }
        if granted == UnitIndex.nation { return .nation }
        if units[granted].validity.lastDay < today { return verb.isRead ? .past(granted) : .none }
        return .today(granted)
    }

    private static func isInside(_ unit: UnitRank, _ granted: UnitRank, today: LocalDate, units: UnitIndex) -> Bool {
        let heirs = heirs(of: unit, today: today, units: units)
        return !heirs.isEmpty && heirs.allSatisfy { units.isUnder($0, granted, on: today) }
    }

    /// The units of today that have the territory of a unit: itself, or what became of it, all parts of a divided one.
    static func heirs(of unit: UnitRank, today: LocalDate, units: UnitIndex) -> [UnitRank] {
        var waiting = [unit]
        var seen: Set<UnitRank> = []
        var found: [UnitRank] = []
        while let next = waiting.popLast() {
            guard seen.insert(next).inserted else { continue }
            if units[next].validity.contains(today) {
                found.append(next)
                continue
            }
            let lines = units.successors(of: next)
            if !lines.isEmpty {
                waiting += lines.map(\.target)
            } else if units[next].level < .commune, let last = units[next].validity.to {
                // An abolished level: its children, each where it went.
                waiting += units.children(of: next, on: last)
            } else if let last = units[next].validity.to, let parent = units.parent(of: next, on: last) {
                // "Its figures stay with the parent then in force."
                waiting.append(parent)
            }
        }
        return found
    }
}
