import ServiceKit
import Storage

/// Units with national codes in the database. They are written once, from the shipped files, and read as a whole at the
/// start; the index answers from then on.
package enum UnitStore {
    package static func isEmpty(in tx: ReadTransaction) throws -> Bool { try !tx.exists("SELECT 1 FROM unit LIMIT 1") }

    package static func insert(_ data: UnitData, in tx: WriteTransaction) throws {
        for (rank, unit) in data.units.enumerated() {
            try tx.execute(
                """
                INSERT INTO unit (rank, id, level, code, name, kind, aliases, valid_from, valid_to)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    SQLValue(rank), SQLValue(unit.id), SQLValue(unit.level.rawValue), .text(unit.code),
                    .text(unit.name),
                    .text(unit.kind), .text(unit.aliases.joined(separator: "\n")), unit.validity.storedFrom,
                    unit.validity.storedTo,
                ])
        }
        for line in data.parents {
            try tx.execute(
                "INSERT INTO unit_parent (unit_rank, parent_rank, valid_from, valid_to) VALUES (?, ?, ?, ?)",
                [SQLValue(line.unit), SQLValue(line.parent), line.range.storedFrom, line.range.storedTo])
        }
        for line in data.successions {
            try tx.execute(
                """
                INSERT INTO unit_succession (source_rank, target_rank, effective_on, relation, is_part, is_default)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
                [
                    SQLValue(line.source), SQLValue(line.target), SQLValue(line.effectiveOn),
                    .text(line.relation.rawValue), SQLValue(line.isPart), SQLValue(line.isDefault),
                ])
        }
    }

    package static func load(from tx: ReadTransaction) throws -> UnitData {
        var data = UnitData()
        try tx.forEach(
            "SELECT rank, id, level, code, name, kind, aliases, valid_from, valid_to FROM unit ORDER BY rank"
        ) { row in
            guard try row.int(0) == data.units.count else {
                throw StorageError.misuse("unit ranks have a gap before \(try row.int(0))")
            }
            data.units.append(
                Unit(
                    id: try row.id(1), level: try row.value(2, UnitLevel.self), code: try row.text(3),
                    name: try row.text(4), kind: try row.text(5), validity: try row.range(7),
                    aliases: try row.lines(6)))
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
}
