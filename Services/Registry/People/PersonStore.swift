import ServiceKit
import Storage

/// People in the database.
package enum PersonStore {
    private static let columns = """
        id, full_name, birth_year, birth_date, sex, phones, email, zalo_user_ids, occupation, organisations, \
        residence_unit, work_unit, source_system, external_id, version, created_at, updated_at, citizen_hash, salt, \
        merged_into, erased_at
        """

    package static func insert(_ person: Person, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            INSERT INTO person (
                id, full_name, folded, birth_year, birth_date, sex, phones, email, zalo_user_ids, occupation,
                organisations, residence_unit, work_unit, citizen_hash, merged_into, erased_at, source_system, external_id,
                version, created_at, updated_at, salt
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [SQLValue(person.id)] + said(person) + [
                SQLValue(person.source?.system), SQLValue(person.source?.externalID), .integer(person.version),
                SQLValue(person.createdAt), SQLValue(person.updatedAt), .blob(person.salt),
            ])
    }

    package static func update(_ person: Person, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            UPDATE person SET full_name = ?, folded = ?, birth_year = ?, birth_date = ?, sex = ?, phones = ?, email = ?,
                zalo_user_ids = ?, occupation = ?, organisations = ?, residence_unit = ?, work_unit = ?, citizen_hash = ?,
                merged_into = ?, erased_at = ?, version = ?, updated_at = ?
            WHERE id = ?
            """, said(person) + [.integer(person.version), SQLValue(person.updatedAt), SQLValue(person.id)])
    }

    private static func said(_ person: Person) -> [SQLValue] {
        [
            .text(person.fullName), .text(TextFolding.fold(person.fullName)), SQLValue(person.birthYear),
            SQLValue(person.birthDate), SQLValue(person.sex), .text(person.phones.joined(separator: "\n")),
            .text(person.email), .text(person.zaloUserIDs.joined(separator: "\n")), SQLValue(person.occupation),
            .text(person.organisations.joined(separator: "\n")), SQLValue(person.residenceUnit),
            SQLValue(person.workUnit), SQLValue(person.citizenHash), SQLValue(person.mergedInto),
            person.erasedAt.map { SQLValue($0) } ?? .null,
        ]
    }

    package static func person(_ id: UniqueID, in tx: ReadTransaction) throws -> Person? {
        try tx.queryOne("SELECT \(columns) FROM person WHERE id = ?", [SQLValue(id)], read)
    }

    /// Whom a key of a source system means: of a record that was merged, the one it leads to.
    package static func person(_ source: SourceKey, in tx: ReadTransaction) throws -> Person? {
        var found = try tx.queryOne(
            "SELECT \(columns) FROM person WHERE source_system = ? AND external_id = ?",
            [.text(source.system), .text(source.externalID)], read)
        while let next = found?.mergedInto { found = try person(next, in: tx) }
        return found
    }

    package static func destroySalt(of id: UniqueID, in tx: WriteTransaction) throws {
        try tx.executeLater("UPDATE person SET salt = NULL WHERE id = ?", [SQLValue(id)])
    }

    /// Who lives or works at one of some units.
    package static func people(at units: Set<UniqueID>, in tx: ReadTransaction) throws -> [UniqueID] {
        var found: [UniqueID] = []
        try tx.forEach(
            "SELECT id, residence_unit, work_unit FROM person WHERE residence_unit IS NOT NULL OR work_unit IS NOT NULL"
        ) { row in
            let places = [try row.idOrNull(1), try row.idOrNull(2)].compactMap { $0 }
            if places.contains(where: units.contains) { found.append(try row.id(0)) }
        }
        return found
    }

    private static func read(_ row: Row) throws -> Person {
        var person = Person(
            id: try row.id(0), fullName: try row.text(1), birthYear: try row.intOrNull(2),
            birthDate: try row.dateOrNull(3), sex: try row.int(4), phones: try row.lines(5), email: try row.text(6),
            zaloUserIDs: try row.lines(7), occupation: try row.int(8), organisations: try row.lines(9),
            residenceUnit: try row.idOrNull(10), workUnit: try row.idOrNull(11), source: try row.source(12),
            version: try row.int64(14), createdAt: try row.instant(15), updatedAt: try row.instant(16))
        person.citizenHash = try row.blobOrNull(17)
        person.salt = try row.blobOrNull(18) ?? []
        person.mergedInto = try row.idOrNull(19)
        person.erasedAt = try row.int64OrNull(20).map { Instant(microseconds: $0) }
        return person
    }
}
