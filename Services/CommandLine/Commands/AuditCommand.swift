import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Who did what, and whether the record is whole.",
        subcommands: [List.self, Verify.self])

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Entries of the audit, the newest first.",
            discussion: "Example: cdt audit list --resource teams/0190…")

        @Option(help: "Only on this resource, for example people/{id}.")
        var resource = ""
        @Option(help: "Only by this actor.")
        var actor = ""
        @Option(help: "Only by this call, for example GetPerson.")
        var action = ""
        @Option(help: "At most so many.")
        var limit = 50
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListAuditEntriesRequest()
            request.resource = resource
            request.actor = actor
            request.action = action
            var answer = Cdt_Registry_V1_ListAuditEntriesResponse()
            answer.entries = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.audit.listAuditEntries(request, options: suite.call)
                return (page.entries, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table(">ENTRY", "TIME", "WHO", "DID", "TO", "REQUEST")
                for entry in answer.entries {
                    table.add(
                        entry.sequence == 0 ? "" : "\(entry.sequence)",
                        entry.time.date.formatted(.iso8601), entry.actor, entry.action, entry.resource,
                        entry.requestID)
                }
                return table
            }
        }
    }

    struct Verify: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compute the audit's hash chain anew and compare.",
            discussion: """
                Keep the head's position and hash elsewhere: with --sequence and --hash a later run proves that nothing
                before it was changed. Exit code 1 when something is wrong.
                """)

        @Option(help: "A position whose hash was kept.")
        var sequence: Int64 = 0
        @Option(help: "The hash kept, in hexadecimal.")
        var hash = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_VerifyAuditRequest()
            request.expectedSequence = sequence
            request.expectedHash = hash
            let answer = try await suite.audit.verifyAudit(request, options: suite.call)
            try output.show(answer) {
                var table = Table("AUDIT", answer.intact ? "intact" : "BROKEN at \(answer.brokenAt): \(answer.finding)")
                table.add("checked", grouped(answer.checked))
                table.add("head", "\(answer.headSequence) \(answer.headHash)")
                table.add("not sealed yet", grouped(answer.unsealed))
                return table
            }
            if !answer.intact { throw ExitCode.failure }
        }
    }
}
