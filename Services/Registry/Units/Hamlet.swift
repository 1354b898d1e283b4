import Foundation
import ServiceKit
import Storage

/// A hamlet: a unit without a national code. It stays itself while the communes above it change.
package struct Hamlet: Sendable, Hashable {
    package var id: UniqueID
    /// Name with its kind word, `Thôn Đồng Tâm`.
    package var name: String
    package var validFrom: LocalDate?
    package var stays: [CommuneStay]
    package var source: SourceKey?
    package var version: Int64 = 1

    /// Kind words of units below the commune. Longest first, for one begins as another.
    package static let kinds = [
        "tổ dân phố", "khu dân cư", "khu phố", "khối phố", "khu vực", "tiểu khu", "thôn", "bản", "ấp", "khóm", "khối",
        "buôn", "làng", "xóm", "plei", "phum", "sóc", "tổ", "khu",
    ]

    /// The kind word its name begins with; `thôn` when it begins with none.
    package var kind: String {
        let lower = nameKey
        return Self.kinds.first { lower == $0 || lower.hasPrefix($0 + " ") } ?? "thôn"
    }

    /// What makes a name the same name in one commune: tone marks count, case and blanks do not.
    package var nameKey: String { Self.key(name) }
    package static func key(_ name: String) -> String { UnitIndex.exact(name) }

    /// Where it lies on a day; nil also when its commune has ended without a recorded successor.
    package func stay(on date: LocalDate) -> CommuneStay? {
        stays.first { $0.range.contains(date) && $0.basis != .ended }
    }
}

