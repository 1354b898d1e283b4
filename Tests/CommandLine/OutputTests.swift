import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf
import Testing

@testable import CommandLine

@Suite struct OutputTests {
    @Test func columnsAlignByWhatIsShownNotByBytesOrScalars() {
        var table = Table("NAME", ">COUNT")
        table.add("Tỉnh Hà Tĩnh", "1,911")
        // The same name decomposed: more scalars, as wide.
        table.add("Tỉnh Hà Tĩnh".decomposedStringWithCanonicalMapping, "9")
        table.add("x", "10")
        let lines = table.text.split(separator: "\n").map(String.init)
        #expect(Set(lines.map(displayWidth)) == [19])
        #expect(lines[0] == "NAME          COUNT")
        #expect(lines[3] == "x                10")
    }

    @Test(arguments: [("Bản Mường 1", 11), ("Đ", 1), ("e\u{0302}\u{0301}", 1), ("中文", 4), ("", 0), ("a\u{200B}b", 2)])
    func displayWidthCountsTerminalColumns(text: String, width: Int) {
        #expect(displayWidth(text) == width)
    }

    @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (93_524, "93,524"), (-120_000, "-120,000")])
    func numbersAreGroupedInThrees(number: Int, text: String) { #expect(grouped(number) == text) }

    @Test func aProgressLineTellsShareRateAndTimeLeft() {
        let line = ProgressLine.text(label: "import", unit: "rows", done: 5000, total: 20_000, rate: 1000)
        #expect(line == "import ██████░░░░░░░░░░░░░░░░░░ 25%  5,000 of 20,000 rows, 1,000/s, 15 s left")
        #expect(ProgressLine.text(label: "send", unit: "m", done: 7, total: nil, rate: 3) == "send: 7 m, 3/s")
    }

    @Test func sharesNeverHideThatThereIsNothingToDivideBy() {
        var ratio = Cdt_Common_V1_Ratio()
        #expect(shown(ratio) == "not applicable")
        ratio.numerator = 199
        ratio.denominator = 200
        ratio.percent = "99.50"
        #expect(shown(ratio) == "199/200 (99.50%)")
    }

    @Test func enumerationsAreReadAndShownAsWords() {
        #expect(label(Cdt_Activity_V1_ObligationState.onTime) == "ON_TIME")
        #expect(label(Cdt_Activity_V1_ObligationState.unspecified) == "")
        #expect(enumValue(Cdt_Activity_V1_Skill.self, "online-public-services") == .onlinePublicServices)
        #expect(enumValue(Cdt_Registry_V1_UnitLevel.self, "COMMUNE") == .commune)
        #expect(enumValue(Cdt_Registry_V1_UnitLevel.self, "village") == nil)
        #expect(enumWords(Cdt_Common_V1_TeamLevel.self) == "commune, hamlet")
    }

    @Test func aRefusalShowsReasonFieldsVietnameseTextAndExitCode() throws {
        var info = Google_Rpc_ErrorInfo()
        info.reason = "CAPACITY_EXCEEDED"
        info.domain = "registry.cdt.vn"
        info.metadata = ["limit": "10", "current": "10"]
        var bad = Google_Rpc_BadRequest()
        bad.fieldViolations = [
            .with {
                $0.field = "membership.from"
                $0.description_p = "must be a date"
            }
        ]
        var localized = Google_Rpc_LocalizedMessage()
        localized.message = "Tổ đã đủ người."
        let status = try Google_Rpc_Status.with {
            $0.code = 9
            $0.details = [
                try Google_Protobuf_Any(message: info), try Google_Protobuf_Any(message: bad),
                try Google_Protobuf_Any(message: localized),
            ]
        }
        let error = RPCError(
            code: .failedPrecondition, message: "the team is full", details: try status.serializedBytes())
        let failure = CallFailure(error, called: [])
        #expect(
            failure.description == """
                CAPACITY_EXCEEDED (FAILED_PRECONDITION, registry.cdt.vn): the team is full
                  Tổ đã đủ người.
                  membership.from: must be a date
                  current = 10
                  limit = 10
                """)
        #expect(failure.exitCode == 73)
    }

    @Test func anUnreachableServiceIsNamedWithTheWayOut() {
        let failure = CallFailure(
            RPCError(code: .unavailable, message: "connection refused"),
            called: [(.funding, RPCClient.Target(host: "127.0.0.1", port: 50053))])
        #expect(failure.description.contains("Is Funding policy running at 127.0.0.1:50053?"))
        #expect(failure.description.contains("--funding or CDT_FUNDING"))
        #expect(failure.exitCode == 69)
    }

    @Test func everyCommandAndItsOptionsAreWellFormed() {
        // Two options of one name would only show when the command is used.
        func visit(_ command: any ParsableCommand.Type) {
            #expect(!command.helpMessage().isEmpty)
            for child in command.configuration.subcommands { visit(child) }
        }
        visit(Cdt.self)
    }
}
