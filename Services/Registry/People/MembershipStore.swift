import ServiceKit
import Storage

/// Memberships in the database.
package enum MembershipStore {
    private static let columns = """
        m.id, m.team_id, m.person_id, m.role, m.valid_from, m.valid_to, m.is_void, m.reason, m.source_system, \
        m.external_id, m.version, m.updated_at, m.retold
        """

    package static func insert(_ membership: Membership, mark: ImportMark?, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            INSERT INTO membership (
                id, team_id, person_id, role, valid_from, valid_to, is_void, reason, source_system, external_id,
                row_hash, import_key, import_row, version, updated_at
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                SQLValue(membership.id), SQLValue(membership.team), SQLValue(membership.person),
                SQLValue(membership.role.rawValue), membership.range.storedFrom, membership.range.storedTo,
                SQLValue(membership.isVoid), .text(membership.reason), SQLValue(membership.source?.system),
                SQLValue(membership.source?.externalID), SQLValue(mark?.rowHash), SQLValue(mark?.batchKey),
                SQLValue(mark?.rowNumber), .integer(membership.version), SQLValue(membership.updatedAt),
            ])
    }

    package static func update(_ membership: Membership, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            UPDATE membership SET person_id = ?, role = ?, valid_from = ?, valid_to = ?, is_void = ?, reason = ?, version = ?,
                updated_at = ?
            WHERE id = ?
            """,
            [
                SQLValue(membership.person), SQLValue(membership.role.rawValue), membership.range.storedFrom,
                membership.range.storedTo, SQLValue(membership.isVoid), .text(membership.reason),
                .integer(membership.version),
                SQLValue(membership.updatedAt), SQLValue(membership.id),
            ])
    }

    package static func mark(_ id: UniqueID, _ mark: ImportMark, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "UPDATE membership SET row_hash = ?, import_key = ?, import_row = ? WHERE id = ?",
            [SQLValue(mark.rowHash), .integer(mark.batchKey), .integer(mark.rowNumber), SQLValue(id)])
    }

    /// The same was told again, up to a version.
    package static func setRetold(_ id: UniqueID, upTo version: Int64, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "UPDATE membership SET retold = retold + CAST(? AS BIGINT) - version, version = ? WHERE id = ?",
            [.integer(version), .integer(version), SQLValue(id)])
    }

    /// The hash of the imported row says something of the person as well.
    package static func forgetRow(of id: UniqueID, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "UPDATE membership SET row_hash = NULL, import_key = NULL, import_row = NULL WHERE id = ?", [SQLValue(id)])
    }

    package static func membership(_ id: UniqueID, in tx: ReadTransaction) throws -> Membership? {
        try tx.queryOne("SELECT \(columns) FROM membership m WHERE m.id = ?", [SQLValue(id)], read)
    }

    package static func membership(_ source: SourceKey, in tx: ReadTransaction) throws
        -> (membership: Membership, mark: ImportMark?)?
    {
        try tx.queryOne(
            """
            SELECT \(columns), m.row_hash, m.import_key, m.import_row FROM membership m
            WHERE m.source_system = ? AND m.external_id = ?
            """, [.text(source.system), .text(source.externalID)]
        ) { (try read($0), try TeamStore.mark($0, 13)) }
    }

    package static func membership(inTeam id: UniqueID, rowHash: [UInt8], in tx: ReadTransaction) throws -> Membership?
    {
        try tx.queryOne(
            "SELECT \(columns) FROM membership m WHERE m.team_id = ? AND m.row_hash = ? ORDER BY m.id LIMIT 1",
            [SQLValue(id), .blob(rowHash)], read)
    }

    package static func memberships(ofTeam id: UniqueID, in tx: ReadTransaction) throws -> [Membership] {
        try tx.query("SELECT \(columns) FROM membership m WHERE m.team_id = ?", [SQLValue(id)], read)
    }

    /// Of the people only what travels with a membership.
    package static func membershipsWithPeople(ofTeam id: UniqueID, in tx: ReadTransaction) throws
        -> [(membership: Membership, person: Person)]
    {
        try tx.query(
            """
            SELECT \(columns), p.occupation, p.organisations FROM membership m JOIN person p ON p.id = m.person_id
            WHERE m.team_id = ? ORDER BY m.id
            """, [SQLValue(id)]
        ) { row in
            let membership = try read(row)
            var person = Person(
                id: membership.person, fullName: "", createdAt: membership.updatedAt, updatedAt: membership.updatedAt)
            person.occupation = try row.int(13)
            person.organisations = try row.lines(14)
            return (membership, person)
        }
    }

    package static func memberships(ofPerson id: UniqueID, in tx: ReadTransaction) throws -> [MembershipRules.OfPerson]
    {
        try tx.query(
            "SELECT \(columns), t.level FROM membership m JOIN team t ON t.id = m.team_id WHERE m.person_id = ?",
            [SQLValue(id)]
        ) { MembershipRules.OfPerson(membership: try read($0), level: try $0.value(13, TeamLevel.self)) }
    }

    package static func memberships(ofPersonAlone id: UniqueID, in tx: ReadTransaction) throws -> [Membership] {
        try tx.query("SELECT \(columns) FROM membership m WHERE m.person_id = ?", [SQLValue(id)], read)
    }

    /// How many memberships of a team are in force on a day.
    package static func count(ofTeam id: UniqueID, on date: LocalDate, in tx: ReadTransaction) throws -> Int {
        try tx.count(
            "SELECT count(*) FROM membership WHERE team_id = ? AND is_void = 0 AND valid_from <= ? AND valid_to > ?",
            [SQLValue(id), SQLValue(date), SQLValue(date)])
    }

    /// Memberships in force on a day in the teams that lie in one of some communes after it, by team.
    package static func counts(in communes: ArraySlice<UnitRank>, on date: LocalDate, in tx: ReadTransaction) throws
        -> [UniqueID: Int]
    {
        let (condition, bindings) = RankFilter.staying(in: communes, after: date, ended: false)
        var counts: [UniqueID: Int] = [:]
        try tx.forEach(
            """
            SELECT team_id, count(*) FROM membership
            WHERE team_id IN (SELECT team_id FROM team_stretch WHERE \(condition))
                AND is_void = 0 AND valid_from <= ? AND valid_to > ?
            GROUP BY team_id
            """, bindings + [SQLValue(date), SQLValue(date)]
        ) { counts[try $0.id(0)] = try $0.int(1) }
        return counts
    }

    /// Of a team or a person, by first day and id.
    package static func list(
        team: UniqueID?, person: UniqueID?, on date: LocalDate?, after: (from: LocalDate, id: UniqueID)?, limit: Int,
        in tx: ReadTransaction
    ) throws -> [Membership] {
        var conditions: [String] = []
        var bindings: [SQLValue] = []
        if let team {
            conditions.append("m.team_id = ?")
            bindings.append(SQLValue(team))
        }
        if let person {
            conditions.append("m.person_id = ?")
            bindings.append(SQLValue(person))
        }
        if let date {
            conditions.append("m.is_void = 0 AND m.valid_from <= ? AND m.valid_to > ?")
            bindings += [SQLValue(date), SQLValue(date)]
        }
        if let after {
            conditions.append("(m.valid_from > ? OR (m.valid_from = ? AND m.id > ?))")
            bindings += [SQLValue(after.from), SQLValue(after.from), SQLValue(after.id)]
        }
        bindings.append(SQLValue(limit))
        return try tx.query(
            """
            SELECT \(columns) FROM membership m WHERE \(conditions.joined(separator: " AND "))
            ORDER BY m.valid_from, m.id LIMIT ?
            """, bindings, read)
    }

    static func read(_ row: Row) throws -> Membership {
        Membership(
            id: try row.id(0), team: try row.id(1), person: try row.id(2), role: try row.value(3, MemberRole.self),
            range: try row.range(4), isVoid: try row.bool(6), reason: try row.text(7), source: try row.source(8),
            version: try row.int64(10), retold: try row.int64(12), updatedAt: try row.instant(11))
    }
}

/// Capacity policies in the database. They are few.
package enum CapacityStore {
    package static func insert(_ policy: CapacityPolicy, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            INSERT INTO capacity_policy (
                id, unit_id, level, member_limit, minimum, mode, valid_from, valid_to, document_number, document_title,
                document_issuer, document_issued_on, document_from, document_to
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                SQLValue(policy.id), SQLValue(policy.unit), SQLValue(policy.level.rawValue), SQLValue(policy.limit),
                SQLValue(policy.minimum), SQLValue(policy.mode.rawValue), policy.range.storedFrom,
                policy.range.storedTo,
            ] + Document.columns(policy.document))
    }

    /// By first day, then by id.
    package static func all(level: TeamLevel? = nil, unit: UniqueID? = nil, in tx: ReadTransaction) throws
        -> [CapacityPolicy]
    {
        try tx.query(
            """
            SELECT id, unit_id, level, member_limit, minimum, mode, valid_from, valid_to, document_number,
                document_title, document_issuer, document_issued_on, document_from, document_to
            FROM capacity_policy ORDER BY valid_from, id
            """
        ) { row in
            CapacityPolicy(
                id: try row.id(0), unit: try row.id(1), level: try row.value(2, TeamLevel.self),
                limit: try row.int(3), minimum: try row.int(4), mode: try row.value(5, CapacityMode.self),
                range: try row.range(6), document: try Document.read(row, 8))
        }
        .filter { (level == nil || $0.level == level) && (unit == nil || $0.unit == unit) }
    }
}
