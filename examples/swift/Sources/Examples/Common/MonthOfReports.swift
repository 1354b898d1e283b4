import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

/// A month of reports out of a CSV file that has one row for each member, and what has come of them.
///
/// The obligations say who owes a report: a member, or a team as a whole, whose members' rows are then added. Each is
/// sent under an operation id made from its obligation. So run again, also after it was killed, it does nothing twice.
struct MonthOfReports {
    let month: String
    /// A code means something only together with a date.
    let lastDay: String
    private let source: String
    private let platform: String
    private let rows: [String: CSVFile.Row]
    private var owners: [Owner: [CSVFile.Row]] = [:]
    private var counts: [String: Int] = [:]

    /// Who owes a report: a member, or with an empty person a team.
    private struct Owner: Hashable {
        let team: String
        let person: String
    }

    init(_ file: String, month: String, source: String, platform: String) throws {
        (self.month, self.source, self.platform) = (month, source, platform)
        lastDay = try Self.lastDay(of: month)
        rows = try Dictionary(
            CSVFile(file).rows.filter { try !$0["submitted_on"].isEmpty }.map { (try $0["member_id"], $0) },
            uniquingKeysWith: { first, _ in first })
    }

    private static func lastDay(of month: String) throws -> String {
        let parts = month.split(separator: "-").compactMap { Int($0) }
        let calendar = Calendar(identifier: .gregorian)
        guard parts.count == 2, let first = calendar.date(from: DateComponents(year: parts[0], month: parts[1])),
            let days = calendar.range(of: .day, in: .month, for: first)
        else { throw ValidationError("--month is YYYY-MM.") }
        return "\(month)-\(days.count)"
    }

    /// Takes the suite's names of the members, by which it says who owes.
    mutating func name(_ members: [Cdt_Registry_V1_ExportMembersResponse]) {
        for part in members {
            for ((member, name), person) in zip(zip(part.rows, part.names), part.people) {
                guard let row = rows[member.externalID] else { continue }
                let team = name.split(separator: "/").prefix(2).joined(separator: "/")
                owners[Owner(team: team, person: ""), default: []].append(row)
                owners[Owner(team: team, person: person), default: []].append(row)
            }
        }
    }

    /// The reports that are owed and that the file has.
    func submissions(
        for obligations: [Cdt_Activity_V1_Obligation]
    ) throws -> [Cdt_Activity_V1_ReportSubmission] {
        try obligations.compactMap { obligation in
            try owners[Owner(team: obligation.team, person: obligation.person)]
                .map { try submission(of: obligation, from: $0) }
        }
    }

    /// Counts what has come of reports, and prints what is wrong with them.
    mutating func take(_ verdicts: [Cdt_Activity_V1_ReportVerdict]) {
        for verdict in verdicts {
            counts[word(verdict.outcome), default: 0] += 1
            for problem in verdict.problems {
                let told = [verdict.operationID, word(verdict.outcome), problem.reason, problem.field]
                say((told + [problem.description_p]).joined(separator: "\t"))
            }
        }
    }

    /// Prints how many came to which outcome; refused ones end the program.
    func conclude() throws {
        say(counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: " "))
        if !counts.keys.allSatisfy({ ["APPLIED", "DUPLICATE"].contains($0) }) { throw ExitCode(1) }
    }

    /// The report of a member, or of a team: then its members' rows are added.
    private func submission(
        of obligation: Cdt_Activity_V1_Obligation, from rows: [CSVFile.Row]
    ) throws -> Cdt_Activity_V1_ReportSubmission {
        func sum(_ column: String) throws -> Int64 { try rows.reduce(0) { $0 + (try $1.number(column)) } }
        var report = Cdt_Activity_V1_Report()
        (report.team, report.person, report.period) = (obligation.team, obligation.person, month)
        report.source = .import
        report.declaredOn = try rows.map { try $0["submitted_on"] }.min() ?? ""
        for (skill, column) in Self.skills {
            let count = try sum(column)
            guard count > 0 else { continue }
            report.activities.append(
                .with {
                    ($0.skill, $0.beneficiary, $0.channel, $0.count) = (skill, .resident, .homeVisit, count)
                    if skill == .localPlatform { $0.platform = platform }
                })
        }
        for (code, column) in [("group_sessions", "sessions"), ("households_visited", "households")] {
            let value = try sum(column)
            report.counters.append(
                .with { ($0.code, $0.kind, $0.value, $0.qualifier) = (code, .flow, value, .exact) })
        }
        let made = report
        return .with { ($0.operationID, $0.report) = ("\(source):\(obligation.name)", made) }
    }

    private static let skills: [(Cdt_Activity_V1_Skill, String)] = [
        (.onlinePublicServices, "public_services"), (.onlineShopping, "online_shopping"),
        (.onlinePayment, "online_payment"), (.selfProtection, "online_safety"), (.localPlatform, "other_platforms"),
    ]
}
