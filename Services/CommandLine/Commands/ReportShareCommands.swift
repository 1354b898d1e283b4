import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct ReportWhoCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "who", abstract: "Which occupations and organisations do the work under a unit.",
        discussion: "Example: cdt report who 20 --month 2024-10")

    @OptionGroup var scope: UnitMonthArguments
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_GetParticipationRequest()
        request.period = "\(scope.month)"
        request.unit = try await scope.unitName(suite)
        request.treeDate = scope.treeDate
        let answer = try await suite.achievements.getParticipation(request, options: suite.call)
        try output.show(answer) {
            var table = Table("GROUP", ">HELPED", ">%", ">REPORTS", "")
            func add(_ name: String, _ share: Cdt_Activity_V1_GroupShare) {
                table.add(
                    name, grouped(share.activities.numerator), share.activities.percent, grouped(share.reports),
                    share.narrow ? "NARROW" : "")
            }
            for share in answer.occupations {
                add(share.occupation == .unspecified ? "(not known)" : label(share.occupation), share)
            }
            for share in answer.organisations { add(share.organisation, share) }
            return "\(table.text)\n\(grouped(answer.activities)) times helped"
                + (answer.narrowParticipation ? ": NARROW_PARTICIPATION" : "")
        }
    }
}

struct ReportCompositionCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "composition", abstract: "Of whom the teams under a unit are made up on a day.",
        discussion: "Example: cdt report composition 20 --date 2024-10-31 --level commune")

    @Argument(help: "units/{id}, vn, or a national code.")
    var unit = "vn"
    @Option(help: "The day, YYYY-MM-DD, on which a code is read too; default: today.")
    var date = ""
    @Option(help: "Only teams of this level, commune or hamlet.")
    var level: Cdt_Common_V1_TeamLevel?
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_GetCompositionRequest()
        request.unit = try await suite.unitName(unit, on: date)
        request.date = date
        request.level = level ?? .unspecified
        let answer = try await suite.achievements.getComposition(request, options: suite.call)
        try output.show(answer) {
            var table = Table("GROUP", ">MEMBERS", ">%")
            func add(_ name: String, _ group: Cdt_Activity_V1_GroupCount) {
                table.add(name, grouped(group.members.numerator), shownPercent(group.members))
            }
            for group in answer.roles { add(label(group.role), group) }
            for group in answer.occupations {
                add(group.occupation == .unspecified ? "(not known)" : label(group.occupation), group)
            }
            for group in answer.organisations { add(group.organisation, group) }
            return
                "\(table.text)\n\(grouped(answer.members)) members of \(grouped(answer.teams)) teams on \(answer.date)"
        }
    }
}
