import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// One version of a report as stored.
struct ReportRow: Sendable {
    var key: ObligationKey
    var version: Int64
    /// As it was sent, without what the service sets.
    var content: Cdt_Activity_V1_Report
    var state: Cdt_Activity_V1_ReportState
    var stateReason = ""
    var stateAt: Instant
    var stateBy: String
    var submittedAt: Instant
    var submittedBy: String

    var report: Cdt_Activity_V1_Report {
        var report = content
        report.name = key.report
        report.version = version
        report.state = state
        report.stateReason = stateReason
        report.submitTime = submittedAt.timestamp
        report.submittedBy = submittedBy
        report.stateTime = stateAt.timestamp
        report.stateBy = stateBy
        return report
    }
}

/// Reports, and the operations that brought them.
enum ReportStore {
    private static let columns = """
        period, team, person, version, content, state, state_reason, state_at, state_by, submitted_at, submitted_by
        """

    /// - Parameter narrative: what it shares with reports of the same narrative.
    static func insert(_ row: ReportRow, narrative: [UInt8]?, in tx: WriteTransaction) throws {
        try tx.execute(
            "INSERT INTO reports (\(columns), narrative) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .text(row.key.period.description), .text(row.key.team), .text(row.key.person), .integer(row.version),
                .blob(try row.content.serializedBytes()), SQLValue(row.state.rawValue), .text(row.stateReason),
                SQLValue(row.stateAt), .text(row.stateBy), SQLValue(row.submittedAt),
                .text(row.submittedBy), SQLValue(narrative),
            ])
    }

    /// The report of another subject with the same narrative.
    static func other(than key: ObligationKey, withNarrative narrative: [UInt8], in tx: ReadTransaction) throws
        -> String?
    {
        try tx.queryOne(
            """
            SELECT period, team, person FROM reports WHERE narrative = ? AND (team <> ? OR person <> ?)
            ORDER BY period, team, person LIMIT 1
            """, [.blob(narrative), .text(key.team), .text(key.person)]
        ) { row in
            let period = Month(try row.text(0)) ?? Month(index: 0)
            return ObligationKey(period: period, team: try row.text(1), person: try row.text(2)).report
        }
    }

    static func setState(of row: ReportRow, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            UPDATE reports SET state = ?, state_reason = ?, state_at = ?, state_by = ?
            WHERE period = ? AND team = ? AND person = ? AND version = ?
            """,
            [
                SQLValue(row.state.rawValue), .text(row.stateReason), SQLValue(row.stateAt),
                .text(row.stateBy), .text(row.key.period.description), .text(row.key.team), .text(row.key.person),
                .integer(row.version),
            ])
    }

    /// A version, the newest when `version` is 0.
    static func get(_ key: ObligationKey, version: Int64, in tx: ReadTransaction) throws -> ReportRow? {
        let filter = version == 0 ? "ORDER BY version DESC LIMIT 1" : "AND version = ?"
        return try tx.queryOne(
            "SELECT \(columns) FROM reports WHERE period = ? AND team = ? AND person = ? \(filter)",
            [.text(key.period.description), .text(key.team), .text(key.person)]
                + (version == 0 ? [] : [.integer(version)])
        ) { row in
            ReportRow(
                key: key, version: try row.int64(3),
                content: try Cdt_Activity_V1_Report(serializedBytes: try row.blob(4)),
                state: Cdt_Activity_V1_ReportState(rawValue: try row.int(5)) ?? .unspecified,
                stateReason: try row.text(6), stateAt: try row.instant(7),
                stateBy: try row.text(8), submittedAt: try row.instant(9),
                submittedBy: try row.text(10))
        }
    }

    /// The contents of the versions up to one, oldest first.
    static func contents(_ key: ObligationKey, through version: Int64, in tx: ReadTransaction) throws
        -> [Cdt_Activity_V1_Report]
    {
        try tx.query(
            """
            SELECT content FROM reports WHERE period = ? AND team = ? AND person = ? AND version <= ? ORDER BY version
            """, [.text(key.period.description), .text(key.team), .text(key.person), .integer(version)]
        ) { try Cdt_Activity_V1_Report(serializedBytes: try $0.blob(0)) }
    }

    // MARK: Operations

    /// What became of an operation, and the digest of what it brought.
    static func operation(_ id: String, of caller: String, in tx: ReadTransaction) throws
        -> (digest: [UInt8], verdict: Cdt_Activity_V1_ReportVerdict)?
    {
        try tx.queryOne(
            "SELECT digest, verdict FROM operations WHERE caller = ? AND operation_id = ?", [.text(caller), .text(id)]
        ) { row in
            (try row.blob(0), try Cdt_Activity_V1_ReportVerdict(serializedBytes: try row.blob(1)))
        }
    }

    static func insert(
        operation id: String, of caller: String, digest: [UInt8], verdict: Cdt_Activity_V1_ReportVerdict,
        in tx: WriteTransaction
    ) throws {
        try tx.execute(
            "INSERT INTO operations (caller, operation_id, digest, verdict) VALUES (?, ?, ?, ?)",
            [.text(caller), .text(id), .blob(digest), .blob(try verdict.serializedBytes())])
    }
}
