import Foundation
import RPC
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// "Rules turn events of the other services into messages: … training invitation": from the plan of a session to the
/// mail, with the programs as they are shipped. Funding policy is away, and is not missed.
@Suite(.serialized, .timeLimit(.minutes(10))) struct TrainingMessageTests {
    private typealias Training = Cdt_Activity_V1_TrainingService.Client

    private static let sources: Set<String> = ["registry", "activity-reporting"]

    @Test func `who is invited to a session is told by mail, and told once more when it is cancelled`() async throws {
        try await RunningSuite.run([.registry, .activity, .notification]) { suite in
            let province = try await SampleData.province(in: suite.scratch)
            let data = try SampleData(of: province, communes: 0..<2, named: "sample", in: suite.scratch)
            _ = try await suite.importFiles(data.folder)
            for kind in ["training-invitation", "training-cancelled"] { try await suite.addRule(kind, kind: kind) }
            let client = try RPCClient(targets: [#require(RPCClient.Target(suite.address(.activity)))])
            let training = Training(client)
            let session = try await plan(training, suite)
            #expect(session.state == .planned)
            try await suite.untilHeard(of: Self.sources)

            // By hand the same people would be told.
            let asked = try await suite.expectSuccess(
                "notify", "send", "42", "--session", session.name, "--template", "templates/training-invitation",
                "--plan",
                "-o", "json")
            let plan = try Cdt_Notification_V1_PlanCampaignResponse(jsonString: asked.output).plan
            let leaders = try leaders(data)
            #expect(plan.recipients == leaders && leaders > 0)
            #expect(try suite.mails().messages == 0, "the rule's time has not come")

            try await suite.pass(to: 2)
            try await eventually("every leader is invited") { try suite.mails().messages >= leaders }
            #expect(try suite.mails() == Mails(messages: leaders, recipients: leaders, repeated: 0))

            let cancelled = try await training.cancelSession(
                .with { ($0.name, $0.reason) = (session.name, "Giảng viên bận việc đột xuất") }
            ).session
            #expect(cancelled.state == .cancelled)
            try await suite.untilHeard(of: Self.sources)
            try await suite.pass(to: 4)
            try await eventually("every leader is told") { try suite.mails().messages >= 2 * leaders }
            try await suite.pass(to: 6)
            #expect(try suite.mails() == Mails(messages: 2 * leaders, recipients: leaders, repeated: 0))
            let listed = try await suite.expectSuccess("notify", "status", "-o", "json")
            let campaigns = try Cdt_Notification_V1_ListCampaignsResponse(jsonString: listed.output).campaigns
            #expect(campaigns.map(\.rule).sorted() == ["rules/training-cancelled", "rules/training-invitation"])
            await client.close(grace: .zero)
        }
    }

    /// A session of the province, in a month, for the leaders of its teams.
    private func plan(_ training: Training, _ suite: RunningSuite) async throws -> Cdt_Activity_V1_TrainingSession {
        var offered = ""
        // Activity reporting has to hear of the province first.
        try await eventually("a course is offered") {
            let outcome = try await suite.cdt(
                "training", "offer", "Thanh toán số", "--unit", "42", "--skill", "online-payment", "--level", "uses",
                "-o",
                "json")
            offered = outcome.output
            return outcome.status == 0
        }
        let course = try Cdt_Activity_V1_CreateCourseResponse(jsonString: offered).course
        let day = Date.now.addingTimeInterval(30 * 86_400).formatted(.iso8601.year().month().day())
        return try await training.scheduleSession(
            .with {
                $0.session.course = course.name
                $0.session.unit = course.unit
                $0.session.mode = .inPerson
                $0.session.heldOn = day
                $0.session.startsAt = "08:00"
                $0.session.place = "Hội trường UBND tỉnh"
                $0.session.trainer = "Sở Khoa học và Công nghệ"
                $0.session.invitation.roles = [.leader]
            }
        ).session
    }

    /// How many leaders the files have.
    private func leaders(_ data: SampleData) throws -> Int {
        try String(contentsOfFile: "\(data.folder)/members.csv", encoding: .utf8).split(separator: "\n")
            .count { $0.contains(",tổ trưởng,") }
    }
}
