import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// An obligation as stored.
struct ObligationRow: Sendable, Hashable {
    var key: ObligationKey
    /// Version of the aggregate in the change feed.
    var version: Int64 = 0
    var calendar: ReportingCalendar
    var activeDays: Int
    /// Unit of the team on the last day of the period.
    var unit: String
    var receivedAt: Instant?
    var receivedOn: LocalDate?
    var reportVersion: Int64 = 0
    var reportState: Cdt_Activity_V1_ReportState = .unspecified
    var excused = false
    var waived = false
    /// Why it was excused or waived.
    var reason = ""
    /// Facts were corrected: nothing is owed any more.
    var void = false
    /// The version of the report that stands in the sums of achievements; 0: none.
    var summed: Int64 = 0
    /// Whether the newest version of the report has a flag; nil: it was stored before that was kept here.
    var flagged: Bool? = false
    /// Times helped, by the activities of the report that counts in the period; nil likewise.
    var helped: Int64? = 0
    /// Those of the member.
    var groups = MemberGroups.none

    /// Something of its report is still to be kept here.
    var isUnread: Bool { flagged == nil || helped == nil }

    /// The version that should stand there.
    var counting: Int64 { void ? 0 : reportVersion }

    var standing: Standing { Standing(receivedOn: receivedOn, excused: excused, waived: waived) }

    /// What it adds to the figures.
    var tally: Tally { void ? .zero : standing.tally(calendar) }

    /// What the change feed says of it.
    var fact: Cdt_Activity_V1_ObligationFact {
        .with {
            $0.obligation = key.obligation
            $0.team = Names.name("teams", key.team)
            $0.person = Names.name("people", key.person)
            $0.period = key.period.description
            $0.dueOn = calendar.dueOn.description
            $0.graceUntil = calendar.graceUntil.description
            if let receivedAt { $0.receivedAt = receivedAt.timestamp }
            $0.reportState = reportState
            $0.setAside = waived ? .waived : excused && receivedOn == nil ? .excused : .unspecified
            $0.timeliness =
                standing.timeliness(calendar).flatMap { Cdt_Activity_V1_ObligationState(rawValue: $0.rawValue) }
                ?? .unspecified
            $0.void = void
            $0.unit = Names.name("units", unit)
        }
    }
}

extension ObligationRow {
    /// As the contract shows it on a day.
    func view(_ team: TeamRow, today: LocalDate) -> Cdt_Activity_V1_Obligation {
        .with {
            $0.name = key.obligation
            $0.team = Names.name("teams", key.team)
            $0.person = Names.name("people", key.person)
            $0.period = key.period.description
            $0.firstDay = calendar.firstDay.description
            $0.lastDay = calendar.lastDay.description
            $0.dueOn = calendar.dueOn.description
            $0.graceUntil = calendar.graceUntil.description
            $0.activeDays = Int32(activeDays)
            $0.state =
                Cdt_Activity_V1_ObligationState(rawValue: standing.state(calendar, on: today).rawValue) ?? .unspecified
            $0.receivedOn = receivedOn?.description ?? ""
            $0.report = reportVersion > 0 ? key.report : ""
            $0.reportVersion = reportVersion
            $0.reportState = reportState
            $0.setAsideReason = waived || excused ? reason : ""
            $0.level = Cdt_Common_V1_TeamLevel(rawValue: team.level.rawValue) ?? .unspecified
            $0.unit = Names.name("units", unit)
            $0.teamDisplayName = team.name
        }
    }
}

enum ObligationStore {
    private static let columns = """
        period, team, person, version, calendar, active_days, unit, received_at, received_on, report_version, \
        report_state, excused, waived, reason, void, summed, flagged, helped, occupation, organisations
        """

    static func get(_ key: ObligationKey, in tx: ReadTransaction) throws -> ObligationRow? {
        try tx.queryOne(
            "SELECT \(columns) FROM obligations WHERE period = ? AND team = ? AND person = ?",
            [.text(key.period.description), .text(key.team), .text(key.person)], ObligationRow.init)
    }

