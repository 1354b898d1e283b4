import RPC
import ServiceKit
import Storage

/// Where one caller may do what. R8: a grant "covers that unit's subtree today and the past of all territory now in it;
/// a grant on an abolished unit stays as read access to its past".
struct Reach {
    let identity: Identity
    let map: PlaceMap
    let today: LocalDate

    func hasNation(_ verb: ActivityVerb) -> Bool {
        identity.units(for: verb).contains { $0.isEmpty || $0 == map.tree.nation?.id }
    }

    /// A unit and all that lay under it in the tree of a day, as it was on a date.
    func allows(_ verb: ActivityVerb, unit: String, on tree: LocalDate, of date: LocalDate) -> Bool {
        hasNation(verb) || identity.units(for: verb).contains { covers($0, unit, on: tree, of: date, verb) }
    }

    /// What lies in communes over time, a team or a hamlet: where it is today decides. Who may read where it was on a
    /// date may read what it was then.
    func allows(_ verb: ActivityVerb, along path: PlacePath, on date: LocalDate) -> Bool {
        if hasNation(verb) { return true }
        guard let now = path.unit(on: today) else { return false }
        if allows(verb, unit: now, on: date, of: date) { return true }
        guard verb == .read, let then = path.unit(on: date), then != now else { return false }
        return allows(verb, unit: then, on: date, of: date)
    }

    /// Whether what a unit offers to all below it concerns this caller: a grant covers the unit, or lies under it.
    func isOffered(_ verb: ActivityVerb, by unit: String) -> Bool {
        allows(verb, unit: unit, on: today, of: today)
            || identity.units(for: verb).contains { granted in isUnder(granted, unit, on: today) }
    }

    /// Whether what lies in a commune may have been seen by this caller, though it is out of reach now: the commune
    /// lies, in part, under a unit of a grant, or did once.
    func mayHaveSeen(_ commune: String) -> Bool {
        identity.units(for: .read).contains { granted in
            heirs(of: commune).contains { isUnder($0, granted, on: today) } || wasUnder(commune, granted)
        }
    }

    private func covers(
        _ granted: String, _ unit: String, on tree: LocalDate, of date: LocalDate, _ verb: ActivityVerb
    ) -> Bool {
        guard let record = map.tree[granted] else { return false }
        if let end = record.validity.exclusiveEnd, end <= today {
            return verb == .read && record.validity.contains(tree) && record.validity.contains(date)
                && (map.tree[unit]?.validity.contains(tree) ?? false) && isUnder(unit, granted, on: tree)
        }
        // A commune that has left the unit since is a reason to say no: the numbers of the rest would pass for those of
        // the whole.
        return isInside(unit, granted)
            && (tree == today || communes(under: unit, on: tree).allSatisfy { isInside($0, granted) })
    }

    private func isInside(_ unit: String, _ granted: String) -> Bool {
        let heirs = heirs(of: unit)
        return !heirs.isEmpty && heirs.allSatisfy { isUnder($0, granted, on: today) }
    }

    private func isUnder(_ unit: String, _ granted: String, on date: LocalDate) -> Bool {
        map.tree.chain(of: unit, on: date).contains { $0.id == granted }
    }

    private func wasUnder(_ unit: String, _ granted: String, depth: Int = 0) -> Bool {
        if unit == granted { return true }
        guard depth < 8, let record = map.tree[unit] else { return false }
        return record.parents.contains {
            $0.days.from ?? .distantPast <= today && wasUnder($0.unit, granted, depth: depth + 1)
        }
    }

    /// Communes below a unit that is above them.
    private func communes(under unit: String, on date: LocalDate) -> [String] {
        guard let record = map.tree[unit], record.level < .commune else { return [] }
        return map.children(of: unit, on: date).flatMap { child in
            child.level == .commune ? [child.id] : communes(under: child.id, on: date)
        }
    }

    /// The units that have the territory of one today: itself, or what became of it, all parts of a divided one.
    private func heirs(of unit: String) -> Set<String> {
        var (open, heirs, seen): ([String], Set<String>, Set<String>) = ([unit], [], [])
        while let id = open.popLast() {
            guard seen.insert(id).inserted, let record = map.tree[id] else { continue }
            guard let last = record.validity.to, last < today else {
                // What has not begun yet is where it will begin.
                if let standIn = map.tree.standIn(for: id, on: today) { heirs.insert(standIn.id) }
                continue
            }
            // An abolished level: its children, each where it went.
            let children = record.level < .commune ? map.children(of: id, on: last).map(\.id) : []
            if !record.successors.isEmpty {
                open += record.successors
            } else if !children.isEmpty {
                open += children
            } else if let parent = map.tree.parent(of: record, on: last) {
                // "Its figures stay with the parent then in force."
                open.append(parent.id)
            }
        }
        return heirs
    }
}
