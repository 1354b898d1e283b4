import ServiceKit
import Shared
import SwiftProtobuf

/// What becomes of a row. It says the same in both modes; the effects are what COMMIT stores.
struct RowJudgement {
    var problems: [Problem] = []
    /// Resource name of what the row is or becomes.
    var name = ""
    var isUnchanged = false
    var effects: [ImportEffect] = []

    var isRejected: Bool { problems.contains { !$0.reason.isWarning } }

    static func rejected(_ problems: [Problem]) -> RowJudgement { RowJudgement(problems: problems) }

    var outcome: Cdt_Common_V1_RowOutcome {
        if isRejected { return .rejected }
        if isUnchanged { return .unchanged }
        return problems.isEmpty ? .accepted : .warned
    }

    /// `stored`: the name is told only of what exists.
    func verdict(row number: Int64, stored: Bool) -> Cdt_Common_V1_RowVerdict {
        .with {
            $0.rowNumber = number
            $0.outcome = outcome
            $0.name = !isRejected && (stored || isUnchanged) ? name : ""
            $0.problems = problems.map(\.message)
        }
    }
}

/// One thing an accepted row writes.
enum ImportEffect {
    case insertHamlet(Hamlet, rowHash: [UInt8]?)
    case renameHamlet(Hamlet, before: Hamlet, rowHash: [UInt8])
    case insertTeam(Team, ImportMark)
    case updateTeam(Team, before: Team, ImportMark)
    case insertPerson(Person)
    case updatePerson(Person, before: Person)
    case insertMembership(Membership, of: Person, ImportMark)
    case updateMembership(Membership, before: Membership, of: Person, ImportMark)
    case markMembership(Membership, of: Person, ImportMark)
}

/// Numbers of an import.
package struct ImportCounts: Sendable, Hashable {
    package var rows = 0
    package var accepted = 0
    package var unchanged = 0
    package var rejected = 0
    package var warned = 0

    mutating func count(_ outcome: Cdt_Common_V1_RowOutcome) {
        rows += 1
        switch outcome {
        case .accepted: accepted += 1
        case .unchanged: unchanged += 1
        case .rejected: rejected += 1
        case .warned: warned += 1
        case .unspecified, .UNRECOGNIZED: break
        }
    }

    static func += (a: inout ImportCounts, b: ImportCounts) {
        a.rows += b.rows
        a.accepted += b.accepted
        a.unchanged += b.unchanged
        a.rejected += b.rejected
        a.warned += b.warned
    }

    var message: Cdt_Registry_V1_ImportSummary {
        .with {
            $0.rows = Int64(rows)
            $0.accepted = Int64(accepted)
            $0.unchanged = Int64(unchanged)
            $0.rejected = Int64(rejected)
            $0.warned = Int64(warned)
        }
    }
}