    /// Of the teams from one id to another, void ones included, by team and person.
    static func list(_ period: Month, from first: String, through last: String, in tx: ReadTransaction) throws
        -> [ObligationRow]
    {
        try tx.query(
            """
            SELECT \(columns) FROM obligations WHERE period = ? AND team >= ? AND team <= ? ORDER BY team, person
            """, [.text(period.description), .text(first), .text(last)], ObligationRow.init)
    }

    /// After a team and person, void ones included, by team and person.
    static func page(_ period: Month, after: (team: String, person: String), limit: Int, in tx: ReadTransaction) throws
        -> [ObligationRow]
    {
        try tx.query(
            """
            SELECT \(columns) FROM obligations WHERE period = ? AND (team, person) > (?, ?) ORDER BY team, person LIMIT ?
            """,
            [.text(period.description), .text(after.team), .text(after.person), SQLValue(limit)], ObligationRow.init)
    }

    /// Of the teams counted at a place, after a team and person, void ones included, by team and person.
    static func page(_ period: Month, place: Int, after: (team: String, person: String), in tx: ReadTransaction) throws
        -> [ObligationRow]
    {
        try tx.query(
            """
            SELECT \(columns.split(separator: ", ").map { "o.\($0)" }.joined(separator: ", "))
            FROM teams t JOIN obligations o ON o.period = ? AND o.team = t.id
            WHERE t.place = ? AND t.id >= ? AND (o.team, o.person) > (?, ?) ORDER BY t.id, o.person
            """,
            [
                .text(period.description), SQLValue(place), .text(after.team), .text(after.team), .text(after.person),
            ], ObligationRow.init)
    }

    static func put(_ row: ObligationRow, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO obligations (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (period, team, person) DO UPDATE SET version = excluded.version, calendar = excluded.calendar,
                active_days = excluded.active_days, unit = excluded.unit, received_at = excluded.received_at,
                received_on = excluded.received_on, report_version = excluded.report_version,
                report_state = excluded.report_state, excused = excluded.excused, waived = excluded.waived,
                reason = excluded.reason, void = excluded.void,
                summed = excluded.summed, flagged = excluded.flagged, helped = excluded.helped,
                occupation = excluded.occupation, organisations = excluded.organisations
            """,
            [
                .text(row.key.period.description), .text(row.key.team), .text(row.key.person), .integer(row.version),
                .integer(row.calendar.code), SQLValue(row.activeDays), .text(row.unit),
                SQLValue(row.receivedAt), SQLValue(row.receivedOn?.description),
                .integer(row.reportVersion), SQLValue(row.reportState.rawValue), SQLValue(row.excused),
                SQLValue(row.waived), .text(row.reason), SQLValue(row.void), .integer(row.summed),
                SQLValue(row.flagged), SQLValue(row.helped), SQLValue(row.groups.occupation),
                .text(row.groups.text),
            ])
    }
}

extension ObligationRow {
    init(_ row: Row) throws {
        let calendar = ReportingCalendar(code: try row.int64(4))
        self.init(
            key: ObligationKey(period: calendar.period, team: try row.text(1), person: try row.text(2)),
            version: try row.int64(3), calendar: calendar, activeDays: try row.int(5), unit: try row.text(6),
            receivedAt: try row.instantOrNull(7),
            receivedOn: try row.dateOrNull(8), reportVersion: try row.int64(9),
            reportState: Cdt_Activity_V1_ReportState(rawValue: try row.int(10)) ?? .unspecified,
            excused: try row.bool(11), waived: try row.bool(12), reason: try row.text(13), void: try row.bool(14),
            summed: try row.int64(15), flagged: try row.boolOrNull(16),
            helped: try row.int64OrNull(17),
            groups: MemberGroups(occupation: try row.int(18), text: try row.text(19)))
    }
}
