import ArgumentParser
import GRPCCore
import Shared
import SwiftProtobuf

/// Submits a month of reports out of a CSV file that has one row for each member.
struct SubmitReports: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit_reports", abstract: "Submits a month of reports; twice is as good as once.")

    @Argument(help: "Reports of one month.") var file: String
    @Option(help: "YYYY-MM") var month: String
    @Option(help: "National code of the unit, as on the month's last day.") var unit: String
    @Option(help: "Name of your system, as when the members were imported.") var source: String
    @Option(help: "What the column other_platforms counts.") var platform = "local"
    @OptionGroup var services: Services

    func run() async throws {
        var reports = try MonthOfReports(file, month: month, source: source, platform: platform)
        let day = reports.lastDay
        let (place, members) = try await services.calling(services.registry) { client in
            try await untilAnswered {
                let place = try await Cdt_Registry_V1_RegistryService.Client(wrapping: client)
                    .resolveUnitCode(.with { ($0.code, $0.date) = (unit, day) }).unit.name
                let members = try await Cdt_Registry_V1_ImportService.Client(wrapping: client).exportMembers(
                    .with { ($0.unit, $0.date, $0.sourceSystem) = (place, day, source) }
                ) { response in
                    try await response.messages.reduce(into: []) { $0.append($1) }
                }
                return (place, members)
            }
        }
        reports.name(members)
        try await services.calling(services.activity) { client in
            try await submit(
                &reports, in: place, to: Cdt_Activity_V1_ActivityReportingService.Client(wrapping: client))
        }
        try reports.conclude()
    }

    /// Sends what is owed, a page of obligations at a time.
    private func submit(
        _ reports: inout MonthOfReports, in unit: String,
        to service: some Cdt_Activity_V1_ActivityReportingService.ClientProtocol
    ) async throws {
        var request = Cdt_Activity_V1_ListObligationsRequest.with {
            ($0.period, $0.unit, $0.pageSize) = (month, unit, 500)
        }
        repeat {
            let page = try await untilAnswered { try await service.listObligations(request) }
            let submissions = try reports.submissions(for: page.obligations)
            // The operation ids make a second time harmless.
            let answer = try await untilAnswered {
                try await service.syncReports(.with { $0.submissions = submissions })
            }
            reports.take(answer.verdicts)
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
    }
}
