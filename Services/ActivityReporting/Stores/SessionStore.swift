import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// A session of a course as stored.
struct SessionRow: Sendable, Hashable {
    var id: String
    /// Version of the aggregate in the change feed.
    var version: Int64 = 0
    /// Without the single attendances.
    private(set) var session = Cdt_Activity_V1_TrainingSession()
    /// Unit in which it was planned, bare: it may have been held in another one.
    var plannedUnit = ""

    var name: String { Names.name("trainingSessions", id) }
    /// Where it is held, bare; nil: for the nation.
    var unit: String? { ResourceName.id(session.unit, in: "units") }

    /// Makes of it what is said now.
    mutating func become(_ state: Cdt_Activity_V1_SessionState, _ said: Cdt_Activity_V1_TrainingSession) {
        session = said
        session.name = name
        session.state = state
        session.attendances = []
        session.attended = Int32(said.attendances.count)
        session.completed = Int32(said.attendances.count { $0.completed })
        session.etag = ""
    }

    var view: Cdt_Activity_V1_TrainingSession {
        var view = session
        view.etag = Etag.of(version: version)
        return view
    }

    /// What the change feed says of it.
    func fact(of course: Cdt_Activity_V1_Course) -> Cdt_Activity_V1_TrainingSessionFact {
        .with {
            $0.session = session
            $0.course = course
        }
    }
}

/// Sessions of courses, with who attended.
enum SessionStore {
    private static let columns = "id, version, planned_unit, state, content"

    static func get(_ id: String, in tx: ReadTransaction) throws -> SessionRow? {
        try tx.queryOne("SELECT \(columns) FROM training_sessions WHERE id = ?", [.text(id)], SessionRow.init)
    }

    static func put(_ row: SessionRow, by caller: String, now: Instant, in tx: WriteTransaction) throws {
        let session = row.session
        try tx.execute(
            """
            INSERT INTO training_sessions (\(columns), course, unit, held_on, created_at, created_by, changed_at, changed_by)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state,
                content = excluded.content, unit = excluded.unit, held_on = excluded.held_on,
                changed_at = excluded.changed_at, changed_by = excluded.changed_by
            """,
            [
                .text(row.id), .integer(row.version), .text(row.plannedUnit), SQLValue(session.state.rawValue),
                .blob(try session.serializedBytes()), .text(ResourceName.lastID(session.course)),
                .text(ResourceName.lastID(session.unit)), .text(session.heldOn), SQLValue(now), .text(caller),
                SQLValue(now), .text(caller),
            ])
    }

    /// The last recorded first (ids rise with time), those before the given id.
    static func list(
        unit: String?, course: String?, state: Cdt_Activity_V1_SessionState?, before id: String?, limit: Int,
        in tx: ReadTransaction
    ) throws -> [SessionRow] {
        var (filters, bindings) = ("", [SQLValue]())
        func filter(_ column: String, _ value: SQLValue?) {
            guard let value else { return }
            filters += "AND \(column) = ? "
            bindings.append(value)
        }
        filter("unit", unit.map { .text($0) })
        filter("course", course.map { .text($0) })
        // Those of a unit or course are few: the index of states, which `+` keeps off, is for all others.
        filter(unit == nil && course == nil ? "state" : "+state", state.map { SQLValue($0.rawValue) })
        return try tx.query(
            "SELECT \(columns) FROM training_sessions WHERE id < ? \(filters) ORDER BY id DESC LIMIT ?",
            [.text(id ?? "~")] + bindings + [SQLValue(limit)], SessionRow.init)
    }

    // MARK: Attendances

    static func put(
        _ attendances: [Cdt_Activity_V1_Attendance], of session: String, in tx: WriteTransaction
    ) throws {
        for attendance in attendances {
            try tx.execute(
                "INSERT INTO attendances (session, person, team, completed) VALUES (?, ?, ?, ?)",
                [
                    .text(session), .text(ResourceName.lastID(attendance.person)),
                    .text(ResourceName.lastID(attendance.team)), SQLValue(attendance.completed),
                ])
        }
    }

    /// In order of persons.
    static func attendances(of session: String, in tx: ReadTransaction) throws -> [Cdt_Activity_V1_Attendance] {
        try tx.query(
            "SELECT person, team, completed FROM attendances WHERE session = ? ORDER BY person", [.text(session)]
        ) { row in
            let (person, team) = (try row.text(0), try row.text(1))
            let completed = try row.int(2) != 0
            return .with {
                $0.person = Names.name("people", person)
                $0.team = Names.name("teams", team)
                $0.completed = completed
            }
        }
    }
}

extension SessionRow {
    init(_ row: Row) throws {
        id = try row.text(0)
        version = try row.int64(1)
        plannedUnit = try row.text(2)
        session = try Cdt_Activity_V1_TrainingSession(serializedBytes: try row.blob(4))
        // Of what was recorded before sessions were planned the content does not say it.
        session.state = Cdt_Activity_V1_SessionState(rawValue: try row.int(3)) ?? .held
    }
}
