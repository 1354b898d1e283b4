import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

/// Policies from the text of a resolution to what is in force, and the lists of teams that some of them ask for.
struct FundPoliciesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policies", abstract: "The provinces' policies.",
        subcommands: [List.self, Create.self, Activate.self, Enrol.self], defaultSubcommand: List.self)

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "The provinces' policies.", discussion: "Example: cdt fund policies --on 2024-10-31")

        @Option(help: "Only those in force on this day, YYYY-MM-DD.")
        var on = ""
        @Flag(help: "Also drafts.")
        var drafts = false
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_ListPoliciesRequest()
            request.validOn = on
            request.includeDrafts = drafts
            var answer = Cdt_Funding_V1_ListPoliciesResponse()
            answer.policies = try await allPages { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.funding.listPolicies(request, options: suite.call)
                return (page.policies, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("POLICY", "DOCUMENT", "BENEFICIARY", "LEVELS", "VALID", "WHAT")
                for policy in answer.policies {
                    let what = policy.components.map { component in
                        component.rateDong > 0
                            ? "\(label(component.kind)) \(grouped(component.rateDong)) đ" : label(component.kind)
                    }
                    table.add(
                        policy.name, policy.document.number, label(policy.beneficiary),
                        policy.levels.map(label).joined(separator: "+"),
                        shownInterval(policy.validFrom, policy.validTo),
                        what.joined(separator: ", "))
                }
                return table
            }
        }
    }

    struct Create: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a draft from a file: a new policy, or the next version of one it names.",
            discussion: """
                The file holds the policy in JSON, with the fields of Policy in proto/cdt/funding/v1/policy.proto. Nothing \
                is paid under a draft; what would stop it from being activated is told.
                Example: cdt fund policies create policy.json
                """)

        @Argument(help: "File with the policy.")
        var file: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_CreatePolicyRequest()
            request.policy = try Self.policy(in: file)
            request.requestID = UUID().uuidString
            let answer = try await suite.funding.createPolicy(request, options: suite.call)
            try output.show(answer) {
                (["\(answer.policy.name) version \(answer.policy.version): \(label(answer.policy.state))"]
                    + answer.problems.map { "\($0.field): \($0.description_p)" }).joined(separator: "\n")
            }
        }

        static func policy(in file: String) throws -> Cdt_Funding_V1_Policy {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw ValidationError("\(file) cannot be read.")
            }
            do {
                return try Cdt_Funding_V1_Policy(jsonUTF8Data: data)
            } catch {
                throw ValidationError("\(file) does not hold a policy in JSON: \(error)")
            }
        }
    }

    struct Activate: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a draft into use: from then on it never changes.",
            discussion: "Example: cdt fund policies activate policies/ha-tinh-119-2023 --version 2")

        @Argument(help: "policies/{id}.")
        var policy: String
        @Option(help: "Version of the draft.")
        var version: Int32 = 1
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_ActivatePolicyRequest()
            request.name = policy
            request.version = version
            request.requestID = UUID().uuidString
            let answer = try await suite.funding.activatePolicy(request, options: suite.call)
            try output.show(answer) {
                "\(answer.policy.name) version \(answer.policy.version): \(label(answer.policy.state))"
            }
        }
    }

    struct Enrol: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record a dated list of the teams that a policy covers.",
            discussion: "Example: cdt fund policies enrol policies/yen-bai-60-2022 teams.txt --from 2022-12-09 "
                + "--decision 1/QĐ-UBND")

        @Argument(help: "policies/{id}.")
        var policy: String
        @Argument(help: "File with a team on each line: teams/{id} or SYSTEM:KEY.")
        var file: String
        @Option(help: "First day, YYYY-MM-DD.")
        var from: String
        @Option(help: "Last day; default: open.")
        var to = ""
        @Option(help: "Number of the decision.")
        var decision: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                throw ValidationError("\(file) cannot be read.")
            }
            var request = Cdt_Funding_V1_RecordEnrolmentListRequest()
            request.enrolmentList.policy = policy
            request.enrolmentList.decision.number = decision
            request.enrolmentList.from = from
            request.enrolmentList.to = to
            for line in text.split(whereSeparator: \.isNewline) {
                let team = line.trimmingCharacters(in: .whitespaces)
                if !team.isEmpty { request.enrolmentList.teams.append(try await suite.teamName(team)) }
            }
            let count = request.enrolmentList.teams.count
            request.requestID = UUID().uuidString
            let answer = try await suite.funding.recordEnrolmentList(request, options: suite.call)
            try output.show(answer) { "\(answer.enrolmentList.name): \(grouped(count)) teams" }
        }
    }
}
