import Foundation
import Shared
import SwiftProtobuf
import TestSupport
import Testing

/// What a commune, a province and the ministry do with reports by hand: everything by `cdt`, against the running
/// programs.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ReportingByHandTests {
    private static let month = SampleData.month

    @Test func `a month goes through every hand: policy, platforms, report, steps, excuses, targets, training`()
        async throws
    {
        try await RunningSuite.run([.registry, .activity]) { suite in
            let province = try await SampleData.province(in: suite.scratch)
            let data = try SampleData(of: province, communes: 0..<1, named: "by-hand", in: suite.scratch)
            _ = try await suite.importFiles(data.folder)
            try await suite.expectSuccess("report", "open", Self.month, "--wait")
            let owed: Cdt_Activity_V1_ListObligationsResponse = try await suite.ask(
                "report", "owed", "42", "--month", Self.month, "--limit", "0")
            #expect(owed.obligations.count == data.expectedReports)
            let members = owed.obligations.filter { !$0.person.isEmpty }
            let first = try #require(members.first)
            let second = try #require(members.dropFirst().first)
            try await lookAtTeams(suite, data)
            try await enterPlatforms(suite)
            try await takeSteps(with: first, suite)
            try await setAside(second, suite, data)
            try await keepForReview(first, suite)
            try await aim(suite)
            try await train(first, suite)
            try await setPolicy(suite)
            try await lookInTables(first, suite)
        }
    }

    private func lookAtTeams(_ suite: RunningSuite, _ data: SampleData) async throws {
        let composition: Cdt_Activity_V1_GetCompositionResponse = try await suite.ask(
            "report", "composition", "42", "--date", "2024-10-31")
        #expect(composition.members == Int64(data.members) && composition.teams == Int64(data.teams))
        #expect(composition.roles.reduce(0) { $0 + $1.members.numerator } == Int64(data.members))
        let months: Cdt_Activity_V1_ListPeriodsResponse = try await suite.ask("report", "months")
        #expect(months.periods.first { $0.name == "periods/\(Self.month)" }?.obligations == Int64(data.expectedReports))
    }

    private func enterPlatforms(_ suite: RunningSuite) async throws {
        try await suite.expectSuccess("platforms", "set", "vneid", "VNeID", "--kind", "identity")
        for name in ["Công dân số", "Công dân số Hà Tĩnh"] {
            try await suite.expectSuccess(
                "platforms", "set", "cong_dan_so", name, "--unit", "42", "--kind", "citizen-app", "--from", "2023-01-01"
            )
        }
        let listed: Cdt_Activity_V1_ListPlatformsResponse = try await suite.ask(
            "platforms", "list", "42", "--date", "2024-10-31")
        #expect(listed.platforms.map(\.displayName) == ["Công dân số Hà Tĩnh", "VNeID"])
        let earlier: Cdt_Activity_V1_ListPlatformsResponse = try await suite.ask(
            "platforms", "list", "42", "--date", "2022-12-31")
        #expect(earlier.platforms.map(\.code) == ["vneid"])
        let wrong = try await suite.cdt("platforms", "set", "Công Dân", "Công dân số", "--kind", "citizen-app")
        #expect(wrong.status != 0 && wrong.errors.contains("platform.code"), "\(wrong.errors)")
    }

    /// Returned, corrected, and then endorsed, approved and accepted.
    private func takeSteps(with owed: Cdt_Activity_V1_Obligation, _ suite: RunningSuite) async throws {
        func submit(_ more: String...) async throws -> Cdt_Activity_V1_SubmitReportResponse {
            try await suite.ask(
                [
                    "report", "submit", owed.team, "--person", owed.person, "--month", Self.month, "--received-on",
                    "2024-11-04",
                    "--work", "local-platform:resident:online:3:cong_dan_so", "--work",
                    "local-platform:resident:online:1:unheard",
                    "--counter", "households:stock:200", "--counter", "digital_stores:stock:90", "--difficulty",
                    "infrastructure:high:chưa có sóng 4G",
                ] + more)
        }
        let sent = try await submit()
        #expect(sent.version == 1 && sent.obligation.state == .onTime)
        let returned: Cdt_Activity_V1_ReturnReportResponse = try await suite.ask(
            "report", "return", sent.report, "thiếu số liệu", "--version", "1")
        #expect(returned.report.state == .returned && returned.report.stateReason == "thiếu số liệu")
        #expect(try await submit("--corrects", "1", "--counter", "e_payment_accounts:stock:20").version == 2)
        let stale = try await suite.cdt("report", "endorse", sent.report, "--version", "1")
        #expect(stale.status != 0 && stale.errors.contains("VERSION_CONFLICT"), "\(stale.errors)")
        for (step, state) in [
            ("endorse", Cdt_Activity_V1_ReportState.endorsed), ("approve", .approved), ("accept", .accepted),
        ] {
            let report: Cdt_Activity_V1_Report = try await suite.ask("report", step, sent.report)
            #expect(report.state == state && report.version == 2)
        }
        let shown: Cdt_Activity_V1_Report = try await suite.ask("report", "show", sent.report)
        #expect(shown.flags.map(\.concern) == [.unknownPlatform] && shown.counters.count == 3)
        let before: Cdt_Activity_V1_Report = try await suite.ask("report", "show", sent.report, "--version", "1")
        #expect(before.counters.count == 2)
        let flagged: Cdt_Activity_V1_ListReportsResponse = try await suite.ask(
            "report", "list", "42", "--month", Self.month, "--flagged")
        #expect(flagged.reports.map(\.name) == [sent.report])
        let watched: Cdt_Activity_V1_WatchFiguresResponse = try await suite.ask(
            "report", "watch", "42", "--month", Self.month, "--times", "1")
        #expect(watched.figures.received == 1 && watched.figures.onTime == 1)
        try await overcome(sent.report, suite)
    }

    private func overcome(_ report: String, _ suite: RunningSuite) async throws {
        let trend: Cdt_Activity_V1_ListAchievementsResponse = try await suite.ask(
            "difficulties", "trend", "42", "--from", "2024-08", "--month", Self.month)
        #expect(trend.achievements.map(\.period) == [Self.month], "the other months were never opened")
        #expect(trend.achievements.first?.difficulties.map(\.reports) == [1])
        let open: Cdt_Activity_V1_ListDifficultiesResponse = try await suite.ask(
            "difficulties", "list", "--state", "open")
        let difficulty = try #require(open.difficulties.first)
        #expect(difficulty.openedBy == report && difficulty.text == "chưa có sóng 4G")
        try await suite.expectSuccess("difficulties", "assign", difficulty.name, "Viettel Hà Tĩnh")
        try await suite.expectSuccess("difficulties", "resolve", difficulty.name, "đã lắp trạm phát sóng")
        let again: Cdt_Activity_V1_ReopenDifficultyResponse = try await suite.ask(
            "difficulties", "reopen", difficulty.name, "trạm hỏng")
        #expect(again.difficulty.state == .open && again.difficulty.owner == "Viettel Hà Tĩnh")
    }

    private func setAside(_ owed: Cdt_Activity_V1_Obligation, _ suite: RunningSuite, _ data: SampleData) async throws {
        let excused: Cdt_Activity_V1_ExcuseObligationResponse = try await suite.ask(
            "report", "excuse", owed.name, "nằm viện")
        #expect(excused.obligation.state == .excused && excused.obligation.setAsideReason == "nằm viện")
        #expect(try await suite.figures().expected == Int64(data.expectedReports - 1))
        let waived: Cdt_Activity_V1_WaiveObligationsResponse = try await suite.ask(
            "report", "waive", "vn", "bão số 3", "--month", Self.month, "--document", "12/QĐ-UBND")
        #expect(waived.waiver.hasPrefix("waivers/"))
        let all: Cdt_Activity_V1_ListObligationsResponse = try await suite.ask(
            "report", "owed", "42", "--month", Self.month, "--all", "--limit", "0")
        #expect(all.obligations.count == data.expectedReports)
        #expect(all.obligations.count { $0.setAsideReason == "bão số 3" } >= data.expectedReports - 2)
        #expect(try await suite.figures().missing == 0)
    }

    private func keepForReview(_ owed: Cdt_Activity_V1_Obligation, _ suite: RunningSuite) async throws {
        let stranger = "people/01900000-0000-7000-8000-000000000001"
        let refused = try await suite.cdt(
            "report", "submit", owed.team, "--person", stranger, "--month", Self.month, "--narrative",
            "không phải thành viên")
        #expect(refused.status != 0 && refused.errors.contains("NOT_ACTIVE_IN_PERIOD"), "\(refused.errors)")
        let waiting: Cdt_Activity_V1_ListRejectedReportsResponse = try await suite.ask(
            "report", "kept", "--state", "waiting")
        #expect(waiting.rejectedReports.map(\.report.person) == [stranger])
        let name = try #require(waiting.rejectedReports.first?.name)
        let early = try await suite.cdt("report", "kept", "admit", name, "nhầm")
        #expect(early.status != 0 && early.errors.contains("NOT_ACTIVE_IN_PERIOD"), "\(early.errors)")
        let laid: Cdt_Activity_V1_DismissRejectedReportResponse = try await suite.ask(
            "report", "kept", "dismiss", name, "không phải thành viên")
        #expect(laid.rejectedReport.state == .dismissed)
    }

    private func aim(_ suite: RunningSuite) async throws {
        let coverage: Cdt_Activity_V1_CreateTargetResponse = try await suite.ask(
            "report", "targets", "create", "100% xã có tổ", "--measure", "communes-with-team", "--threshold", "100",
            "--from", "2022-03-01", "--document", "1/KH-BTTTT")
        #expect(coverage.target.threshold == 10_000 && coverage.target.document.number == "1/KH-BTTTT")
        let households: Cdt_Activity_V1_CreateTargetResponse = try await suite.ask(
            "report", "targets", "create", "45% hộ có gian hàng", "--unit", "42", "--measure", "stocks", "--numerator",
            "digital_stores", "--denominator", "households", "--part", "e_payment_accounts", "--threshold", "45",
            "--from",
            "2024-01-01")
        let reached: Cdt_Activity_V1_ListTargetStandingsResponse = try await suite.ask(
            "report", "targets", households.target.name, "--by", "commune", "--date", "2024-10-31", "--reached")
        #expect(reached.standings.map(\.reachedOn) == ["2024-10-31"])
        #expect(reached.standings.first?.ratio.numerator == 90 && reached.standings.first?.ratio.denominator == 200)
        let indicator: Cdt_Activity_V1_GetIndicatorResponse = try await suite.ask(
            "report", "indicator", "42", "--month", Self.month, "--numerator", "digital_stores", "--denominator",
            "households", "--kind", "stock", "--threshold", "45.01", "--part", "e_payment_accounts")
        #expect(indicator.reachedOn.isEmpty && indicator.points.first?.parts.map(\.numerator) == [20])
        let ended: Cdt_Activity_V1_EndTargetResponse = try await suite.ask(
            "report", "targets", "end", coverage.target.name, "--on", "2025-12-31")
        #expect(ended.target.validTo == "2025-12-31")
        let listed: Cdt_Activity_V1_ListTargetsResponse = try await suite.ask("report", "targets")
        #expect(listed.targets.map(\.name) == [households.target.name, coverage.target.name])
    }

    private func train(_ owed: Cdt_Activity_V1_Obligation, _ suite: RunningSuite) async throws {
        let offered: Cdt_Activity_V1_CreateCourseResponse = try await suite.ask(
            "training", "offer", "Thanh toán số", "--unit", "42", "--skill", "online-payment", "--level", "uses")
        let list = suite.scratch.path("attendance.csv")
        try "team,person,completed\n\(owed.team),\(owed.person),1\n".write(
            toFile: list, atomically: true, encoding: .utf8)
        let held: Cdt_Activity_V1_RecordSessionResponse = try await suite.ask(
            "training", "record", offered.course.name, "--unit", "42", "--on", "2024-10-12", "--mode", "in-person",
            "--trainer", "Sở TT&TT", "--file", list)
        #expect(held.session.attended == 1 && held.session.completed == 1)
        try await suite.expectSuccess(
            "training", "assess", owed.team, "\(owed.person):self-protection:can-teach", "--on", "2024-10-13")
        let skills: Cdt_Activity_V1_GetTeamSkillsResponse = try await suite.ask(
            "training", "skills", owed.team, "--date", "2024-10-31")
        #expect(skills.entries.map(\.level) == [.uses, .canTeach])
        #expect(skills.insights.filter(\.canBeTaught).map(\.skill) == [.selfProtection])
        let courses: Cdt_Activity_V1_ListCoursesResponse = try await suite.ask("training", "courses", "42")
        #expect(courses.courses.map(\.name) == [offered.course.name])
        let sessions: Cdt_Activity_V1_ListSessionsResponse = try await suite.ask(
            "training", "sessions", "--course", offered.course.name)
        #expect(sessions.sessions.map(\.name) == [held.session.name])
        try await plan(offered.course.name, attendances: list, suite)
    }

    /// Two sessions are planned; one is moved and cancelled, the other one held earlier than planned.
    private func plan(_ course: String, attendances: String, _ suite: RunningSuite) async throws {
        func plan(_ more: String...) async throws -> Cdt_Activity_V1_TrainingSession {
            let answer: Cdt_Activity_V1_ScheduleSessionResponse = try await suite.ask(
                [
                    "training", "plan", course, "--unit", "42", "--on", "2099-12-15", "--at", "08:00", "--mode",
                    "in-person", "--place", "Nhà văn hóa",
                ] + more)
            return answer.session
        }
        let first = try await plan("--invite", "--invite-level", "hamlet", "--invite-role", "leader")
        let second = try await plan()
        let moved: Cdt_Activity_V1_UpdateSessionResponse = try await suite.ask(
            "training", "update", first.name, "--on", "2099-12-16", "--etag", first.etag)
        #expect(moved.session.heldOn == "2099-12-16" && moved.session.invitation.teamLevels == [.hamlet])
        let stale = try await suite.cdt("training", "cancel", first.name, "bão số 3", "--etag", first.etag)
        #expect(stale.status != 0 && stale.errors.contains("ETAG_MISMATCH"), "\(stale.errors)")
        try await suite.expectSuccess("training", "cancel", first.name, "bão số 3")
        let held: Cdt_Activity_V1_RecordSessionResponse = try await suite.ask(
            "training", "record", "--planned", second.name, "--on", "2024-10-20", "--file", attendances)
        #expect(held.session.name == second.name && held.session.place == "Nhà văn hóa")
        #expect(held.session.state == .held && held.session.attended == 1)
        let again = try await suite.cdt("training", "cancel", second.name, "bão số 3")
        #expect(again.status != 0 && again.errors.contains("SESSION_NOT_PLANNED"), "\(again.errors)")
        let cancelled: Cdt_Activity_V1_ListSessionsResponse = try await suite.ask(
            "training", "sessions", "--state", "cancelled")
        #expect(cancelled.sessions.map(\.name) == [first.name])
        let shown = try await suite.cdt("training", "show", second.name)
        #expect(shown.status == 0 && shown.output.contains("yes"), "\(shown.output)\(shown.errors)")
    }

    private func setPolicy(_ suite: RunningSuite) async throws {
        let set: Cdt_Activity_V1_SetReportingPolicyResponse = try await suite.ask(
            "report", "policies", "set", "vn", "--from", "2027-01-01", "--hamlet-teams", "member", "--due-day", "10")
        #expect(set.policy.hamletTeamSubject == .member && set.policy.communeTeamSubject == .member)
        let listed: Cdt_Activity_V1_ListReportingPoliciesResponse = try await suite.ask(
            "report", "policies", "--unit", "vn")
        #expect(listed.policies == [set.policy] && listed.policies.first?.dueDay == 10)
    }

    /// The same questions as people see them.
    private func lookInTables(_ owed: Cdt_Activity_V1_Obligation, _ suite: RunningSuite) async throws {
        let questions: [(question: [String], shows: String)] = [
            (["platforms"], "CITIZEN_APP"), (["report", "policies"], "MEMBER"), (["report", "targets"], "45.00"),
            (["report", "months"], Self.month), (["report", "kept"], "DISMISSED"),
            (["report", "owed", "42", "--month", Self.month, "--all"], "WAIVED"),
            (["report", "show", "reports/\(owed.name.dropFirst("obligations/".count))"], "UNKNOWN_PLATFORM"),
            (["report", "composition", "42", "--date", "2024-10-31"], "LEADER"),
            (["report", "watch", "42", "--month", Self.month, "--times", "1"], "on time"),
            (["difficulties", "list"], "INFRASTRUCTURE"),
            (["difficulties", "trend", "42", "--from", Self.month, "--month", Self.month], "INFRASTRUCTURE"),
            (["training", "courses"], "ONLINE_PAYMENT"), (["training", "sessions"], "CANCELLED"),
            (["training", "skills", owed.team, "--date", "2024-10-31"], "CAN_TEACH"),
        ]
        for (question, shows) in questions {
            let table = try await suite.cdt(question)
            #expect(table.status == 0 && table.output.contains(shows), "\(question): \(table.output)\(table.errors)")
        }
    }
}

extension RunningSuite {
    /// Asks by `cdt … -o json`, and reads the answer.
    fileprivate func ask<Answer: Message>(_ arguments: String...) async throws -> Answer { try await ask(arguments) }

    fileprivate func ask<Answer: Message>(_ arguments: [String]) async throws -> Answer {
        let outcome = try await cdt(arguments + ["-o", "json"])
        try #require(outcome.status == 0, "cdt \(arguments.joined(separator: " ")): \(outcome.output)\(outcome.errors)")
        return try Answer(jsonString: outcome.output)
    }
}
