import ServiceKit
import Storage

/// State of a candidate. Raw values are those of the contract.
package enum DuplicateState: Int, Sendable, Hashable {
    case open = 1
    case dismissed
    case merged
}

/// Two people who may be one.
package struct Duplicate: Sendable, Hashable {
    package var id: UniqueID
    package var first: UniqueID
    package var second: UniqueID
    package var score: Int
    package var reasons: [String]
    package var state = DuplicateState.open
    package var createdAt: Instant

    package var name: String { "duplicates/\(id)" }
}

/// A merge, with what it moved.
package struct PersonMerge: Sendable, Hashable {
    package var id: UniqueID
    package var survivor: UniqueID
    package var merged: UniqueID
    package var reason: String
    package var isUndone = false
    package var createdAt: Instant
    /// Memberships that were moved, with their teams.
    package var memberships: [(team: UniqueID, id: UniqueID)] = []

    package var name: String { "personMerges/\(id)" }

    package static func == (a: PersonMerge, b: PersonMerge) -> Bool { a.id == b.id && a.isUndone == b.isUndone }
    package func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// The queue of candidates in the database.
package enum DuplicateStore {
    private static let columns = "id, first_id, second_id, score, reasons, state, created_at"

    /// Puts a pair into the queue; false when it has been there, decided or not.
    package static func insert(_ pair: Duplicate, in tx: WriteTransaction) throws -> Bool {
        try tx.execute(
            """
            INSERT INTO duplicate (id, first_id, second_id, score, reasons, state, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (first_id, second_id) DO NOTHING
            """,
            [
                SQLValue(pair.id), SQLValue(pair.first), SQLValue(pair.second), SQLValue(pair.score),
                .text(pair.reasons.joined(separator: "\n")), SQLValue(pair.state.rawValue), SQLValue(pair.createdAt),
            ]) > 0
    }

    package static func duplicate(_ id: UniqueID, in tx: ReadTransaction) throws -> Duplicate? {
        try tx.queryOne("SELECT \(columns) FROM duplicate WHERE id = ?", [SQLValue(id)], read)
    }

    package static func set(_ state: DuplicateState, of id: UniqueID, in tx: WriteTransaction) throws {
        try tx.execute("UPDATE duplicate SET state = ? WHERE id = ?", [SQLValue(state.rawValue), SQLValue(id)])
    }

    /// Of the pair of two people, in whichever order.
    package static func set(
        _ state: DuplicateState, from former: DuplicateState, pair a: UniqueID, _ b: UniqueID, in tx: WriteTransaction
    ) throws {
        try tx.execute(
            "UPDATE duplicate SET state = ? WHERE first_id = ? AND second_id = ? AND state = ?",
            [
                SQLValue(state.rawValue), SQLValue(min(a, b)), SQLValue(max(a, b)), SQLValue(former.rawValue),
            ])
    }

    package static func forget(_ person: UniqueID, in tx: WriteTransaction) throws {
        try tx.execute(
            "DELETE FROM duplicate WHERE first_id = ? OR second_id = ?", [SQLValue(person), SQLValue(person)])
    }

    /// The likeliest first, then by id.
    package static func list(
        _ state: DuplicateState, person: UniqueID?, after: (score: Int, id: UniqueID)?, limit: Int,
        in tx: ReadTransaction
    ) throws -> [Duplicate] {
        var conditions = ["state = ?"]
        var bindings: [SQLValue] = [SQLValue(state.rawValue)]
        if let person {
            conditions.append("(first_id = ? OR second_id = ?)")
            bindings += [SQLValue(person), SQLValue(person)]
        }
        if let after {
            conditions.append("(score < ? OR (score = ? AND id > ?))")
            bindings += [SQLValue(after.score), SQLValue(after.score), SQLValue(after.id)]
        }
        bindings.append(SQLValue(limit))
        return try tx.query(
            """
            SELECT \(columns) FROM duplicate WHERE \(conditions.joined(separator: " AND "))
            ORDER BY score DESC, id LIMIT ?
            """, bindings, read)
    }

    private static func read(_ row: Row) throws -> Duplicate {
        Duplicate(
            id: try row.id(0), first: try row.id(1), second: try row.id(2), score: try row.int(3),
            reasons: try row.lines(4), state: try row.value(5, DuplicateState.self), createdAt: try row.instant(6))
    }

    // MARK: Looking for pairs

    /// Pairs that share a folded name and a birth year, or a citizen-id hash, of which one was recorded or changed
    /// after a moment. Calls `found` with both, the lower id first.
    package static func pairs(
        changedAfter moment: Instant, in tx: ReadTransaction, found: (PersonLikeness, PersonLikeness) throws -> Void
    ) throws {
        let person = { (alias: String) in
            ["id", "full_name", "folded", "birth_year", "birth_date", "sex", "phones", "citizen_hash"]
                .map { "\(alias).\($0)" }.joined(separator: ", ")
        }
        // From who changed to the others, by an index each; of two who both changed, once.
        let condition = """
            a.updated_at > ? AND b.id <> a.id AND (b.updated_at <= ? OR b.id > a.id) AND a.merged_into IS NULL
            AND b.merged_into IS NULL AND a.erased_at IS NULL AND b.erased_at IS NULL
            """
        for join in [
            "b.folded = a.folded AND b.birth_year = a.birth_year AND a.phones <> '' AND b.phones <> ''",
            "b.citizen_hash = a.citizen_hash",
        ] {
            try tx.forEach(
                "SELECT \(person("a")), \(person("b")) FROM person a JOIN person b ON \(join) WHERE \(condition)",
                [SQLValue(moment), SQLValue(moment)]
            ) { row in
                let (a, b) = (try likeness(row, 0), try likeness(row, 8))
                try a.id < b.id ? found(a, b) : found(b, a)
            }
        }
    }

    private static func likeness(_ row: Row, _ index: Int) throws -> PersonLikeness {
        PersonLikeness(
            id: try row.id(index), fullName: try row.text(index + 1), folded: try row.text(index + 2),
            birthYear: try row.intOrNull(index + 3), birthDate: try row.dateOrNull(index + 4),
            sex: try row.int(index + 5), phones: try row.lines(index + 6), citizenHash: try row.blobOrNull(index + 7))
    }

    /// How many people were recorded or changed after a moment.
    package static func changed(after moment: Instant, in tx: ReadTransaction) throws -> Int {
        try tx.count("SELECT count(*) FROM person WHERE updated_at > ?", [SQLValue(moment)])
    }

    package static func scannedUpTo(in tx: ReadTransaction) throws -> Instant {
        try tx.queryOne("SELECT scanned_up_to FROM duplicate_scan WHERE id = 1") { try $0.instant(0) }
            ?? Instant(microseconds: 0)
    }

    package static func setScanned(upTo moment: Instant, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO duplicate_scan (id, scanned_up_to) VALUES (1, ?)
            ON CONFLICT (id) DO UPDATE SET scanned_up_to = excluded.scanned_up_to
            """, [SQLValue(moment)])
    }
}

/// Merges in the database.
package enum PersonMergeStore {
    package static func insert(_ merge: PersonMerge, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO person_merge (id, survivor_id, merged_id, reason, is_undone, created_at)
            VALUES (?, ?, ?, ?, 0, ?)
            """,
            [
                SQLValue(merge.id), SQLValue(merge.survivor), SQLValue(merge.merged), .text(merge.reason),
                SQLValue(merge.createdAt),
            ])
        for (ordinal, moved) in merge.memberships.enumerated() {
            try tx.execute(
                "INSERT INTO person_merge_membership (merge_id, ordinal, team_id, membership_id) VALUES (?, ?, ?, ?)",
                [SQLValue(merge.id), SQLValue(ordinal), SQLValue(moved.team), SQLValue(moved.id)])
        }
    }

    package static func undo(_ id: UniqueID, in tx: WriteTransaction) throws {
        try tx.execute("UPDATE person_merge SET is_undone = 1 WHERE id = ?", [SQLValue(id)])
    }

    package static func merge(_ id: UniqueID, in tx: ReadTransaction) throws -> PersonMerge? {
        try merges("id = ?", [SQLValue(id)], in: tx).first
    }

    package static func merges(of person: UniqueID, in tx: ReadTransaction) throws -> [PersonMerge] {
        try merges("survivor_id = ? OR merged_id = ?", [SQLValue(person), SQLValue(person)], in: tx)
    }

    package static func clearReasons(of person: UniqueID, in tx: WriteTransaction) throws {
        try tx.execute(
            "UPDATE person_merge SET reason = '' WHERE survivor_id = ? OR merged_id = ?",
            [SQLValue(person), SQLValue(person)])
    }

    private static func merges(_ condition: String, _ bindings: [SQLValue], in tx: ReadTransaction) throws
        -> [PersonMerge]
    {
        try tx.query(
            """
            SELECT id, survivor_id, merged_id, reason, is_undone, created_at FROM person_merge
            WHERE \(condition) ORDER BY created_at, id
            """, bindings
        ) {
            PersonMerge(
                id: try $0.id(0), survivor: try $0.id(1), merged: try $0.id(2), reason: try $0.text(3),
                isUndone: try $0.bool(4), createdAt: try $0.instant(5))
        }.map { found in
            var merge = found
            merge.memberships = try tx.query(
                "SELECT team_id, membership_id FROM person_merge_membership WHERE merge_id = ? ORDER BY ordinal",
                [SQLValue(merge.id)]
            ) { (try $0.id(0), try $0.id(1)) }
            return merge
        }
    }
}
