import ArgumentParser
import Foundation
import Shared

struct GrantsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grants", abstract: "Who may do what, and where.",
        subcommands: [List.self, Give.self, Revoke.self, Check.self])

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Grants, by subject.")

        @Option(help: "Only of this subject.")
        var subject = ""
        @Option(help: "Only on this unit: units/{id}, vn, or a national code.")
        var unit: String?
        @Flag(help: "Revoked ones too.")
        var revoked = false
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_ListGrantsRequest()
            request.subject = subject
            if let unit {
                let name = try await suite.unitName(unit, on: "")
                request.unit = name.isEmpty ? "units/vn" : name
            }
            request.includeRevoked = revoked
            var answer = Cdt_Registry_V1_ListGrantsResponse()
            answer.grants = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.access.listGrants(request, options: suite.call)
                return (page.grants, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("SUBJECT", "UNIT", "ROLE", "VERBS", "STATE", "GRANT")
                for grant in answer.grants {
                    table.add(
                        grant.subject, grant.unit.isEmpty ? "vn" : grant.unit,
                        grant.role == .unspecified ? "" : label(grant.role),
                        grant.verbs.map { label($0) }.joined(separator: ", "),
                        grant.revoked ? "revoked" : grant.pastOnly ? "past only" : "", grant.name)
                }
                return table
            }
        }
    }

    struct Give: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a grant.", discussion: "Example: cdt grants give cdt-laocai 15 --role integrator")

        @Argument(help: "Who: the subject of the caller's token.")
        var subject: String
        @Argument(help: "Where: units/{id}, vn, or a national code.")
        var unit: String
        @Option(help: "viewer, editor, integrator or administrator.")
        var role: GrantRole
        @Option(help: "A note for people.")
        var note = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_CreateGrantRequest()
            request.grant.subject = subject
            request.grant.unit = try await suite.unitName(unit, on: "")
            request.grant.role = role.value
            request.grant.note = note
            request.requestID = UUID().uuidString
            let answer = try await suite.access.createGrant(request, options: suite.call)
            try output.show(answer) {
                ([answer.grant.name] + answer.warnings.map { "\($0.reason): \($0.description_p)" })
                    .joined(separator: "\n")
            }
        }
    }

    struct Revoke: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Take a grant back.")

        @Argument(help: "grants/{id}.")
        var grant: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_RevokeGrantRequest()
            request.name = grant
            request.requestID = UUID().uuidString
            let answer = try await suite.access.revokeGrant(request, options: suite.call)
            try output.show(answer) { "\(answer.grant.name) revoked" }
        }
    }

    struct Check: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Whether a subject may read a unit as of a date.")

        @Argument(help: "The subject.")
        var subject: String
        @Argument(help: "The unit: units/{id}, vn, or a national code.")
        var unit: String
        @Option(help: "The day, YYYY-MM-DD, on which the code is read too; default: today.")
        var date = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Registry_V1_CheckAccessRequest()
            request.subject = subject
            request.unit = try await suite.unitName(unit, on: date)
            request.verb = .read
            request.date = date
            let answer = try await suite.access.checkAccess(request, options: suite.call)
            try output.show(answer) { answer.allowed ? "yes, by \(answer.grant)" : "no" }
        }
    }
}

enum GrantRole: String, ExpressibleByArgument, CaseIterable {
    case viewer, editor, integrator, administrator

    var value: Cdt_Registry_V1_AccessRole {
        switch self {
        case .viewer: .viewer
        case .editor: .editor
        case .integrator: .integrator
        case .administrator: .administrator
        }
    }
}
