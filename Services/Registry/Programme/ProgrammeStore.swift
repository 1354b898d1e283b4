import ServiceKit
import Storage

/// Agencies, milestones and figures in the database.
package enum ProgrammeStore {
    // MARK: Agencies

    package static func insert(_ agency: Agency, in tx: WriteTransaction) throws {
        try tx.execute(
            "INSERT INTO agency (id, kind, name, unit_id, valid_from, valid_to) VALUES (?, ?, ?, ?, ?, ?)",
            [
                SQLValue(agency.id), SQLValue(agency.kind.rawValue), .text(agency.name), SQLValue(agency.unit),
                agency.range.storedFrom, agency.range.storedTo,
            ])
    }

    private static let agencyColumns = "id, kind, name, unit_id, valid_from, valid_to"

    package static func agency(_ id: UniqueID, in tx: ReadTransaction) throws -> Agency? {
        try tx.queryOne("SELECT \(agencyColumns) FROM agency WHERE id = ?", [SQLValue(id)], agency)
    }

    package static func agency(named name: String, kind: AgencyKind, in tx: ReadTransaction) throws -> Agency? {
        try tx.queryOne(
            "SELECT \(agencyColumns) FROM agency WHERE kind = ? AND name = ?", [SQLValue(kind.rawValue), .text(name)],
            agency)
    }

    /// By name, then by id. They are few.
    package static func agencies(_ kind: AgencyKind?, in tx: ReadTransaction) throws -> [Agency] {
        try tx.query("SELECT \(agencyColumns) FROM agency ORDER BY name, id", [], agency)
            .filter { kind == nil || $0.kind == kind }
    }

    private static func agency(_ row: Row) throws -> Agency {
        Agency(
            id: try row.id(0), kind: try row.value(1, AgencyKind.self), name: try row.text(2),
            unit: try row.idOrNull(3), range: try row.range(4))
    }

    // MARK: Milestones

    package static func put(_ milestone: Milestone, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO milestone (
                agency_id, kind, taken_on, document_number, document_title, document_issuer, document_issued_on,
                document_from, document_to
            ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (agency_id, kind) DO UPDATE SET taken_on = excluded.taken_on,
                document_number = excluded.document_number, document_title = excluded.document_title,
                document_issuer = excluded.document_issuer, document_issued_on = excluded.document_issued_on,
                document_from = excluded.document_from, document_to = excluded.document_to
            """,
            [SQLValue(milestone.agency), SQLValue(milestone.kind.rawValue), SQLValue(milestone.date)]
                + Document.columns(milestone.document))
    }

    /// By day, then by agency and kind.
    package static func milestones(agency: UniqueID?, kind: MilestoneKind?, in tx: ReadTransaction) throws
        -> [Milestone]
    {
        try tx.query(
            """
            SELECT agency_id, kind, taken_on, document_number, document_title, document_issuer, document_issued_on,
                document_from, document_to
            FROM milestone ORDER BY taken_on, agency_id, kind
            """
        ) {
            Milestone(
                agency: try $0.id(0), kind: try $0.value(1, MilestoneKind.self), date: try $0.date(2),
                document: try Document.read($0, 3))
        }
        .filter { (agency == nil || $0.agency == agency) && (kind == nil || $0.kind == kind) }
    }

    // MARK: Figures

    package static func put(_ figure: Figure, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO figure (unit_id, indicator, said_for, value, qualifier, out_of, source)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (unit_id, indicator, said_for) DO UPDATE SET value = excluded.value,
                qualifier = excluded.qualifier, out_of = excluded.out_of, source = excluded.source
            """,
            [
                SQLValue(figure.unit), .text(figure.indicator), SQLValue(figure.date), .integer(figure.value),
                SQLValue(figure.qualifier), .integer(figure.outOf), .text(figure.source),
            ])
    }

    package static func figure(_ figure: Figure, in tx: ReadTransaction) throws -> Figure? {
        try figures(unit: figure.unit, indicator: figure.indicator, in: tx).first { $0.date == figure.date }
    }

    /// By day, indicator and unit.
    package static func figures(unit: UniqueID?, indicator: String, in tx: ReadTransaction) throws -> [Figure] {
        var conditions = ["1 = 1"]
        var bindings: [SQLValue] = []
        if let unit {
            conditions.append("unit_id = ?")
            bindings.append(SQLValue(unit))
        }
        if !indicator.isEmpty {
            conditions.append("indicator = ?")
            bindings.append(.text(indicator))
        }
        return try tx.query(
            """
            SELECT unit_id, indicator, said_for, value, qualifier, out_of, source FROM figure
            WHERE \(conditions.joined(separator: " AND ")) ORDER BY said_for, indicator, unit_id
            """, bindings
        ) {
            Figure(
                unit: try $0.id(0), indicator: try $0.text(1), date: try $0.date(2), value: try $0.int64(3),
                qualifier: try $0.int(4), outOf: try $0.int64(5), source: try $0.text(6))
        }
    }
}
