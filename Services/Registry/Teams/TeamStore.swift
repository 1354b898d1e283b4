import ServiceKit
import Storage

/// Where an imported row came from and what it said, to tell a row sent again from one that changed.
package struct ImportMark: Sendable, Hashable {
    /// Hash of the row as it was stored last.
    package var rowHash: [UInt8]
    /// The import that stored it, and the row's number there.
    package var batchKey: Int64
    package var rowNumber: Int64
}

/// Teams in the database.
package enum TeamStore {
    package static func insert(_ team: Team, mark: ImportMark?, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            INSERT INTO team (
                id, level, name, name_variant, decision_number, decision_title, decision_issuer, decision_issued_on,
                decision_from, decision_to, source_system, external_id, row_hash, import_key, import_row, version,
                created_at, updated_at
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                SQLValue(team.id), SQLValue(team.level.rawValue), .text(team.name), SQLValue(team.nameVariant.rawValue),
            ] + Document.columns(team.decision) + [
                SQLValue(team.source?.system), SQLValue(team.source?.externalID), SQLValue(mark?.rowHash),
                SQLValue(mark?.batchKey), SQLValue(mark?.rowNumber), .integer(team.version), SQLValue(team.createdAt),
                SQLValue(team.updatedAt),
            ])
        try insertStretches(of: team, in: tx)
    }

    /// Writes everything that may change. `mark` nil leaves the import's mark as it is.
    package static func update(_ team: Team, mark: ImportMark?, historyChanged: Bool, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            UPDATE team SET name = ?, name_variant = ?, decision_number = ?, decision_title = ?, decision_issuer = ?,
                decision_issued_on = ?, decision_from = ?, decision_to = ?, version = ?, updated_at = ?
            WHERE id = ?
            """,
            [.text(team.name), SQLValue(team.nameVariant.rawValue)] + Document.columns(team.decision) + [
                .integer(team.version), SQLValue(team.updatedAt), SQLValue(team.id),
            ])
        if let mark { try self.mark(team.id, mark, in: tx) }
        guard historyChanged else { return }
        try tx.executeLater("DELETE FROM team_stretch WHERE team_id = ?", [SQLValue(team.id)])
        try insertStretches(of: team, in: tx)
    }

    package static func mark(_ id: UniqueID, _ mark: ImportMark, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "UPDATE team SET row_hash = ?, import_key = ?, import_row = ? WHERE id = ?",
            [SQLValue(mark.rowHash), .integer(mark.batchKey), .integer(mark.rowNumber), SQLValue(id)])
    }

    /// The same was told again, up to a version.
    package static func setRetold(_ id: UniqueID, upTo version: Int64, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "UPDATE team SET retold = retold + CAST(? AS BIGINT) - version, version = ? WHERE id = ?",
            [.integer(version), .integer(version), SQLValue(id)])
    }

    private static func insertStretches(of team: Team, in tx: WriteTransaction) throws {
        for stretch in team.stretches {
            try tx.executeLater(
                """
                INSERT INTO team_stretch (team_id, level, status, unit_id, commune_rank, basis, valid_from, valid_to)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    SQLValue(team.id), SQLValue(team.level.rawValue), SQLValue(stretch.status.rawValue),
                    SQLValue(stretch.place?.unit), SQLValue(stretch.place?.commune ?? -1),
                    SQLValue(stretch.place?.basis.rawValue ?? 0), stretch.range.storedFrom, stretch.range.storedTo,
                ])
        }
    }

    // MARK: One team

    private static let columns = """
        id, level, name, name_variant, decision_number, decision_title, decision_issuer, decision_issued_on, \
        decision_from, decision_to, source_system, external_id, version, created_at, updated_at, retold
        """

    static let columnsOfT = columns.split(separator: ", ").map { "t.\($0)" }.joined(separator: ", ")

    package static func team(_ id: UniqueID, in tx: ReadTransaction) throws -> Team? {
        let found = try tx.queryOne("SELECT \(columns) FROM team WHERE id = ?", [SQLValue(id)], read)
        guard var team = found else { return nil }
        team.stretches = try stretches(of: id, in: tx)
        return team
    }

    package static func team(_ source: SourceKey, in tx: ReadTransaction) throws -> (team: Team, mark: ImportMark?)? {
        let found = try tx.queryOne(
            """
            SELECT \(columns), row_hash, import_key, import_row FROM team WHERE source_system = ? AND external_id = ?
            """, [.text(source.system), .text(source.externalID)]
        ) { (try read($0), try mark($0, 16)) }
        guard let (found, mark) = found else { return nil }
        var team = found
        team.stretches = try stretches(of: team.id, in: tx)
        return (team, mark)
    }

    /// A team by its id, with the import's mark.
    package static func marked(_ id: UniqueID, in tx: ReadTransaction) throws -> (team: Team, mark: ImportMark?)? {
        let found = try tx.queryOne(
            "SELECT \(columns), row_hash, import_key, import_row FROM team WHERE id = ?", [SQLValue(id)]
        ) { (try read($0), try mark($0, 16)) }
        guard let (found, mark) = found else { return nil }
        var team = found
        team.stretches = try stretches(of: id, in: tx)
        return (team, mark)
    }

    package static func stretches(of id: UniqueID, in tx: ReadTransaction) throws -> [TeamStretch] {
        try tx.query(
            """
            SELECT status, unit_id, commune_rank, basis, valid_from, valid_to FROM team_stretch
            WHERE team_id = ? ORDER BY valid_from
            """, [SQLValue(id)]
        ) { try stretch($0, 0) }
    }

    /// The communes of some teams over time. Of a team that lies nowhere there are none, of no team nothing.
    package static func stays(of ids: some Sequence<UniqueID>, in tx: ReadTransaction) throws
        -> [UniqueID: [CommuneStay]]
    {
        try RankFilter.stays(of: ids, "team_id", "team_stretch", in: tx)
    }

    /// The teams of a level that are on a unit at some time, with their whole history.
    package static func teams(on unit: UniqueID, level: TeamLevel, in tx: ReadTransaction) throws
        -> [(team: UniqueID, stretches: [TeamStretch])]
    {
        let ids = try tx.query(
            "SELECT DISTINCT team_id FROM team_stretch WHERE unit_id = ? AND level = ?",
            [SQLValue(unit), SQLValue(level.rawValue)]
        ) { try $0.id(0) }
        return try ids.map { ($0, try stretches(of: $0, in: tx)) }
    }

    /// Teams that lie in one of some communes after a day; with `ended` also those whose commune is gone without a
    /// successor.
    package static func teams(
        in communes: ArraySlice<UnitRank>, after day: LocalDate, ended: Bool = false, in tx: ReadTransaction
    ) throws -> [Team] {
        let (condition, bindings) = RankFilter.staying(in: communes, after: day, ended: ended)
        var found: [Team] = []
        try tx.forEach(
            """
            SELECT \(columnsOfT), s.status, s.unit_id, s.commune_rank, s.basis, s.valid_from, s.valid_to
            FROM team t JOIN team_stretch s ON s.team_id = t.id
            WHERE t.id IN (SELECT team_id FROM team_stretch WHERE \(condition)) ORDER BY t.id, s.valid_from
            """, bindings
        ) { row in
            let id = try row.id(0)
            if found.last?.id != id { found.append(try read(row)) }
            found[found.count - 1].stretches.append(try stretch(row, 16))
        }
        return found
    }

    static func read(_ row: Row) throws -> Team {
        Team(
            id: try row.id(0), level: try row.value(1, TeamLevel.self), name: try row.text(2),
            nameVariant: try row.value(3, TeamNameVariant.self), decision: try Document.read(row, 4), stretches: [],
            source: try row.source(10), version: try row.int64(12), retold: try row.int64(15),
            createdAt: try row.instant(13),
            updatedAt: try row.instant(14))
    }

    static func stretch(_ row: Row, _ index: Int) throws -> TeamStretch {
        let commune = try row.int(index + 2)
        let place: TeamStretch.Place? =
            commune < 0
            ? nil
            : .init(
                unit: try row.idOrNull(index + 1), commune: commune,
                basis: try row.value(index + 3, PlacementBasis.self))
        return TeamStretch(
            status: try row.value(index, TeamStatus.self), place: place, range: try row.range(index + 4))
    }

    static func mark(_ row: Row, _ index: Int) throws -> ImportMark? {
        guard let hash = try row.blobOrNull(index), let key = try row.int64OrNull(index + 1),
            let number = try row.int64OrNull(index + 2)
        else { return nil }
        return ImportMark(rowHash: hash, batchKey: key, rowNumber: number)
    }
}
