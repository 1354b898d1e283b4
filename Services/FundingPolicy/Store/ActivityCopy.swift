import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Keeps this service's own copy of what became of reports: `activity.facts`, event by event.
package enum ActivityCopy {
    package static let topic = "activity.facts"

    /// Puts one event into the database, in the transaction that moves the cursor.
    package static func apply(_ event: FeedEvent, in transaction: WriteTransaction) throws {
        if event.isTombstone {
            try remove(event.aggregate, in: transaction)
        } else if let fact = try event.payload(as: Cdt_Activity_V1_ObligationFact.self) {
            if fact.void { return try remove(fact.obligation, in: transaction) }
            try transaction.execute(
                """
                INSERT INTO reports (obligation, team_id, person_id, month, standing) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (obligation) DO UPDATE SET team_id = excluded.team_id, person_id = excluded.person_id,
                    month = excluded.month, standing = excluded.standing
                """,
                [
                    .text(fact.obligation), .text(fact.team), .text(fact.person), .text(fact.period),
                    SQLValue(standing(of: fact).rawValue),
                ])
        }
        // Difficulties are nothing that money depends on.
    }

    private static func remove(_ obligation: String, in transaction: WriteTransaction) throws {
        try transaction.execute("DELETE FROM reports WHERE obligation = ?", [.text(obligation)])
    }

    private static func standing(of fact: Cdt_Activity_V1_ObligationFact) -> ReportStanding {
        if fact.setAside == .excused || fact.setAside == .waived { return .setAside }
        switch fact.reportState {
        case .approved: return .approved
        case .accepted: return .accepted
        // A returned report "still counts as received".
        case .submitted, .endorsed, .returned: return .received
        case .unspecified, .UNRECOGNIZED: return fact.hasReceivedAt ? .received : .owed
        }
    }
}

extension FactsReader {
    /// What became of the teams' reports; teams that owe none are left out.
    package func reports(of teams: [String]) throws -> [String: TeamReports] {
        var found: [String: TeamReports] = [:]
        try forEach(
            "SELECT team_id, person_id, month, standing FROM reports WHERE team_id IN (@ids) ORDER BY team_id, obligation",
            teams
        ) { row in
            guard let standing = ReportStanding(rawValue: try row.int(3)) else { return }
            let person = try row.text(1)
            found[try row.text(0), default: TeamReports()].reports.append(
                TeamReports.Report(
                    month: try row.month(2), person: person.isEmpty ? nil : person, standing: standing))
        }
        return found
    }
}
