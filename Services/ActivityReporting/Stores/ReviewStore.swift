import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// A report that was refused and kept for review.
struct ReviewRow: Sendable {
    var id: String
    var reason: String
    /// As it was sent.
    var content: Cdt_Activity_V1_Report
    var submittedAt: Instant
    var submittedBy: String
    var state: Cdt_Activity_V1_ReviewState
    var decision: Decision?

    /// Who decided, when and why; it stands for ever.
    struct Decision: Sendable {
        var by: String
        var at: Instant
        var reason: String
    }

    var name: String { Names.name("rejectedReports", id) }

    var key: ObligationKey {
        ObligationKey(
            period: Month(content.period) ?? Month(index: 0), team: ResourceName.lastID(content.team),
            person: ResourceName.lastID(content.person))
    }

    var view: Cdt_Activity_V1_RejectedReport {
        .with {
            $0.name = name
            $0.reason = reason
            $0.report = content
            $0.submittedBy = submittedBy
            $0.submitTime = submittedAt.timestamp
            $0.state = state
            if let decision {
                $0.decidedBy = decision.by
                $0.decideTime = decision.at.timestamp
                $0.decisionReason = decision.reason
            }
        }
    }
}

/// Reports that were refused and kept for review.
enum ReviewStore {
    private static let columns = """
        id, reason, content, submitted_at, submitted_by, state, decided_by, decided_at, decision_reason
        """

    static func keep(
        _ id: String, _ period: Month, reason: String, content: Cdt_Activity_V1_Report, now: Instant, by caller: String,
        in tx: WriteTransaction
    ) throws {
        try tx.execute(
            """
            INSERT INTO rejected_reports (id, period, reason, content, submitted_at, submitted_by)
            VALUES (?, ?, ?, ?, ?, ?)
            """,
            [
                .text(id), .text(period.description), .text(reason), .blob(try content.serializedBytes()),
                SQLValue(now), .text(caller),
            ])
    }

    static func get(_ id: String, in tx: ReadTransaction) throws -> ReviewRow? {
        try tx.queryOne("SELECT \(columns) FROM rejected_reports WHERE id = ?", [.text(id)], ReviewRow.init)
    }

    static func decide(
        _ id: String, _ state: Cdt_Activity_V1_ReviewState, _ decision: ReviewRow.Decision, in tx: WriteTransaction
    ) throws {
        try tx.execute(
            "UPDATE rejected_reports SET state = ?, decided_by = ?, decided_at = ?, decision_reason = ? WHERE id = ?",
            [
                SQLValue(state.rawValue), .text(decision.by), SQLValue(decision.at), .text(decision.reason), .text(id),
            ])
    }

    /// Newest first (ids rise with time), those before the given id.
    static func list(
        _ period: Month?, _ state: Cdt_Activity_V1_ReviewState?, before id: String?, limit: Int, in tx: ReadTransaction
    ) throws -> [ReviewRow] {
        var filters = "WHERE id < ?"
        var bindings: [SQLValue] = [.text(id ?? "~")]
        if let period {
            filters += " AND period = ?"
            bindings.append(.text(period.description))
        }
        if let state {
            filters += " AND state = ?"
            bindings.append(SQLValue(state.rawValue))
        }
        return try tx.query(
            "SELECT \(columns) FROM rejected_reports \(filters) ORDER BY id DESC LIMIT ?", bindings + [SQLValue(limit)],
            ReviewRow.init)
    }
}

extension ReviewRow {
    init(_ row: Row) throws {
        id = try row.text(0)
        reason = try row.text(1)
        content = try Cdt_Activity_V1_Report(serializedBytes: try row.blob(2))
        submittedAt = try row.instant(3)
        submittedBy = try row.text(4)
        state = Cdt_Activity_V1_ReviewState(rawValue: try row.int(5)) ?? .unspecified
        let (by, reason) = (try row.text(6), try row.text(8))
        decision = try row.instantOrNull(7).map { Decision(by: by, at: $0, reason: reason) }
    }
}
