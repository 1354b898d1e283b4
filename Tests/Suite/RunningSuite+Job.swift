import Foundation
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// The steps of the main job by `cdt`, with JSON answers.
extension RunningSuite {
    @discardableResult
    func expectSuccess(
        _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> ChildProcess.Outcome {
        try await succeed(arguments, sourceLocation)
    }

    private func succeed(_ arguments: [String], _ sourceLocation: SourceLocation) async throws -> ChildProcess.Outcome {
        let outcome = try await cdt(arguments)
        try #require(
            outcome.status == 0, "cdt \(arguments.joined(separator: " ")): \(outcome.output)\(outcome.errors)",
            sourceLocation: sourceLocation)
        return outcome
    }

    func importFiles(_ folder: String) async throws -> Cdt_Registry_V1_ImportSummary {
        let outcome = try await cdt([
            "import", folder, "--source", SampleData.source, "--code-date", "2024-10-01", "-o", "json",
        ])
        try #require([0, 65].contains(outcome.status), "\(outcome.output)\(outcome.errors)")
        return try Cdt_Registry_V1_ImportSummary(jsonString: outcome.output)
    }

    func teams(on date: String) async throws -> Cdt_Registry_V1_CountTeamsResponse {
        let outcome = try await expectSuccess("teams", "count", "42", "--date", date, "-o", "json")
        return try Cdt_Registry_V1_CountTeamsResponse(jsonString: outcome.output)
    }

    func submitReports(of data: SampleData) async throws {
        try await expectSuccess(
            "report", "submit-file", "\(data.folder)/reports-\(SampleData.month).csv", "--month", SampleData.month,
            "--unit", "42", "--source", SampleData.source)
    }

    func figures(_ more: String...) async throws -> Cdt_Activity_V1_Figures {
        let outcome = try await succeed(
            ["report", "status", "42", "--month", SampleData.month, "--total", "-o", "json"] + more, #_sourceLocation)
        return try Cdt_Activity_V1_GetFiguresResponse(jsonString: outcome.output).figures
    }

    func run(_ more: String...) async throws -> Cdt_Funding_V1_Run {
        let outcome = try await succeed(
            ["fund", "run", "42", "--month", SampleData.month, "--wait", "-o", "json"] + more, #_sourceLocation)
        return try Cdt_Funding_V1_Run(jsonString: outcome.output)
    }

    func remind() async throws -> Cdt_Notification_V1_GetCampaignResponse {
        let outcome = try await expectSuccess(
            "notify", "remind", "42", "--month", SampleData.month, "--wait", "-o", "json")
        return try Cdt_Notification_V1_GetCampaignResponse(jsonString: outcome.output)
    }

    /// How many would be reminded.
    func plannedReminders(_ unit: String) async throws -> Int64 {
        let outcome = try await expectSuccess(
            "notify", "remind", unit, "--month", SampleData.month, "--wait", "--plan", "-o", "json")
        return try Cdt_Notification_V1_PlanCampaignResponse(jsonString: outcome.output).plan.recipients
    }

    func mails() throws -> Mails {
        try JSONDecoder().decode(Mails.self, from: Data(contentsOf: URL(fileURLWithPath: "\(mailFolder)/counts.json")))
    }
}

/// What the mail catcher has counted.
struct Mails: Codable, Equatable {
    let messages, recipients, repeated: Int
}
