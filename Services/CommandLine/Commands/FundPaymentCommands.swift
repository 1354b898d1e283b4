import ArgumentParser
import Foundation
import RPC
import Shared
import SwiftProtobuf

/// Payments: `cdt fund payments`.
struct FundPaymentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "payments", abstract: "Pay what is owed: batches, files for the bank, results.",
        subcommands: [
            List.self, Create.self, Approve.self, Void.self, Export.self, Results.self, Reopen.self,
        ])

    struct List: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Batches, the newest first.")

        @Option(help: "Only under this policy.")
        var policy = ""
        @Option(help: "At most so many; 0: all.")
        var limit = 50
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_ListPaymentBatchesRequest()
            request.policy = policy
            var answer = Cdt_Funding_V1_ListPaymentBatchesResponse()
            answer.paymentBatches = try await allPages(limit: limit) { token, size in
                request.pageToken = token
                request.pageSize = size
                let page = try await suite.payments.listPaymentBatches(request, options: suite.call)
                return (page.paymentBatches, page.nextPageToken)
            }
            try output.show(answer) {
                var table = Table("BATCH", "STATE", "POLICY", ">YEAR", ">PAYMENTS", ">ĐỒNG", "BY STATE")
                for batch in answer.paymentBatches {
                    table.add(
                        batch.name, label(batch.state), batch.policy, "\(batch.year)", grouped(batch.instructionCount),
                        grouped(batch.amountDong), byState(batch))
                }
                return table
            }
        }
    }

    struct Create: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reserve everything owed under a policy and year.",
            discussion: "Example: cdt fund payments create policies/ha-tinh-119-2023 2024")

        @Argument(help: "policies/{id}.")
        var policy: String
        @Argument(help: "Calendar year.")
        var year: Int32
        @Option(help: "Note.")
        var note = ""
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_CreatePaymentBatchRequest()
            request.policy = policy
            request.year = year
            request.note = note
            request.requestID = UUID().uuidString
            let answer = try await suite.payments.createPaymentBatch(request, options: suite.call)
            try output.show(answer) { batchText(answer.paymentBatch) }
        }
    }

    struct Approve: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Approve a batch that another person has made.")

        @Argument(help: "paymentBatches/{id}.")
        var batch: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_ApprovePaymentBatchRequest()
            request.name = batch
            request.requestID = UUID().uuidString
            let answer = try await suite.payments.approvePaymentBatch(request, options: suite.call)
            try output.show(answer) { batchText(answer.paymentBatch) }
        }
    }

    struct Void: ServiceCommand {
        static let configuration = CommandConfiguration(abstract: "Give up a batch of which nothing has been paid.")

        @Argument(help: "paymentBatches/{id}.")
        var batch: String
        @Option(help: "Why.")
        var note: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            let answer = try await suite.payments.voidPaymentBatch(.decided(batch, note: note), options: suite.call)
            try output.show(answer) { batchText(answer.paymentBatch) }
        }
    }

    struct Export: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write an approved batch as a CSV file for the bank or the treasury.",
            discussion: """
                The columns are told in proto/cdt/funding/v1/payment.proto. The file comes back with `state`,
                `bank_reference`, `paid_on` and `note` filled in, and is recorded by `cdt fund payments results`.
                """)

        @Argument(help: "paymentBatches/{id}.")
        var batch: String
        @Option(help: "The file to write.")
        var to: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_ExportPaymentBatchRequest()
            request.name = batch
            // Complete or not at all: what a bank reads must not end in the middle.
            var content = Data()
            for try await part in try await suite.payments.exportPaymentBatch(request, options: suite.stream).responses
            {
                content.append(contentsOf: part.csv.utf8)
            }
            try content.write(to: URL(filePath: to), options: .atomic)
            output.note("written: \(to)")
        }
    }

    struct Results: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Record what became of payments, from a CSV file.",
            discussion: """
                Needs the columns instruction and state (PAID, SETTLED, FAILED or RETURNED); amount_dong, bank_reference,
                paid_on and note where there are any. Lines without a state are left out. The same file again changes nothing.
                """)

        @Argument(help: "paymentBatches/{id}.")
        var batch: String
        @Argument(help: "The file.")
        var file: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            let document = try CSVDocument(contentsOf: URL(filePath: file))
            let (instruction, state) = (try document.column("instruction"), try document.column("state"))
            let others = ["amount_dong", "bank_reference", "paid_on", "note"].map(document.optionalColumn)
            var results: [Cdt_Funding_V1_PaymentResult] = []
            try document.eachRecord { record in
                func field(_ index: Int?) -> String {
                    index.flatMap { $0 < record.fields.count ? record.fields[$0] : nil } ?? ""
                }
                if field(state).isEmpty { return }
                guard let known = enumValue(Cdt_Funding_V1_PaymentState.self, field(state)) else {
                    throw CSVError(
                        file: document.file, line: record.line,
                        problem: "\(field(state)) is not a state; write PAID, SETTLED, FAILED or RETURNED")
                }
                guard field(others[0]).isEmpty || Int64(field(others[0])) != nil else {
                    throw CSVError(
                        file: document.file, line: record.line, problem: "\(field(others[0])) is not an amount in đồng")
                }
                results.append(
                    .with {
                        $0.instruction = field(instruction)
                        $0.state = known
                        $0.amountDong = Int64(field(others[0])) ?? 0
                        $0.bankReference = field(others[1])
                        $0.paidOn = field(others[2])
                        $0.note = field(others[3])
                    })
            }
            var last = Cdt_Funding_V1_RecordPaymentResultsResponse()
            var refused: [String] = []
            for start in stride(from: 0, to: results.count, by: 1000) {
                var request = Cdt_Funding_V1_RecordPaymentResultsRequest()
                request.batch = batch
                request.results = Array(results[start..<min(start + 1000, results.count)])
                request.requestID = UUID().uuidString
                last = try await suite.payments.recordPaymentResults(request, options: suite.call)
                refused += last.verdicts.filter { !$0.accepted }.map { "\($0.instruction): \($0.reason), \($0.text)" }
            }
            try output.show(last) {
                (["\(results.count - refused.count) of \(results.count) recorded"] + refused
                    + (results.isEmpty ? [] : [batchText(last.paymentBatch)])).joined(separator: "\n")
            }
            if !refused.isEmpty { throw ExitCode(ExitCodes.failure) }
        }
    }

    struct Reopen: ServiceCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make returned payments owed again: the next batch pays them.")

        @Argument(help: "paymentBatches/{id}.")
        var batch: String
        @Argument(help: "paymentInstructions/{id}; none: all that were returned.")
        var instructions: [String] = []
        @Option(help: "What was put right.")
        var note: String
        @OptionGroup var connection: ConnectionOptions

        func run(_ suite: Connections, _ output: Output) async throws {
            var request = Cdt_Funding_V1_ReopenReturnedPaymentsRequest()
            request.batch = batch
            request.instructions = instructions
            request.note = note
            request.requestID = UUID().uuidString
            let answer = try await suite.payments.reopenReturnedPayments(request, options: suite.call)
            try output.show(answer) { "\(answer.reopened) reopened\n\(batchText(answer.paymentBatch))" }
        }
    }
}

private func byState(_ batch: Cdt_Funding_V1_PaymentBatch) -> String {
    batch.totals.map { "\(label($0.state)) \(grouped($0.instructions))" }.joined(separator: ", ")
}

private func batchText(_ batch: Cdt_Funding_V1_PaymentBatch) -> String {
    "\(batch.name) \(label(batch.state)): \(grouped(batch.instructionCount)) payments, \(grouped(batch.amountDong)) đồng (\(byState(batch)))"
}