/// Hamlets in the database.
package enum HamletStore {
    package static func insert(_ hamlet: Hamlet, rowHash: [UInt8]?, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            INSERT INTO hamlet
                (id, name, name_key, folded, kind, valid_from, source_system, external_id, row_hash, version)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                SQLValue(hamlet.id), .text(hamlet.name), .text(hamlet.nameKey),
                .text(TextFolding.fold(hamlet.name)), .text(hamlet.kind),
                SQLValue(hamlet.validFrom ?? .distantPast), SQLValue(hamlet.source?.system),
                SQLValue(hamlet.source?.externalID), SQLValue(rowHash), .integer(hamlet.version),
            ])
        try insertStays(of: hamlet, in: tx)
    }

    package static func setVersion(_ version: Int64, of id: UniqueID, in tx: WriteTransaction) throws {
        try tx.executeLater("UPDATE hamlet SET version = ? WHERE id = ?", [.integer(version), SQLValue(id)])
    }

    /// Writes other communes over time.
    package static func move(_ hamlet: Hamlet, in tx: WriteTransaction) throws {
        try setVersion(hamlet.version, of: hamlet.id, in: tx)
        try tx.executeLater("DELETE FROM hamlet_stay WHERE hamlet_id = ?", [SQLValue(hamlet.id)])
        try insertStays(of: hamlet, in: tx)
    }

    /// Hamlets that lie in one of some communes after a day, with all their stays; with `ended` also those whose
    /// commune is gone without a successor.
    package static func hamlets(
        in communes: ArraySlice<UnitRank>, after day: LocalDate, ended: Bool = false, in tx: ReadTransaction
    ) throws -> [Hamlet] {
        let (condition, bindings) = RankFilter.staying(in: communes, after: day, ended: ended)
        var found: [Hamlet] = []
        try tx.forEach(
            """
            SELECT \(columns), s.commune_rank, s.basis, s.valid_from, s.valid_to
            FROM hamlet h JOIN hamlet_stay s ON s.hamlet_id = h.id
            WHERE h.id IN (SELECT hamlet_id FROM hamlet_stay WHERE \(condition)) ORDER BY h.id, s.valid_from
            """, bindings
        ) { row in
            let id = try row.id(0)
            if found.last?.id != id { found.append(try read(row)) }
            found[found.count - 1].stays.append(
                CommuneStay(
                    commune: try row.int(6), range: try row.range(8), basis: try row.value(7, PlacementBasis.self)))
        }
        return found
    }

    private static func insertStays(of hamlet: Hamlet, in tx: WriteTransaction) throws {
        for stay in hamlet.stays {
            try tx.executeLater(
                "INSERT INTO hamlet_stay (hamlet_id, commune_rank, basis, valid_from, valid_to) VALUES (?, ?, ?, ?, ?)",
                [
                    SQLValue(hamlet.id), SQLValue(stay.commune), SQLValue(stay.basis.rawValue), stay.range.storedFrom,
                    stay.range.storedTo,
                ])
        }
    }

    package static func rename(_ hamlet: Hamlet, rowHash: [UInt8]?, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "UPDATE hamlet SET name = ?, name_key = ?, folded = ?, kind = ?, row_hash = ?, version = ? WHERE id = ?",
            [
                .text(hamlet.name), .text(hamlet.nameKey), .text(TextFolding.fold(hamlet.name)), .text(hamlet.kind),
                SQLValue(rowHash), .integer(hamlet.version), SQLValue(hamlet.id),
            ])
    }

    private static let columns = "h.id, h.name, h.valid_from, h.source_system, h.external_id, h.version"

    package static func hamlet(_ id: UniqueID, in tx: ReadTransaction) throws -> Hamlet? {
        guard
            var hamlet = try tx.queryOne("SELECT \(columns) FROM hamlet h WHERE h.id = ?", [SQLValue(id)], read)
        else { return nil }
        hamlet.stays = try stays(of: id, in: tx)
        return hamlet
    }

    package static func hamlet(_ source: SourceKey, in tx: ReadTransaction) throws -> (
        hamlet: Hamlet, rowHash: [UInt8]?
    )? {
        let found = try tx.queryOne(
            "SELECT \(columns), h.row_hash FROM hamlet h WHERE h.source_system = ? AND h.external_id = ?",
            [.text(source.system), .text(source.externalID)]
        ) { (try read($0), try $0.blobOrNull(6)) }
        guard let (found, hash) = found else { return nil }
        var hamlet = found
        hamlet.stays = try stays(of: hamlet.id, in: tx)
        return (hamlet, hash)
    }

    /// The hamlets of a name that lie in a commune at some time.
    package static func hamlets(named key: String, in commune: UnitRank, in tx: ReadTransaction) throws -> [Hamlet] {
        let ids = try tx.query(
            """
            SELECT DISTINCT h.id FROM hamlet_stay s JOIN hamlet h ON h.id = s.hamlet_id
            WHERE s.commune_rank = ? AND h.name_key = ?
            """, [SQLValue(commune), .text(key)]
        ) { try $0.id(0) }
        return try ids.compactMap { try hamlet($0, in: tx) }
    }

    /// A hamlet as lists show it: with the commune it lies in on the day.
    package struct Listed: Sendable, Hashable {
        package var hamlet: Hamlet
        package var commune: UnitRank
    }

    /// Hamlets in force on a day in the communes of some runs (nil: everywhere), by commune and id, after a position.
    package static func list(
        runs: [ClosedRange<UnitRank>]?, on date: LocalDate, folded query: String?,
        after: (commune: UnitRank, id: UniqueID)?,
        limit: Int, in tx: ReadTransaction
    ) throws -> [Listed] {
        let (condition, bindings) = filter(runs: runs, on: date, folded: query)
        var sql = """
            SELECT \(columns), s.commune_rank, s.basis, s.valid_from, s.valid_to
            FROM hamlet_stay s JOIN hamlet h ON h.id = s.hamlet_id WHERE \(condition)
            """
        var values = bindings
        if let after {
            sql += " AND (s.commune_rank > ? OR (s.commune_rank = ? AND s.hamlet_id > ?))"
            values += [SQLValue(after.commune), SQLValue(after.commune), SQLValue(after.id)]
        }
        sql += " ORDER BY s.commune_rank, s.hamlet_id LIMIT ?"
        values.append(SQLValue(limit))
        return try tx.query(sql, values) { row in
            var hamlet = try read(row)
            let commune = try row.int(6)
            hamlet.stays = [
                CommuneStay(commune: commune, range: try row.range(8), basis: try row.value(7, PlacementBasis.self))
            ]
            return Listed(hamlet: hamlet, commune: commune)
        }
    }

    /// Hamlets in force on a day, by commune.
    package static func count(
        runs: [ClosedRange<UnitRank>]?, on date: LocalDate, folded query: String?, in tx: ReadTransaction
    )
        throws -> [UnitRank: Int]
    {
        let (condition, bindings) = filter(runs: runs, on: date, folded: query)
        var counts: [UnitRank: Int] = [:]
        let join = query == nil ? "" : "JOIN hamlet h ON h.id = s.hamlet_id"
        try tx.forEach(
            "SELECT s.commune_rank, count(*) FROM hamlet_stay s \(join) WHERE \(condition) GROUP BY s.commune_rank",
            bindings
        ) { counts[try $0.int(0)] = try $0.int(1) }
        return counts
    }

    private static func filter(runs: [ClosedRange<UnitRank>]?, on date: LocalDate, folded query: String?)
        -> (String, [SQLValue])
    {
        var (condition, bindings) = RankFilter.condition("s.commune_rank", runs)
        condition += " AND s.valid_from <= ? AND s.valid_to > ? AND s.basis <> 3"
        bindings += [SQLValue(date), SQLValue(date)]
        if let query {
            // Folded text holds letters, digits and blanks only, so nothing in it is special to LIKE.
            condition += " AND (' ' || h.folded) LIKE ?"
            bindings.append(.text("% \(query)%"))
        }
        return (condition, bindings)
    }

    private static func stays(of id: UniqueID, in tx: ReadTransaction) throws -> [CommuneStay] {
        try tx.query(
            "SELECT commune_rank, basis, valid_from, valid_to FROM hamlet_stay WHERE hamlet_id = ? ORDER BY valid_from",
            [SQLValue(id)]
        ) {
            CommuneStay(commune: try $0.int(0), range: try $0.range(2), basis: try $0.value(1, PlacementBasis.self))
        }
    }

    /// The communes of some hamlets over time; of no hamlet nothing.
    package static func stays(of ids: some Sequence<UniqueID>, in tx: ReadTransaction) throws
        -> [UniqueID: [CommuneStay]]
    {
        try RankFilter.stays(of: ids, "hamlet_id", "hamlet_stay", in: tx)
    }

    private static func read(_ row: Row) throws -> Hamlet {
        let from = try row.date(2)
        return Hamlet(
            id: try row.id(0), name: try row.text(1), validFrom: from == .distantPast ? nil : from, stays: [],
            source: try row.source(3), version: try row.int64(5))
    }
}
