import ServiceKit
import Storage

/// Reorganisations in the database: what they say, and what an applied one did.
package enum ReorganisationStore {
    package static func isEmpty(in tx: ReadTransaction) throws -> Bool {
        try !tx.exists("SELECT 1 FROM reorganisation LIMIT 1")
    }

    package static func insert(_ event: Reorganisation, _ script: ReorganisationScript, in tx: WriteTransaction) throws
    {
        try tx.executeLater(
            """
            INSERT INTO reorganisation (
                id, title, effective_on, state, document_number, document_title, document_issuer, document_issued_on,
                document_from, document_to, line_count, new_unit_count, version, created_at, updated_at
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                SQLValue(event.id), .text(event.title), SQLValue(event.effectiveOn), SQLValue(event.state.rawValue),
            ] + Document.columns(event.document) + [
                SQLValue(script.lines.count), SQLValue(script.newUnits.count), .integer(event.version),
                SQLValue(event.createdAt), SQLValue(event.updatedAt),
            ])
        for (ordinal, line) in script.lines.enumerated() {
            var target: (id: UniqueID?, key: String?)
            switch line.target {
            case .none: target = (nil, nil)
            case .unit(let id): target = (id, nil)
            case .key(let key): target = (nil, key)
            }
            try tx.executeLater(
                """
                INSERT INTO reorganisation_line
                    (reorganisation_id, ordinal, kind, source_id, target_id, target_key, is_default)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    SQLValue(event.id), SQLValue(ordinal), SQLValue(line.kind.rawValue), SQLValue(line.source),
                    SQLValue(target.id), SQLValue(target.key), SQLValue(line.isDefault),
                ])
        }
        for (ordinal, unit) in script.newUnits.enumerated() {
            var parent: (id: UniqueID?, key: String?)
            switch unit.parent {
            case .inherited: parent = (nil, nil)
            case .unit(let id): parent = (id, nil)
            case .key(let key): parent = (nil, key)
            }
            try tx.executeLater(
                """
                INSERT INTO reorganisation_unit
                    (reorganisation_id, ordinal, unit_key, unit_id, level, code, name, kind, parent_id, parent_key)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    SQLValue(event.id), SQLValue(ordinal), .text(unit.key), SQLValue(unit.id),
                    SQLValue(unit.level.rawValue), .text(unit.code), .text(unit.name), .text(unit.kind),
                    SQLValue(parent.id), SQLValue(parent.key),
                ])
        }
    }

    package static func setState(_ event: Reorganisation, in tx: WriteTransaction) throws {
        try tx.executeLater(
            "UPDATE reorganisation SET state = ?, version = ?, updated_at = ? WHERE id = ?",
            [
                SQLValue(event.state.rawValue), .integer(event.version), SQLValue(event.updatedAt), SQLValue(event.id),
            ])
    }

    // MARK: Reading

    /// A reorganisation with the numbers of its lines and new units.
    package struct Listed: Sendable, Hashable {
        package var event: Reorganisation
        package var lines: Int64
        package var newUnits: Int64
    }

    private static let columns = """
        id, title, effective_on, state, document_number, document_title, document_issuer, document_issued_on, \
        document_from, document_to, line_count, new_unit_count, version, created_at, updated_at
        """

    package static func reorganisation(_ id: UniqueID, in tx: ReadTransaction) throws -> Listed? {
        try tx.queryOne("SELECT \(columns) FROM reorganisation WHERE id = ?", [SQLValue(id)], read)
    }

    package static func list(after: (day: LocalDate, id: UniqueID)?, limit: Int, in tx: ReadTransaction) throws
        -> [Listed]
    {
        let day = after?.day ?? .distantPast
        return try tx.query(
            """
            SELECT \(columns) FROM reorganisation WHERE effective_on > ? OR (effective_on = ? AND id > ?)
            ORDER BY effective_on, id LIMIT ?
            """,
            [
                SQLValue(day), SQLValue(day), after.map { SQLValue($0.id) } ?? .blob([]), SQLValue(limit),
            ], read)
    }

    private static func read(_ row: Row) throws -> Listed {
        Listed(
            event: Reorganisation(
                id: try row.id(0), title: try row.text(1), effectiveOn: try row.date(2),
                document: try Document.read(row, 4), state: try row.value(3, ReorganisationState.self),
                version: try row.int64(12), createdAt: try row.instant(13), updatedAt: try row.instant(14)),
            lines: try row.int64(10), newUnits: try row.int64(11))
    }

    package static func script(of event: Reorganisation, in tx: ReadTransaction) throws -> ReorganisationScript {
        ReorganisationScript(
            effectiveOn: event.effectiveOn, newUnits: try newUnits(of: event.id, in: tx),
            lines: try lines(of: event.id, after: -1, limit: .max, in: tx))
    }

    package static func lines(of id: UniqueID, after ordinal: Int, limit: Int, in tx: ReadTransaction) throws
        -> [ReorganisationLine]
    {
        try tx.query(
            """
            SELECT kind, source_id, target_id, target_key, is_default FROM reorganisation_line
            WHERE reorganisation_id = ? AND ordinal > ? ORDER BY ordinal LIMIT ?
            """, [SQLValue(id), SQLValue(ordinal), SQLValue(limit)]
        ) { row in
            var target = ReorganisationLine.Target.none
            if let id = try row.idOrNull(2) { target = .unit(id) }
            if let key = try row.textOrNull(3) { target = .key(key) }
            return ReorganisationLine(
                kind: try row.value(0, ReorganisationKind.self), source: try row.id(1), target: target,
                isDefault: try row.bool(4))
        }
    }

    package static func newUnits(of id: UniqueID, in tx: ReadTransaction) throws -> [NewUnit] {
        try tx.query(
            """
            SELECT unit_key, unit_id, level, code, name, kind, parent_id, parent_key FROM reorganisation_unit
            WHERE reorganisation_id = ? ORDER BY ordinal
            """, [SQLValue(id)]
        ) { row in
            var parent = NewUnit.Parent.inherited
            if let id = try row.idOrNull(6) { parent = .unit(id) }
            if let key = try row.textOrNull(7) { parent = .key(key) }
            return NewUnit(
                key: try row.text(0), id: try row.id(1), level: try row.value(2, UnitLevel.self),
                code: try row.text(3), name: try row.text(4), kind: try row.text(5), parent: parent)
        }
    }

    // MARK: What an applied one did

    private enum Effect: Int {
        case ended = 1
        case created
        case moved
    }

    package static func keep(_ change: UnitChange, of id: UniqueID, in tx: WriteTransaction) throws {
        func put(_ effect: Effect, _ rank: UnitRank, _ parent: UnitRank) throws {
            try tx.executeLater(
                """
                INSERT INTO reorganisation_effect (reorganisation_id, effect, unit_rank, parent_rank)
                VALUES (?, ?, ?, ?)
                """, [SQLValue(id), SQLValue(effect.rawValue), SQLValue(rank), SQLValue(parent)])
        }
        for rank in change.ended { try put(.ended, rank, -1) }
        for created in change.created { try put(.created, created.rank, created.parent) }
        for moved in change.moved { try put(.moved, moved.unit, moved.parent) }
    }

    package static func change(of event: Reorganisation, units: UnitIndex, in tx: ReadTransaction) throws -> UnitChange
    {
        var change = UnitChange(on: event.effectiveOn)
        try tx.forEach(
            """
            SELECT effect, unit_rank, parent_rank FROM reorganisation_effect
            WHERE reorganisation_id = ? ORDER BY effect, unit_rank
            """, [SQLValue(event.id)]
        ) { row in
            let rank = try row.int(1)
            switch Effect(rawValue: try row.int(0)) {
            case .ended: change.ended.append(rank)
            case .created:
                change.created.append(.init(rank: rank, unit: units[rank], parent: try row.int(2)))
                change.successions += units.predecessors(of: rank)
            case .moved: change.moved.append(.init(unit: rank, parent: try row.int(2)))
            case nil: throw StorageError.misuse("unknown effect of a reorganisation")
            }
        }
        return change
    }

    package static func forgetChange(of id: UniqueID, in tx: WriteTransaction) throws {
        try tx.executeLater("DELETE FROM reorganisation_effect WHERE reorganisation_id = ?", [SQLValue(id)])
        try tx.executeLater("DELETE FROM reorganisation_place WHERE reorganisation_id = ?", [SQLValue(id)])
    }

    /// Where a team or hamlet was going to be before the reorganisation, and where that put it.
    package struct Place: Sendable, Hashable {
        package var subject: UniqueID
        package var former: [CommuneStay]
        package var given: [CommuneStay]
    }

    package static func keep(_ place: Place, isHamlet: Bool, of id: UniqueID, in tx: WriteTransaction) throws {
        try tx.executeLater(
            """
            INSERT INTO reorganisation_place (reorganisation_id, is_hamlet, subject_id, former, given)
            VALUES (?, ?, ?, ?, ?)
            """,
            [
                SQLValue(id), SQLValue(isHamlet), SQLValue(place.subject), .text(encoded(place.former)),
                .text(encoded(place.given)),
            ])
    }

    /// What the reorganisation did to the hamlets or teams that lie in one of some communes after its day.
    package static func places(
        in communes: ArraySlice<UnitRank>, isHamlet: Bool, of event: Reorganisation, in tx: ReadTransaction
    ) throws -> [UniqueID: Place] {
        let (condition, bindings) = RankFilter.staying(in: communes, after: event.effectiveOn, ended: true)
        let subjects =
            isHamlet
            ? "SELECT hamlet_id FROM hamlet_stay WHERE \(condition)"
            : "SELECT team_id FROM team_stretch WHERE \(condition)"
        var places: [UniqueID: Place] = [:]
        try tx.forEach(
            """
            SELECT subject_id, former, given FROM reorganisation_place
            WHERE reorganisation_id = ? AND is_hamlet = ? AND subject_id IN (\(subjects))
            """, [SQLValue(event.id), SQLValue(isHamlet)] + bindings
        ) { row in
            let place = Place(
                subject: try row.id(0), former: try decoded(try row.text(1)), given: try decoded(try row.text(2)))
            places[place.subject] = place
        }
        return places
    }

    /// A stay a line: rank, basis, first day, first day after.
    private static func encoded(_ stays: [CommuneStay]) -> String {
        stays.map {
            "\($0.commune) \($0.basis.rawValue) \($0.range.firstDay) \($0.range.exclusiveEnd ?? .distantFuture)"
        }.joined(separator: "\n")
    }

    private static func decoded(_ text: String) throws -> [CommuneStay] {
        try text.split(separator: "\n").map { line in
            let parts = line.split(separator: " ").map(String.init)
            guard parts.count == 4, let commune = UnitRank(parts[0]),
                let basis = Int(parts[1]).flatMap(PlacementBasis.init(rawValue:)), let from = LocalDate(parts[2]),
                let end = LocalDate(parts[3])
            else { throw StorageError.misuse("a stay that is not understood: \(line)") }
            return CommuneStay(
                commune: commune,
                range: DateRange(
                    from: from == .distantPast ? nil : from, exclusiveEnd: end == .distantFuture ? nil : end),
                basis: basis)
        }
    }
}
