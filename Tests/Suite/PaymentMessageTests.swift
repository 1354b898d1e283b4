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
            try await suite.expectSuccess(
                "notify", "rule-add", "paid", "42", "--kind", "payment-paid", "--at", "00:00", "--template",
                "templates/payment-paid")

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
            try await untilHeard(suite)
            #expect(try suite.mails().messages == 0, "the rule's time has not come")

            // On another day it has; on the next one there is nothing new to tell.
            try await pass(to: 2, suite)
            let told = Mails(messages: data.teams, recipients: data.teams, repeated: 0)
            try await eventually("every team's leader is told") { try suite.mails().messages >= told.messages }
            #expect(try suite.mails() == told)
            try await pass(to: 4, suite)
            let listed = try await suite.expectSuccess("notify", "status", "-o", "json")
            let campaigns = try Cdt_Notification_V1_ListCampaignsResponse(jsonString: listed.output).campaigns
            #expect(campaigns.map(\.rule) == ["rules/paid"])
            #expect(try suite.mails() == told)
        }
    }

    /// Waits until Notification knows what the others know now.
    private func untilHeard(_ suite: RunningSuite) async throws {
        let now = Date.now
        try await eventually("Notification hears of the payments") {
            let channels = try await suite.expectSuccess("notify", "channels", "-o", "json")
            let answer = try Cdt_Notification_V1_ListChannelsResponse(jsonString: channels.output)
            return !answer.freshness.isEmpty && answer.freshness.allSatisfy { $0.hasAsOf && $0.asOf.date >= now }
        }
    }

    /// Lets Notification come back so many days later, and its rule look at what has happened.
    private func pass(to days: Double, _ suite: RunningSuite) async throws {
        func look() async throws -> Date {
            let rules = try await suite.expectSuccess("notify", "rules", "-o", "json")
            let answer = try Cdt_Notification_V1_ListRulesResponse(jsonString: rules.output)
            return try #require(answer.rules.first).lastRunTime.date
        }
        let before = try await look()
        #expect(await suite.process(.notification)?.terminate() == 0)
        let day = Date.now.addingTimeInterval(days * 86_400).formatted(.iso8601.year().month().day())
        try await suite.restart(.notification, "--today", day)
        try await eventually("the rule looks") { try await look() > before }
    }
}
