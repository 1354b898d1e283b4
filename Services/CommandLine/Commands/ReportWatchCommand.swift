import ArgumentParser
import RPC
import Shared
import SwiftProtobuf

struct ReportWatchCommand: ServiceCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "The figures of a unit, and again whenever they change, until Ctrl-C.",
        discussion: """
            As JSON one line for each change.

            Example: cdt report watch 42 --month 2024-10
            """)

    @OptionGroup var scope: UnitMonthArguments
    @Option(help: "End after so many; 0: go on.")
    var times = 0
    @OptionGroup var connection: ConnectionOptions

    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Cdt_Activity_V1_WatchFiguresRequest()
        request.period = "\(scope.month)"
        request.unit = try await scope.unitName(suite)
        request.treeDate = scope.treeDate
        let call = try await suite.activity.watchFigures(request, options: suite.stream)
        var told = 0
        for try await answer in call.responses {
            try output.show(answer) { Self.line(answer.figures) }
            told += 1
            if told == times { break }
        }
        call.cancel()
    }

    static func line(_ figures: Cdt_Activity_V1_Figures) -> String {
        "\(figures.unitDisplayName): \(grouped(figures.received)) of \(grouped(figures.expected)) received "
            + "(\(shownPercent(figures.completeness))%), \(grouped(figures.onTime)) on time, \(grouped(figures.late)) late, "
            + "\(grouped(figures.missing)) missing"
    }
}
