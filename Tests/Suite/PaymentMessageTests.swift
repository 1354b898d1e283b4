import Foundation
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// "Rules turn events of the other services into messages: … payment approved, paid": from a run to the mail, with the
/// programs as they are shipped.
@Suite(.serialized, .timeLimit(.minutes(10))) struct PaymentMessageTests {
    private static let policy = "policies/ha-tinh-119-2023"

    @Test func `what a run posts is paid, and whoever is paid is told by mail, once`() async throws {
        let keys = try ScratchFolder()
        defer { keys.remove() }
        let issuer = TokenIssuer()
        try issuer.write(keys.path("jwks.json"))
        /// The file of somebody's token: Funding wants several people for this.
        func token(_ subject: String) throws -> String {
            let claims = TokenIssuer.claims(subject, grants: [(["*"], "")])
            try issuer.token(claims).write(toFile: keys.path(subject), atomically: true, encoding: .utf8)
            return keys.path(subject)
        }
        let (maker, checker, payer) = (try token("maker"), try token("checker"), try token("payer"))
        let own: [Program: [String]] = [
            .funding: ["--jwks", keys.path("jwks.json")],
            .notification: ["--peer-token-file", try token("notification")],
        ]
        try await RunningSuite.run(own: own) { suite in
            let province = try await SampleData.province(in: suite.scratch)
            // The first commune ended on 1/1/2025 without a successor on record, the second became another on 1/7/2025.
            let data = try SampleData(of: province, communes: 0..<2, named: "sample", in: suite.scratch)
            _ = try await suite.importFiles(data.folder)
            try await suite.addRule("paid", kind: "payment-paid")

            let run = try await suite.run("--token-file", maker).name
            try await suite.expectSuccess(
                "fund", "ledger", "appropriate", Self.policy, "2024", "--amount", "\(data.teams * 600_000)",
                "--document", "12/QĐ-STC", "--token-file", maker)
            try await suite.expectSuccess("fund", "approve", run, "--token-file", checker)
            try await suite.expectSuccess("fund", "post", run, "--token-file", payer)
            let made = try await suite.expectSuccess(
                "fund", "payments", "create", Self.policy, "2024", "--token-file", maker, "-o", "json")
            let batch = try Cdt_Funding_V1_CreatePaymentBatchResponse(jsonString: made.output).paymentBatch
            #expect(batch.instructionCount == Int64(data.teams))
            try await suite.expectSuccess("fund", "payments", "approve", batch.name, "--token-file", checker)
            let (bank, results) = (suite.scratch.path("bank.csv"), suite.scratch.path("results.csv"))
            try await suite.expectSuccess(
                "fund", "payments", "export", batch.name, "--to", bank, "--token-file", payer)
            let lines = try String(contentsOfFile: bank, encoding: .utf8).split(whereSeparator: \.isNewline)
            let paid = lines.dropFirst().map { line in "\(line.prefix { $0 != "," }),PAID\n" }.joined()
            try "instruction,state\n\(paid)".write(toFile: results, atomically: true, encoding: .utf8)
            try await suite.expectSuccess("fund", "payments", "results", batch.name, results, "--token-file", payer)
            try await suite.untilHeard()
            #expect(try suite.mails().messages == 0, "the rule's time has not come")

            // On another day it has; on the next one there is nothing new to tell.
            try await suite.pass(to: 2)
            let told = Mails(messages: data.teams, recipients: data.teams, repeated: 0)
            try await eventually("every team's leader is told") { try suite.mails().messages >= told.messages }
            #expect(try suite.mails() == told)
            try await suite.pass(to: 4)
            let listed = try await suite.expectSuccess("notify", "status", "-o", "json")
            let campaigns = try Cdt_Notification_V1_ListCampaignsResponse(jsonString: listed.output).campaigns
            #expect(campaigns.map(\.rule) == ["rules/paid"])
            #expect(try suite.mails() == told)
        }
    }
}
