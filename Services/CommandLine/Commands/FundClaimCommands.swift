import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

/// Claims: `cdt fund claims`.
struct FundClaimsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "claims", abstract: "Expenses and worked days that teams claim.",
        subcommands: [List.self, Submit.self, Show.self, Approve.self, Reject.self, Reverse.self, Ceilings.self])

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Claims, the newest first.")

        @Option(help: "Only of this team: teams/{id} or SYSTEM:KEY.")
        var team = ""
        @Option(help: "Only under this policy.")
        var policy = ""
        @Option(help: "Only in this state: \(enumWords(Cdt_Funding_V1_ClaimState.self)).")
        var state: Cdt_Funding_V1_ClaimState?
        @Option(help: "At most so many; 0: all.")
        var limit = 50
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_ListClaimsRequest()
            request.team = team.isEmpty ? "" : try await suite.teamName(team)
            request.policy = policy
            request.state = state ?? .unspecified
            var answer = Cdt_Funding_V1_ListClaimsResponse()
            answer.claims = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.claims.listClaims(request, options: suite.call)
                return (page.claims, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("CLAIM", "STATE", "TEAM", "SUBMITTED", "BY", ">CLAIMED", ">DUE")
                for claim in answer.claims {
                    table.add(
                        claim.name, label(claim.state), claim.team, claim.submittedOn, claim.submittedBy,
                        grouped(claim.claimedDong), grouped(claim.dueDong))
                }
                return table
            }
        }
    }

    struct Submit: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Submit a claim.",
            discussion: """
                One expense on the command line, or any claim as JSON of cdt.funding.v1.Claim from a file.
                Example: cdt fund claims submit csv:18070-001 policies/da-nang-36-2024 --date 2024-10-15 --amount 1500000 --receipt HD-17
                """)

        @Argument(help: "teams/{id} or SYSTEM:KEY.")
        var team: String
        @Argument(help: "policies/{id}.")
        var policy: String
        @Option(help: "Date of the expense, YYYY-MM-DD.")
        var date = ""
        @Option(help: "In đồng.")
        var amount: Int64 = 0
        @Option(help: "What it was for.")
        var text = ""
        @Option(help: "Number of the receipt.")
        var receipt = ""
        @Option(help: "A file with items as JSON of cdt.funding.v1.Claim.")
        var file: String?
        @Flag(help: "Only tell what would become of it.")
        var validate = false
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_SubmitClaimRequest()
            if let file {
                request.claim = try Cdt_Funding_V1_Claim(
                    jsonString: String(decoding: Data(contentsOf: URL(filePath: file)), as: UTF8.self))
            } else {
                request.claim.items = [
                    .with {
                        $0.date = date
                        $0.amountDong = amount
                        $0.description_p = text
                        if !receipt.isEmpty {
                            $0.evidence = [
                                .with {
                                    $0.kind = .receipt
                                    $0.number = receipt
                                }
                            ]
                        }
                    }
                ]
            }
            request.claim.team = try await suite.teamName(team)
            request.claim.policy = policy
            request.validateOnly = validate
            if !validate { request.requestID = UUID().uuidString }
            let answer = try await suite.claims.submitClaim(request, options: suite.call)
            try output.show(answer) { claimText(answer.claim, vi: false) }
        }
    }

    struct Show: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "One claim, with why each item is due what it is due.")

        @Argument(help: "claims/{id}.")
        var claim: String
        @Flag(help: "In Vietnamese.")
        var vi = false
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_GetClaimRequest()
            request.name = claim
            let answer = try await suite.claims.getClaim(request, options: suite.call)
            try output.show(answer) { claimText(answer.claim, vi: vi) }
        }
    }

    struct Approve: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Approve a claim that another person has submitted.")

        @Argument(help: "claims/{id}.")
        var claim: String
        @Option(help: "Note.")
        var note = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            let answer = try await suite.claims.approveClaim(.decided(claim, note: note), options: suite.call)
            try output.show(answer) { claimText(answer.claim, vi: false) }
        }
    }

    struct Reject: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Reject a claim that another person has submitted.")

        @Argument(help: "claims/{id}.")
        var claim: String
        @Option(help: "Why.")
        var note: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            let answer = try await suite.claims.rejectClaim(.decided(claim, note: note), options: suite.call)
            try output.show(answer) { claimText(answer.claim, vi: false) }
        }
    }

    struct Reverse: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take an approved claim back: its entries are booked the other way round.")

        @Argument(help: "claims/{id}.")
        var claim: String
        @Option(help: "Why.")
        var note: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            let answer = try await suite.claims.reverseClaim(.decided(claim, note: note), options: suite.call)
            try output.show(answer) { claimText(answer.claim, vi: false) }
        }
    }

    struct Ceilings: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "What is left of a team's ceilings.")

        @Argument(help: "teams/{id} or SYSTEM:KEY.")
        var team: String
        @Argument(help: "policies/{id}.")
        var policy: String
        @Argument(help: "Calendar year.")
        var year: Int32
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_GetTeamCeilingsRequest()
            request.team = try await suite.teamName(team)
            request.policy = policy
            request.year = year
            let answer = try await suite.claims.getTeamCeilings(request, options: suite.call)
            try output.show(answer) {
                var table = Table("CEILING", ">YEAR", ">ĐỒNG", ">USED", ">LEFT", "")
                for line in answer.ceilings {
                    table.add(
                        label(line.kind), line.year == 0 ? "all" : "\(line.year)", grouped(line.amountDong),
                        grouped(line.usedDong), grouped(line.leftDong), line.lapsed ? "lapsed" : "")
                }
                return "\(table.text)\nclaims are taken until \(answer.claimableUntil)"
            }
        }
    }
}

private func claimText(_ claim: Cdt_Funding_V1_Claim, vi: Bool) -> String {
    var lines = [
        "\(claim.name) \(label(claim.state)): claimed \(grouped(claim.claimedDong)) đồng, due \(grouped(claim.dueDong)) đồng"
    ]
    if !claim.decidedBy.isEmpty { lines.append("decided by \(claim.decidedBy) \(claim.decisionNote)") }
    if !claim.reversedBy.isEmpty { lines.append("taken back by \(claim.reversedBy) \(claim.reversalNote)") }
    lines += claim.items.map { vi ? $0.explanation.textVi : $0.explanation.text }.filter { !$0.isEmpty }
    return lines.joined(separator: "\n\n")
}

extension Cdt_Funding_V1_ClaimState: ExpressibleByArgument {
    public init?(argument: String) {
        guard let value = enumValue(Self.self, argument) else { return nil }
        self = value
    }
}
