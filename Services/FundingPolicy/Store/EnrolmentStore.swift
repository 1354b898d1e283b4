import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// A dated list of teams that a policy covers, as it is stored; without its teams.
package struct StoredEnrolmentList: Sendable, Hashable {
    package var name: String
    package var policy: String
    package var decision: LegalDocument
    package var days: DateRange
    package var teamCount: Int
    package var createdAt: Instant

    package var message: Cdt_Funding_V1_EnrolmentList {
        .with {
            $0.name = name
            $0.policy = policy
            $0.decision = PolicyMessages.message(decision)
            $0.from = days.from?.description ?? ""
            $0.to = days.to?.description ?? ""
            $0.teamCount = Int32(teamCount)
            $0.createTime = createdAt.timestamp
        }
    }
}

/// SQL of enrolment lists.
package enum EnrolmentStore {
    package static func insert(_ list: StoredEnrolmentList, teams: [String], _ transaction: WriteTransaction) throws {
        let decision: [UInt8] = try PolicyMessages.message(list.decision).serializedBytes()
        try transaction.execute(
            """
            INSERT INTO enrolment_lists (id, policy, decision, decision_number, from_day, end_day, team_count, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .text(list.name), .text(list.policy), .blob(decision), .text(list.decision.number),
                SQLValue(list.days.from), SQLValue(list.days.exclusiveEnd), SQLValue(list.teamCount),
                SQLValue(list.createdAt),
            ])
        for team in teams {
            try transaction.execute(
                "INSERT INTO enrolments (team_id, list_id) VALUES (?, ?)", [.text(team), .text(list.name)])
        }
    }

    /// A page by name, which is the order of recording.
    package static func list(policy: String, after: String, limit: Int, _ transaction: ReadTransaction) throws
        -> [StoredEnrolmentList]
    {
        try transaction.query(
            """
            SELECT id, policy, decision, from_day, end_day, team_count, created_at FROM enrolment_lists
            WHERE (? = '' OR policy = ?) AND id > ? ORDER BY id LIMIT ?
            """, [.text(policy), .text(policy), .text(after), SQLValue(limit)]
        ) { row in
            var ignored = Violations()
            return StoredEnrolmentList(
                name: try row.text(0), policy: try row.text(1),
                decision: PolicyMessages.legalDocument(
                    try Cdt_Common_V1_LegalDocument(serializedBytes: try row.blob(2)), "", &ignored),
                days: try row.days(3), teamCount: try row.int(5), createdAt: try row.instant(6))
        }
    }
}
