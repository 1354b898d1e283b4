import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

/// Submits a month of reports out of a CSV file that has one row for each member.
///
/// The obligations say who owes a report: a member, or a team as a whole, whose members' rows are then added. Each is sent
/// under an operation id made from its obligation. So run again, also after it was killed, it does nothing twice.
struct SubmitReports: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit_reports", abstract: "Submits a month of reports; twice is as good as once.")

    @Argument(help: "Reports of one month.") var file: String
    @Option(help: "YYYY-MM") var month: String
    @Option(help: "National code of the unit, as on the month's last day.") var unit: String
    @Option(help: "Name of your system, as when the members were imported.") var source: String
    @Option(help: "What the column other_platforms counts.") var platform = "local"
    @OptionGroup var services: Services

    /// Who owes a report: a member, or with an empty person a team.
    private struct Owner: Hashable {
        let team: String
        let person: String
    }

    func run() async throws {
        let rows = try Dictionary(
            CSVFile(file).rows.filter { try !$0["submitted_on"].isEmpty }.map { (try $0["member_id"], $0) },
            uniquingKeysWith: { first, _ in first })
        // A code means something only together with a date.
        let day = try lastDay()
        let (place, owners) = try await services.calling(services.registry) { client in
            try await untilAnswered {
                let place = try await Cdt_Registry_V1_RegistryService.Client(client)
                    .resolveUnitCode(.with { ($0.code, $0.date) = (unit, day) }).unit.name
                return (place, try await rowsByOwner(rows, in: place, on: day, .init(client)))
            }
        }
        let counts = try await services.calling(services.activity) { client in
            try await submit(owners, in: place, to: .init(client))
        }
        say(counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: " "))
        if !counts.keys.allSatisfy({ ["APPLIED", "DUPLICATE"].contains($0) }) { throw ExitCode(1) }
    }

    private func lastDay() throws -> String {
        let parts = month.split(separator: "-").compactMap { Int($0) }
        let calendar = Calendar(identifier: .gregorian)
        guard parts.count == 2, let first = calendar.date(from: DateComponents(year: parts[0], month: parts[1])),
            let days = calendar.range(of: .day, in: .month, for: first)
        else { throw ValidationError("--month is YYYY-MM.") }
        return "\(month)-\(days.count)"
    }

    /// The rows of the file by who may owe a report, as the suite names them.
    private func rowsByOwner(
        _ rows: [String: CSVFile.Row], in unit: String, on day: String, _ service: Cdt_Registry_V1_ImportService.Client
    ) async throws -> [Owner: [CSVFile.Row]] {
        var owners: [Owner: [CSVFile.Row]] = [:]
        let call = try await service.exportMembers(
            .with { ($0.unit, $0.date, $0.sourceSystem) = (unit, day, source) }, options: .init(timeout: .seconds(60)))
        for try await part in call.responses {
            for ((member, name), person) in zip(zip(part.rows, part.names), part.people) {
                guard let row = rows[member.externalID] else { continue }
                let team = name.split(separator: "/").prefix(2).joined(separator: "/")
                owners[Owner(team: team, person: ""), default: []].append(row)
                owners[Owner(team: team, person: person), default: []].append(row)
            }
        }
        return owners
    }

    /// Sends what is owed, a page of obligations at a time; returns how many came to which outcome.
    private func submit(
        _ owners: [Owner: [CSVFile.Row]], in unit: String,
        to service: Cdt_Activity_V1_ActivityReportingService.Client
    ) async throws -> [String: Int] {
        var counts: [String: Int] = [:]
        var request = Cdt_Activity_V1_ListObligationsRequest.with {
            ($0.period, $0.unit, $0.pageSize) = (month, unit, 500)
        }
        repeat {
            let page = try await untilAnswered { try await service.listObligations(request) }
            let submissions = try page.obligations.compactMap { obligation in
                try owners[Owner(team: obligation.team, person: obligation.person)]
                    .map { try submission(of: obligation, from: $0) }
            }
            // The operation ids make a second time harmless.
            let answer = try await untilAnswered {
                try await service.syncReports(.with { $0.submissions = submissions })
            }
            for verdict in answer.verdicts {
                counts[word(verdict.outcome), default: 0] += 1
                for problem in verdict.problems {
                    let told = [verdict.operationID, word(verdict.outcome), problem.reason, problem.field]
                    say((told + [problem.description_p]).joined(separator: "\t"))
                }
            }
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        return counts
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
