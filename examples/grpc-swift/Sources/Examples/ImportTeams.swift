import ArgumentParser
import Foundation
import GRPCCore
import Shared
import SwiftProtobuf

/// Imports teams.csv and members.csv into the Registry, and prints a verdict for every row.
///
/// Broken off and run again, it goes on where it stopped; run again after the end, it changes nothing.
struct ImportTeams: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import_teams", abstract: "Imports teams and members from CSV; prints a verdict for every row.")

    @Argument(help: "Where teams.csv and members.csv are.") var folder: String
    @Option(help: "Name of your system; ids in the files are keys in it.") var source: String
    @Option(help: "YYYY-MM-DD, the day whose commune codes the files use.") var codeDate: String
    @Option(help: "Keeps the name of an import that is not finished.") var batchFile = "import.batch"
    @OptionGroup var services: Services

    func run() async throws {
        let content = try ImportContent(folder)
        let hasRejected = try await services.calling(services.registry) { client in
            // Rows that are stored already are not sent again, so that the whole may be tried again.
            try await untilAnswered(attempts: 5) {
                try await stream(content, Cdt_Registry_V1_ImportService.Client(wrapping: client))
            }
        }
        if hasRejected { throw ExitCode(1) }
    }

    /// One stream: the header, `started`, the rows, their verdicts. True when rows were rejected.
    private func stream(
        _ content: ImportContent, _ service: some Cdt_Registry_V1_ImportService.ClientProtocol
    ) async throws -> Bool {
        let header = Cdt_Registry_V1_ImportRowsRequest.with {
            $0.header.mode = .commit
            $0.header.sourceSystem = source
            $0.header.codeDate = codeDate
            $0.header.batch = (try? String(contentsOfFile: batchFile, encoding: .utf8)) ?? ""
        }
        // Rows are sent beside the verdicts, because the server may not read on before these are taken; but not before
        // it has said which rows it has.
        let (starts, start) = AsyncStream.makeStream(of: Int.self)
        return try await service.importRows { requests in
            try await requests.write(header)
            for await stored in starts { try await Self.send(content.rows.dropFirst(stored), to: requests) }
        } onResponse: { [batchFile] response in
            defer { start.finish() }
            var rejected = 0
            for try await answer in response.messages {
                switch answer.content {
                case .started(let started):
                    // Before any row is sent, so that it can be gone on with.
                    try started.batch.write(toFile: batchFile, atomically: true, encoding: .utf8)
                    tell("\(started.batch), after row \(started.resumeAfterRow)")
                    rejected += try await Self.tellEarlier(started, content, service)
                    start.yield(Int(started.resumeAfterRow))
                    start.finish()
                case .verdicts(let verdicts):
                    rejected += verdicts.verdicts.count { content.tell($0) == .rejected }
                case .summary(let summary):
                    tell("\(summary.rows) rows, \(summary.unchanged) unchanged, \(summary.rejected) rejected")
                    try FileManager.default.removeItem(atPath: batchFile)
                case nil:
                    break
                }
            }
            return rejected > 0
        }
    }

    private static func send(
        _ rows: ArraySlice<Cdt_Registry_V1_ImportRow>, to requests: RPCWriter<Cdt_Registry_V1_ImportRowsRequest>
    ) async throws {
        var rest = rows
        while !rest.isEmpty {
            // A few hundred rows in a message are best.
            let some = Array(rest.prefix(500))
            try await requests.write(.with { $0.rows.rows = some })
            rest = rest.dropFirst(500)
        }
    }

    /// Problems of the rows that need not be sent again, whose verdicts may have been lost with the stream.
    private static func tellEarlier(
        _ started: Cdt_Registry_V1_ImportStarted, _ content: ImportContent,
        _ service: some Cdt_Registry_V1_ImportService.ClientProtocol
    ) async throws -> Int {
        var rejected = 0
        var request = Cdt_Registry_V1_ListImportProblemsRequest.with { $0.parent = started.batch }
        guard started.resumeAfterRow > 0 else { return 0 }
        repeat {
            let page = try await service.listImportProblems(request)
            rejected += page.verdicts.filter { $0.rowNumber <= started.resumeAfterRow }
                .count { content.tell($0) == .rejected }
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        return rejected
    }
}
