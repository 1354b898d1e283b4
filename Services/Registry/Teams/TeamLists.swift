import ServiceKit
import Storage

/// Which teams of a subtree: where they are on `treeDate`, and how they are on `date`.
package struct TeamQuery: Sendable {
    /// Communes of the subtree on `treeDate`; nil: everywhere.
    package var runs: [ClosedRange<UnitRank>]?
    package var treeDate: LocalDate
    package var date: LocalDate
    package var level: TeamLevel?
    package var statuses: Set<TeamStatus>

    /// A team's stretch `t` of the tree's day and its stretch `s` of the day asked for; one and the same when the days
    /// are.
    fileprivate var source: (sql: String, bindings: [SQLValue]) {
        var (condition, bindings) = RankFilter.condition("t.commune_rank", runs)
        condition += " AND t.valid_from <= ? AND t.valid_to > ?"
        bindings += [SQLValue(treeDate), SQLValue(treeDate)]
        var from = "team_stretch t"
        if date == treeDate {
            condition = condition.replacing("t.", with: "s.")
            from = "team_stretch s"
        } else {
            from += " JOIN team_stretch s ON s.team_id = t.team_id AND s.valid_from <= ? AND s.valid_to > ?"
            bindings = [SQLValue(date), SQLValue(date)] + bindings
        }
        if let level {
            condition += " AND s.level = ?"
            bindings.append(SQLValue(level.rawValue))
        }
        condition += " AND s.status IN (\(statuses.map { String($0.rawValue) }.sorted().joined(separator: ", ")))"
        return ("FROM \(from) WHERE \(condition)", bindings)
    }
}

/// What a list asks a team to be flagged with.
package enum TeamFlag: String, Sendable, Hashable, CaseIterable {
    case needsLeader = "NEEDS_LEADER"
    case needsConsolidation = "NEEDS_CONSOLIDATION"
    case needsPlacement = "NEEDS_PLACEMENT"
    case belowMinimum = "BELOW_MINIMUM"
}

/// Communes whose teams of a level should have a number of members, for lists of BELOW_MINIMUM.
package struct MinimumArea: Sendable {
    package var level: TeamLevel
    package var minimum: Int
    package var runs: [ClosedRange<UnitRank>]
}

/// Position in a list of teams.
package struct TeamPosition: Sendable, Hashable, Comparable {
    package var commune: UnitRank
    package var team: UniqueID

    package static func < (a: TeamPosition, b: TeamPosition) -> Bool { (a.commune, a.team) < (b.commune, b.team) }
}

extension TeamStore {
    /// Ids in the order of the tree, then by id. `minimums` are wanted for `.belowMinimum` alone.
    package static func list(
        _ query: TeamQuery, flag: TeamFlag?, minimums: [MinimumArea] = [], after: TeamPosition?, limit: Int,
        in tx: ReadTransaction
    )
        throws -> [TeamPosition]
    {
        let placed = query.date == query.treeDate ? "s" : "t"
        var (from, bindings) = query.source
        switch flag {
        case nil: break
        case .needsLeader:
            from += """
                 AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.team_id = s.team_id AND m.role = 1 AND m.is_void = 0
                AND m.valid_from <= ? AND m.valid_to > ?)
                """
            bindings += [SQLValue(query.date), SQLValue(query.date)]
        case .needsConsolidation:
            from += """
                 AND s.status = 2 AND EXISTS (SELECT 1 FROM team_stretch o WHERE o.unit_id = s.unit_id AND o.level = s.level
                AND o.status = 2 AND o.valid_from <= ? AND o.valid_to > ? AND o.team_id <> s.team_id)
                """
            bindings += [SQLValue(query.date), SQLValue(query.date)]
        case .needsPlacement:
            from += " AND s.status IN (1, 2, 3) AND s.basis IN (2, 3)"
        case .belowMinimum:
            let areas = minimums.map { area in
                let (here, ranks) = RankFilter.condition("s.commune_rank", area.runs)
                bindings += [SQLValue(area.level.rawValue)] + ranks
                bindings += [SQLValue(query.date), SQLValue(query.date), SQLValue(area.minimum)]
                return """
                    (s.level = ? AND \(here) AND (SELECT count(*) FROM membership m WHERE m.team_id = s.team_id
                    AND m.is_void = 0 AND m.valid_from <= ? AND m.valid_to > ?) < ?)
                    """
            }
            guard !areas.isEmpty else { return [] }
            from += " AND s.status IN (1, 2, 3) AND (\(areas.joined(separator: " OR ")))"
        }
        if let after {
            from += " AND (\(placed).commune_rank > ? OR (\(placed).commune_rank = ? AND \(placed).team_id > ?))"
            bindings += [SQLValue(after.commune), SQLValue(after.commune), SQLValue(after.team)]
        }
        bindings.append(SQLValue(limit))
        return try tx.query(
            "SELECT \(placed).commune_rank, \(placed).team_id \(from) ORDER BY \(placed).commune_rank, \(placed).team_id LIMIT ?",
            bindings
        ) { TeamPosition(commune: try $0.int(0), team: try $0.id(1)) }
    }

    /// Numbers of a subtree.
    package struct Counts: Sendable, Hashable {
        package var communeTeams = 0
        package var hamletTeams = 0
        package var memberships = 0
        package var people = 0
    }

    package static func counts(_ query: TeamQuery, in tx: ReadTransaction) throws -> Counts {
        var counts = Counts()
        let (from, bindings) = query.source
        try tx.forEach("SELECT s.level, count(*) \(from) GROUP BY s.level", bindings) { row in
            switch try row.value(0, TeamLevel.self) {
            case .commune: counts.communeTeams = try row.int(1)
            case .hamlet: counts.hamletTeams = try row.int(1)
            }
        }
        try tx.forEach(
            """
            SELECT count(*), count(DISTINCT m.person_id) FROM membership m
            WHERE m.is_void = 0 AND m.valid_from <= ? AND m.valid_to > ? AND m.team_id IN (SELECT s.team_id \(from))
            """, [SQLValue(query.date), SQLValue(query.date)] + bindings
        ) { row in
            counts.memberships = try row.int(0)
            counts.people = try row.int(1)
        }
        return counts
    }

    /// By commune: whether it has an active team of its own level, whether any, and how many hamlets have one. For R9.
    package static func presence(_ query: TeamQuery, in tx: ReadTransaction) throws -> [UnitRank: TeamPresence] {
        var presence: [UnitRank: TeamPresence] = [:]
        let (from, bindings) = query.source
        try tx.forEach(
            """
            SELECT s.commune_rank, sum(CASE WHEN s.level = 1 THEN 1 ELSE 0 END),
                count(DISTINCT CASE WHEN s.level = 2 THEN s.unit_id END)
            \(from) GROUP BY s.commune_rank
            """, bindings
        ) {
            presence[try $0.int(0)] = TeamPresence(hasCommuneTeam: try $0.int(1) > 0, hamletsWithTeam: try $0.int(2))
        }
        return presence
    }
}

/// Active teams in one commune.
package struct TeamPresence: Sendable, Hashable {
    package var hasCommuneTeam: Bool
    package var hamletsWithTeam: Int
}
