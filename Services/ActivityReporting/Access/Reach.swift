import RPC
import ServiceKit
import Storage

/// Where one caller may do what. R8: a grant "covers that unit's subtree today and the past of all territory now in it; a
/// grant on an abolished unit stays as read access to its past".
struct Reach {
    let identity: Identity
    let map: PlaceMap
    let today: LocalDate

    func hasNation(_ verb: ActivityVerb) -> Bool {
        identity.units(for: verb).contains { $0.isEmpty || $0 == map.tree.nation?.id }
    }

    /// A unit and all that lay under it on a date, as it was on a date.
    func allows(_ verb: ActivityVerb, unit: String, on tree: LocalDate, of date: LocalDate) -> Bool {
        hasNation(verb) || identity.units(for: verb).contains { covers($0, unit, on: tree, of: date, verb) }
    }

    /// A team, where it is today; for reading also where it was on a date.
    func allows(_ verb: ActivityVerb, team: TeamRow, on date: LocalDate) -> Bool {
        if hasNation(verb) { return true }
        guard let path = team.counted.flatMap({ map.place($0.place)?.path }), let now = path.unit(on: today) else {
            return false
        }
        if allows(verb, unit: now, on: date, of: date) { return true }
        guard verb == .read, let then = path.unit(on: date), then != now else { return false }
        return identity.units(for: verb).contains { isPast(of: $0, then, on: date, of: date) }
    }

    private func covers(
        _ granted: String, _ unit: String, on tree: LocalDate, of date: LocalDate, _ verb: ActivityVerb
    ) -> Bool {
        let heirs = heirs(of: unit)
        if !heirs.isEmpty, heirs.allSatisfy({ isUnder($0, granted, on: today) }) { return true }
        return verb == .read && isPast(of: granted, unit, on: tree, of: date)
    }

    /// Whether a unit lay under one that is abolished by now, while that was in force.
    private func isPast(of granted: String, _ unit: String, on tree: LocalDate, of date: LocalDate) -> Bool {
        guard let record = map.tree[granted], !record.validity.contains(today), record.validity.contains(tree),
            record.validity.contains(date), map.tree[unit]?.validity.contains(tree) ?? false
        else { return false }
        return isUnder(unit, granted, on: tree)
    }

    private func isUnder(_ unit: String, _ granted: String, on date: LocalDate) -> Bool {
        map.tree.chain(of: unit, on: date).contains { $0.id == granted }
    }

    /// The units that have the territory of one today: itself, or all that it became.
    private func heirs(of unit: String) -> Set<String> {
        var (open, heirs, seen): ([String], Set<String>, Set<String>) = ([unit], [], [])
        while let id = open.popLast() {
            guard seen.insert(id).inserted, let record = map.tree[id] else { continue }
            let ended = record.validity.exclusiveEnd.map { $0 <= today } ?? false
            if ended, !record.successors.isEmpty {
                open += record.successors
            } else if let standIn = map.tree.standIn(for: id, on: today) {
                heirs.insert(standIn.id)
            }
        }
        return heirs
    }
}
