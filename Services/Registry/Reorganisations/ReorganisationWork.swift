import ServiceKit
import Storage

/// What a reorganisation means for teams and hamlets: found the same way for a preview and for the application.
struct ReorganisationWork {
    let change: UnitChange
    /// The units after the reorganisation.
    let after: UnitIndex

    /// What goes from one commune to another.
    struct Move: Hashable {
        var source: UnitRank
        /// Nil: it ends without a successor.
        var target: UnitRank?
        var isPresumed: Bool
    }

    struct Numbers {
        var teams = 0
        var hamlets = 0
        var memberships = 0
    }

    struct Effect {
        var moves: [Move: Numbers] = [:]
        var needsPlacement = 0
        /// Active teams of communes, by where they go.
        var activeTeams: [UnitRank: Int] = [:]

        var total: Numbers {
            moves.values.reduce(into: Numbers()) {
                $0.teams += $1.teams
                $0.hamlets += $1.hamlets
                $0.memberships += $1.memberships
            }
        }
    }

    private var communes: [UnitRank] { change.ended.filter { after[$0].level == .commune } }

    /// Finds every hamlet and team that goes along, and calls for each with what it was and will be. `progress` is told
    /// how many of how many communes are done.
    func run(
        in tx: ReadTransaction, progress: (_ done: Int, _ all: Int) -> Void = { _, _ in },
        hamlet: (_ before: Hamlet, _ after: Hamlet) throws -> Void,
        team: (_ before: Team, _ after: Team) throws -> Void
    ) throws -> Effect {
        let ended = change.endedSet
        var effect = Effect()
        let all = communes
        try all.inParts(of: RankFilter.atOnce) { part in
            let here = Set(part)
            for before in try HamletStore.hamlets(in: part, after: change.on, in: tx) {
                guard let commune = source(before.stays, ended), here.contains(commune) else { continue }
                let stays = Following.following(before.stays, ended: ended, on: change.on, units: after)
                guard stays != before.stays else { continue }
                var next = before
                next.stays = stays
                let move = self.move(from: commune, stays)
                effect.moves[move, default: Numbers()].hamlets += 1
                if move.isPresumed || move.target == nil { effect.needsPlacement += 1 }
                try hamlet(before, next)
            }
            let members = try MembershipStore.counts(in: part, on: change.on, in: tx)
            for before in try TeamStore.teams(in: part, after: change.on, in: tx) {
                let stays = Following.stays(of: before)
                guard let commune = source(stays, ended), here.contains(commune) else { continue }
                let followed = Following.following(stays, ended: ended, on: change.on, units: after)
                guard followed != stays else { continue }
                let next = Following.team(before, at: followed, units: after)
                let move = self.move(from: commune, followed)
                effect.moves[move, default: Numbers()].teams += 1
                effect.moves[move, default: Numbers()].memberships += members[before.id] ?? 0
                if before.level == .commune || next.stretches.contains(where: TeamRules.needsPlacement) {
                    if move.isPresumed || move.target == nil { effect.needsPlacement += 1 }
                }
                if before.level == .commune, let target = move.target,
                    next.stretch(on: change.on)?.status == .active
                {
                    effect.activeTeams[target, default: 0] += 1
                }
                try team(before, next)
            }
            progress(part.endIndex, all.count)
        }
        return effect
    }

    /// The ended commune from which something goes elsewhere: where several hold it over time, the first.
    private func source(_ stays: [CommuneStay], _ ended: Set<UnitRank>) -> UnitRank? {
        stays.first { ended.contains($0.commune) && $0.basis != .ended && $0.range.lastDay >= change.on }?.commune
    }

    private func move(from commune: UnitRank, _ stays: [CommuneStay]) -> Move {
        let next = stays.first { $0.range.lastDay >= change.on }
        return Move(
            source: commune, target: next.flatMap { $0.basis == .ended ? nil : $0.commune },
            isPresumed: next?.basis == .presumed)
    }
}

/// Taking a reorganisation back: what each team and hamlet was going to be before it, and what is in the way.
struct ReorganisationRevert {
    let event: Reorganisation
    let change: UnitChange

    /// What was recorded since and hangs on the new units.
    struct Obstacles {
        /// How many of a kind, and the names of the first ones.
        struct Kind {
            private(set) var count = 0
            private(set) var names: [String] = []

            mutating func add(_ name: String) {
                count += 1
                if names.count < 20 { names.append(name) }
            }
            mutating func add(_ more: [String]) { for name in more { add(name) } }
        }

        var reorganisations = Kind()
        var teams = Kind()
        var hamlets = Kind()
        var policies = Kind()
        var people = Kind()
        var grants = Kind()

        var problems: [Problem] {
            [
                ("reorganisations", "các lần sắp xếp", reorganisations), ("teams", "tổ", teams),
                ("hamlets", "thôn", hamlets), ("capacity policies", "quy định số lượng", policies),
                ("people", "người", people), ("grants", "quyền", grants),
            ].compactMap { kind, kindVi, found in
                found.count == 0
                    ? nil
                    : Problem(
                        .laterFacts, "name",
                        [
                            "kind": kind, "kindVi": kindVi, "count": String(found.count),
                            "names": found.names.joined(separator: ", "),
                        ])
            }
        }
    }

    /// The stays from the day on as they were before; nil when something else has been recorded since.
    func former(_ stays: [CommuneStay], logged: ReorganisationStore.Place?, units: UnitIndex) -> [CommuneStay]? {
        let tail = Following.tail(stays, from: change.on)
        if let logged { return tail == logged.given ? logged.former : nil }
        // Recorded while the reorganisation was in force, with the old commune: it followed by itself.
        guard let last = stays.first(where: { $0.range.contains(change.on.previous) }),
            change.endedSet.contains(last.commune)
        else { return nil }
        let open = CommuneStay(commune: last.commune, range: DateRange(from: change.on, to: nil), basis: last.basis)
        let followed = Following.following([open], ended: change.endedSet, on: change.on, units: units)
        return tail == followed ? [open] : nil
    }

    /// Communes that things lie in because of the reorganisation.
    func communes(_ units: UnitIndex) -> [UnitRank] {
        (change.created.map(\.rank) + change.ended).filter { units[$0].level == .commune }
    }

    /// Later changes of the units themselves.
    func laterUnits(_ data: UnitData) -> [String] {
        let created = Set(change.created.map(\.rank))
        let own = created.union(change.moved.map(\.unit))
        var found: Set<UnitRank> = Set(created.filter { data.units[$0].validity.to != nil })
        for line in data.parents where line.range.firstDay > change.on {
            if own.contains(line.unit) { found.insert(line.unit) }
            if created.contains(line.parent) { found.insert(line.parent) }
        }
        for line in data.parents where created.contains(line.parent) && !own.contains(line.unit) {
            found.insert(line.parent)
        }
        return found.sorted().map { "\(data.units[$0].name) (\(data.units[$0].id.unitName))" }
    }
}

extension Array {
    /// Calls for one part after the other.
    func inParts(of size: Int, _ body: (ArraySlice<Element>) throws -> Void) rethrows {
        for start in stride(from: 0, to: count, by: size) { try body(self[start..<Swift.min(start + size, count)]) }
    }
}
