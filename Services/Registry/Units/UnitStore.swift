import ServiceKit
import Storage

/// Units with national codes in the database. They are written from the shipped files and by reorganisations, and read
/// as a whole at the start and after these; the index answers from then on.
package enum UnitStore {
    package static func isEmpty(in tx: ReadTransaction) throws -> Bool { try !tx.exists("SELECT 1 FROM unit LIMIT 1") }

    package static func insert(_ data: UnitData, in tx: WriteTransaction) throws {
        for (rank, unit) in data.units.enumerated() { try insert(unit, rank: rank, in: tx) }
        for line in data.parents { try insert(line, in: tx) }
        for line in data.successions { try insert(line, in: tx) }
    }

    private static func insert(_ unit: Unit, rank: UnitRank, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            INSERT INTO unit (rank, id, level, code, name, kind, aliases, valid_from, valid_to)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                SQLValue(rank), SQLValue(unit.id), SQLValue(unit.level.rawValue), .text(unit.code), .text(unit.name),
                .text(unit.kind), .text(unit.aliases.joined(separator: "\n")), unit.validity.storedFrom,
                unit.validity.storedTo,
            ])
    }

    private static func insert(_ line: UnitParent, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "INSERT INTO unit_parent (unit_rank, parent_rank, valid_from, valid_to) VALUES (?, ?, ?, ?)",
            [SQLValue(line.unit), SQLValue(line.parent), line.range.storedFrom, line.range.storedTo])
    }

    private static func insert(_ line: UnitSuccession, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            INSERT INTO unit_succession (source_rank, target_rank, effective_on, relation, is_part, is_default)
            VALUES (?, ?, ?, ?, ?, ?)
            """,
            [
                SQLValue(line.source), SQLValue(line.target), SQLValue(line.effectiveOn),
                .text(line.relation.rawValue), SQLValue(line.isPart), SQLValue(line.isDefault),
            ])
    }

    package static func load(from tx: ReadTransaction) throws -> UnitData {
        var data = UnitData()
        data.edition = try edition(in: tx)
        try tx.forEach(
            "SELECT rank, id, level, code, name, kind, aliases, valid_from, valid_to, is_void FROM unit ORDER BY rank"
        ) { row in
            guard try row.int(0) == data.units.count else {
                throw StorageError.misuse("unit ranks have a gap before \(try row.int(0))")
            }
            data.units.append(
                Unit(
                    id: try row.id(1), level: try row.value(2, UnitLevel.self), code: try row.text(3),
                    name: try row.text(4), kind: try row.text(5), validity: try row.range(7),
                    aliases: try row.lines(6), isVoid: try row.bool(9)))
        }
        data.parents = try tx.query("SELECT unit_rank, parent_rank, valid_from, valid_to FROM unit_parent") {
            UnitParent(unit: try $0.int(0), parent: try $0.int(1), range: try $0.range(2))
        }
        data.successions = try tx.query(
            "SELECT source_rank, target_rank, effective_on, relation, is_part, is_default FROM unit_succession"
        ) { row in
            guard let relation = SuccessionRelation(rawValue: try row.text(3)) else {
                throw StorageError.misuse("unknown relation \(try row.text(3))")
            }
            return UnitSuccession(
                source: try row.int(0), target: try row.int(1), effectiveOn: try row.date(2), relation: relation,
                isPart: try row.bool(4), isDefault: try row.bool(5))
        }
        return data
    }

    // MARK: Reorganisations

    package static func edition(in tx: ReadTransaction) throws -> Int64 {
        try tx.queryOne("SELECT edition FROM unit_edition WHERE id = 1") { try $0.int64(0) } ?? 0
    }

    package static func nextEdition(in tx: WriteTransaction) throws {
        try tx.executeLater("UPDATE unit_edition SET edition = edition + 1 WHERE id = 1")
    }

    /// Raises a unit's version, which its events carry; the new one.
    package static func nextVersion(of rank: UnitRank, in tx: WriteTransaction) throws -> Int64 {
        try tx.queryOne("UPDATE unit SET version = version + 1 WHERE rank = ? RETURNING version", [SQLValue(rank)]) {
            try $0.int64(0)
        } ?? 1
    }

    /// As `UnitData.apply`.
    package static func apply(_ change: UnitChange, known count: Int, in tx: WriteTransaction) throws {
        let day = SQLValue(change.on)
        for rank in change.ended {
            try tx.executeLater("UPDATE unit SET valid_to = ? WHERE rank = ?", [day, SQLValue(rank)])
        }
        for rank in change.ended + change.moved.map(\.unit) {
            try tx.executeLater(
                "UPDATE unit_parent SET valid_to = ? WHERE unit_rank = ? AND valid_to > ?", [day, SQLValue(rank), day])
        }
        for created in change.created {
            if created.rank < count {
                try tx.executeLater(
                    "UPDATE unit SET is_void = 0, code = ?, name = ?, kind = ?, valid_from = ?, valid_to = ? WHERE rank = ?",
                    [
                        .text(created.unit.code), .text(created.unit.name), .text(created.unit.kind), day,
                        created.unit.validity.storedTo, SQLValue(created.rank),
                    ])
            } else {
                try insert(created.unit, rank: created.rank, in: tx)
            }
            try insert(UnitParent(unit: created.rank, parent: created.parent, range: created.unit.validity), in: tx)
        }
        for move in change.moved {
            try insert(
                UnitParent(unit: move.unit, parent: move.parent, range: DateRange(from: change.on, to: nil)), in: tx)
        }
        for line in change.successions { try insert(line, in: tx) }
        try nextEdition(in: tx)
    }

    /// As `UnitData.revert`.
    package static func revert(_ change: UnitChange, in tx: WriteTransaction) throws {
        let day = SQLValue(change.on)
        let open = DateRange.always.storedTo
        for created in change.created {
            let rank = SQLValue(created.rank)
            try tx.executeLater("UPDATE unit SET is_void = 1 WHERE rank = ?", [rank])
            try tx.executeLater("DELETE FROM unit_parent WHERE unit_rank = ?", [rank])
            try tx.executeLater("DELETE FROM unit_succession WHERE target_rank = ? AND effective_on = ?", [rank, day])
        }
        for moved in change.moved {
            try tx.executeLater(
                "DELETE FROM unit_parent WHERE unit_rank = ? AND valid_from = ?", [SQLValue(moved.unit), day])
        }
        for rank in change.ended {
            try tx.executeLater("UPDATE unit SET valid_to = ? WHERE rank = ?", [open, SQLValue(rank)])
        }
        for rank in change.ended + change.moved.map(\.unit) {
            try tx.executeLater(
                "UPDATE unit_parent SET valid_to = ? WHERE unit_rank = ? AND valid_to = ?", [open, SQLValue(rank), day])
        }
        try nextEdition(in: tx)
    }
}
