import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

/// The books: `cdt fund ledger`.
struct FundLedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "The books: appropriations, balances, journals, and whether they are whole.",
        subcommands: [Appropriate.self, Balance.self, Journals.self, Entries.self, Overdraft.self, Verify.self])

    struct Appropriate: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Book money that a budget gives for a policy and a year; below 0 takes it back.",
            discussion: """
                Example: cdt fund ledger appropriate policies/ha-tinh-119-2023 2024 --amount 1000000000 --document 12/QĐ-STC
                """)

        @Argument(help: "policies/{id}.")
        var policy: String
        @Argument(help: "Calendar year.")
        var year: Int32
        @Option(parsing: .unconditional, help: "In đồng; below 0: taken back.")
        var amount: Int64
        @Option(help: "Number of the decision.")
        var document: String
        @Option(help: "Note.")
        var note = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_RecordAppropriationRequest()
            request.policy = policy
            request.year = year
            request.amountDong = amount
            request.document.number = document
            request.note = note
            request.requestID = UUID().uuidString
            let answer = try await suite.ledger.recordAppropriation(request, options: suite.call)
            try output.show(answer) {
                "\(answer.journal.name): \(answer.account.name) holds \(grouped(answer.account.balanceDong)) đồng"
            }
        }
    }

    struct Balance: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "The trial balance, now or as of a moment.",
            discussion: "Example: cdt fund ledger balance --year 2024 --at 2025-01-31T17:00:00Z")

        @Option(help: "Only of this policy.")
        var policy = ""
        @Option(help: "Only of this calendar year.")
        var year: Int32 = 0
        @Option(help: "As of this moment, as RFC 3339 writes it; default: now.")
        var at: String?
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_GetTrialBalanceRequest()
            request.policy = policy
            request.year = year
            if let at {
                guard let date = try? Date(at, strategy: .iso8601) else {
                    throw ValidationError("\(at) is not a moment; write it like 2025-01-31T17:00:00Z")
                }
                request.atTime = Google_Protobuf_Timestamp(date: date)
            }
            let answer = try await suite.ledger.getTrialBalance(request, options: suite.call)
            try output.show(answer) {
                var table = Table("ACCOUNT", ">DEBIT", ">CREDIT", ">BALANCE")
                for account in answer.accounts {
                    table.add(
                        account.name, grouped(account.debitDong), grouped(account.creditDong),
                        grouped(account.balanceDong))
                }
                return """
                    \(table.text)
                    debits \(grouped(answer.debitDong)), credits \(grouped(answer.creditDong)) đồng
                    journal \(answer.journal), hash \(answer.chainHash)
                    """
            }
        }
    }

    struct Journals: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Journals, the newest first.")

        @Option(help: "Only about this, for example runs/{id} or claims/{id}.")
        var reference = ""
        @Option(help: "At most so many; 0: all.")
        var limit = 50
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_ListJournalsRequest()
            request.reference = reference
            var answer = Cdt_Funding_V1_ListJournalsResponse()
            answer.journals = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.ledger.listJournals(request, options: suite.call)
                return (page.journals, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table(">JOURNAL", "TIME", "KIND", "WHO", "ABOUT", ">ENTRIES", ">ĐỒNG")
                for journal in answer.journals {
                    table.add(
                        "\(journal.number)", journal.recordTime.date.formatted(.iso8601), label(journal.kind),
                        journal.actor, journal.reference, grouped(journal.entryCount), grouped(journal.amountDong))
                }
                return table
            }
        }
    }

    struct Entries: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Entries of a journal or of a team.")

        @Argument(help: "journals/{number}, teams/{id} or SYSTEM:KEY.")
        var subject: String
        @Option(help: "At most so many; 0: all.")
        var limit = 50
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_ListJournalEntriesRequest()
            if subject.hasPrefix("journals/") {
                request.journal = subject
            } else {
                request.team = try await suite.teamName(subject)
            }
            var answer = Cdt_Funding_V1_ListJournalEntriesResponse()
            answer.entries = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.ledger.listJournalEntries(request, options: suite.call)
                return (page.entries, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("JOURNAL", "FROM", "TO", "MONTH", "TEAM", "PERSON", ">ĐỒNG", ">DUE")
                for entry in answer.entries {
                    table.add(
                        entry.journal, kind(entry.creditAccount), kind(entry.debitAccount), entry.month, entry.team,
                        entry.person, grouped(entry.amountDong), entry.component.isEmpty ? "" : grouped(entry.dueDong))
                }
                return table
            }
        }

        private func kind(_ account: String) -> String {
            account.split(separator: ".").last.map(String.init) ?? account
        }
    }

    struct Overdraft: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Allow what is appropriated to be overdrawn, or end that.",
            discussion: """
                Example: cdt fund ledger overdraft accounts/ha-tinh-119-2023.2024.state.appropriated --allow --document 3/QĐ-UBND
                """)

        @Argument(help: "accounts/{id}.")
        var account: String
        @Flag(inversion: .prefixedNo, help: "Whether it may be overdrawn.")
        var allow: Bool
        @Option(help: "Number of the decision.")
        var document: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_SetOverdraftRequest()
            request.account = account
            request.mayOverdraw = allow
            request.document.number = document
            request.requestID = UUID().uuidString
            let answer = try await suite.ledger.setOverdraft(request, options: suite.call)
            try output.show(answer) {
                "\(answer.account.name) \(answer.account.mayOverdraw ? "may" : "must not") be overdrawn"
            }
        }
    }

    struct Verify: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follow the books' hash chain and compare every sum.",
            discussion: """
                Keep the journal and hash of a trial balance elsewhere: with --journal and --hash a later run proves that
                nothing before it was changed. Exit code 1 when something is wrong.
                """)

        @Option(help: "A journal whose hash was kept.")
        var journal: Int64 = 0
        @Option(help: "Its hash.")
        var hash = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_VerifyLedgerRequest()
            request.expectedJournal = journal
            request.expectedHash = hash
            let progress = ProgressLine(label: "ledger", unit: "journals")
            var last = Cdt_Funding_V1_VerifyLedgerResponse()
            for try await answer in try await suite.ledger.verifyLedger(request, options: suite.stream).responses {
                progress.update(Int(answer.journalsDone))
                last = answer
            }
            progress.finish()
            try output.show(last) {
                last.intact
                    ? "intact: \(grouped(last.journalsDone)) journals, hash \(last.chainHash)"
                    : "broken: \(last.finding)"
            }
            if !last.intact { throw ExitCode(ExitCodes.failure) }
        }
    }
}
