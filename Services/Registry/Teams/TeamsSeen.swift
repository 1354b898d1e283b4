import ServiceKit
import Shared
import Storage

/// A team on a day, with what only other rows tell of it.
package struct SeenTeam: Sendable, Hashable {
    package var team: Team
    package var hasLeader: Bool
    /// Another team of the level is active on its unit.
    package var hasOtherActive = false
    /// It has fewer members than its capacity policy wants.
    package var isBelowMinimum = false
    /// Some policy of its level wants a number of members, so they have to be counted.
    fileprivate var mayBeBelowMinimum: Bool

    package func flags(on date: LocalDate) -> [TeamFlag] {
        guard let stretch = team.stretch(on: date), stretch.status.isRunning else { return [] }
        var flags: [TeamFlag] = []
        // R5: "a team without one is allowed and flagged".
        if !hasLeader { flags.append(.needsLeader) }
        if stretch.status == .active, hasOtherActive { flags.append(.needsConsolidation) }
        if TeamRules.needsPlacement(stretch) { flags.append(.needsPlacement) }
        if isBelowMinimum { flags.append(.belowMinimum) }
        return flags
    }
}

/// Teams as callers see them on a day: the one place where their flags are found.
package struct TeamsSeen: Sendable {
    let units: UnitIndex
    let date: LocalDate

    func message(_ id: UniqueID, from database: Database) throws -> Cdt_Registry_V1_Team? {
        try message(Self.byID, [SQLValue(date), SQLValue(id)], from: database)
    }

    func message(_ source: SourceKey, from database: Database) throws -> Cdt_Registry_V1_Team? {
        try message(
            Self.bySource, [SQLValue(date), .text(source.system), .text(source.externalID)], from: database)
    }

    /// Of most teams all is known by one statement. Where members are to be counted everything is read anew, in one
    /// view.
    private func message(
        _ query: String, _ values: [SQLValue], from database: Database
    ) throws -> Cdt_Registry_V1_Team? {
        var found = try database.readOne { try rows(query, values, in: $0) }
        if found.contains(where: \.mayBeBelowMinimum) { found = try database.read { try seen(query, values, in: $0) } }
        guard let team = found.first else { return nil }
        return message(team)
    }

    /// In the order of the ids.
    func messages(_ ids: some Collection<UniqueID>, in tx: ReadTransaction) throws -> [Cdt_Registry_V1_Team] {
        var found: [UniqueID: SeenTeam] = [:]
        try Array(ids).inParts(of: Self.atOnce) { part in
            // As many placeholders each time, so that it is one statement.
            let padding = [UniqueID](repeating: part[part.startIndex], count: Self.atOnce - part.count)
            for team in try seen(Self.byIDs, [SQLValue(date)] + (part + padding).map { SQLValue($0) }, in: tx) {
                found[team.team.id] = team
            }
        }
        return ids.compactMap { found[$0].map(message) }
    }

    /// The team of a write, just after it.
    func written(_ id: UniqueID, in tx: ReadTransaction) throws -> Cdt_Registry_V1_Team {
        guard let team = try seen(id, in: tx) else { throw StorageError.misuse("no team \(id) was written") }
        return message(team)
    }

    private func message(_ seen: SeenTeam) -> Cdt_Registry_V1_Team {
        units.message(seen.team, on: date, flags: seen.flags(on: date))
    }

    // MARK: Statements

    private static let atOnce = 100

    /// All of a team by one statement: this is what is asked for most, and with PostgreSQL each statement is a round
    /// trip. The texts are put together once: they then have one place in memory, where their prepared statements are
    /// found. The day is the first value; the keys follow.
    private static let byID = query("t.id = ?")
    private static let bySource = query("t.source_system = ? AND t.external_id = ?")
    private static let byIDs = query(
        "t.id IN (\([String](repeating: "?", count: atOnce).joined(separator: ", ")))")

    private static func query(_ condition: String) -> String {
        """
        SELECT \(TeamStore.columnsOfT),
            s.status, s.unit_id, s.commune_rank, s.basis, s.valid_from, s.valid_to,
            CASE WHEN EXISTS (
                SELECT 1 FROM membership m WHERE m.team_id = t.id AND m.role = \(MemberRole.leader.rawValue)
                    AND m.is_void = 0 AND m.valid_from <= ?1 AND m.valid_to > ?1) THEN 1 ELSE 0 END,
            CASE WHEN s.valid_from <= ?1 AND s.valid_to > ?1
                AND EXISTS (SELECT 1 FROM shared_unit u WHERE u.unit_id = s.unit_id AND u.level = s.level)
                AND EXISTS (
                SELECT 1 FROM team_stretch o WHERE o.unit_id = s.unit_id AND o.level = s.level
                    AND o.status = \(TeamStatus.active.rawValue) AND o.valid_from <= ?1 AND o.valid_to > ?1
                    AND o.team_id <> t.id) THEN 1 ELSE 0 END,
            CASE WHEN EXISTS (
                SELECT 1 FROM capacity_policy c WHERE c.minimum > 0 AND c.level = t.level AND c.valid_from <= ?1
                    AND c.valid_to > ?1) THEN 1 ELSE 0 END
        FROM team t JOIN team_stretch s ON s.team_id = t.id WHERE \(condition) ORDER BY t.id, s.valid_from
        """
    }

    package func seen(_ id: UniqueID, in tx: ReadTransaction) throws -> SeenTeam? {
        try seen(Self.byID, [SQLValue(date), SQLValue(id)], in: tx).first
    }

    private func seen(_ query: String, _ values: [SQLValue], in tx: ReadTransaction) throws -> [SeenTeam] {
        var seen = try rows(query, values, in: tx)
        if seen.contains(where: \.mayBeBelowMinimum) { try countMembers(of: &seen, in: tx) }
        return seen
    }

    /// Everything but whether they have too few members.
    private func rows(_ query: String, _ values: [SQLValue], in tx: ReadTransaction) throws -> [SeenTeam] {
        var seen: [SeenTeam] = []
        var last: UniqueID?
        try tx.forEach(query, values, rows: .all) { row in
            let id = try row.id(0)
            if id != last {
                last = id
                seen.append(
                    SeenTeam(
                        team: try TeamStore.read(row), hasLeader: try row.bool(22), mayBeBelowMinimum: try row.bool(24))
                )
            }
            seen[seen.count - 1].team.stretches.append(try TeamStore.stretch(row, 16))
            if try row.bool(23) { seen[seen.count - 1].hasOtherActive = true }
        }
        return seen
    }

    /// R3: "an optional minimum only warns". Few policies have one, so most often nobody is counted.
    private func countMembers(of seen: inout [SeenTeam], in tx: ReadTransaction) throws {
        let policies = try CapacityStore.all(in: tx)
        for index in seen.indices where seen[index].mayBeBelowMinimum {
            let team = seen[index].team
            seen[index].isBelowMinimum = try !CapacityRules.shortage(
                on: date, stretches: team.stretches, policies: policies.filter { $0.level == team.level },
                members: MembershipStore.count(ofTeam: team.id, on: date, in: tx), units: units, field: ""
            ).isEmpty
        }
    }
}
