import RPC
import Shared
import SwiftProtobuf
import TestSupport
import Testing

@testable import ActivityReporting

/// "A grant on one province cannot read, list, stream, import or export another's": every call, tried by those who may
/// and those who may not.
@Suite("Every call asks for its grant", .serialized, .onBothEngines)
struct AccessMatrixTests {
    /// Where a call's verb must be granted.
    enum Place: Sendable { case home, somewhere, nation }

    struct Row: Sendable {
        let verbs: [ActivityVerb]
        let place: Place
        let request: any Message
        init(_ verbs: ActivityVerb..., at place: Place = .home, with request: any Message) {
            self.verbs = verbs
            self.place = place
            self.request = request
        }
    }

    /// What there is at home, in province u1 with commune u2 and its team t.
    struct Home: Sendable {
        var report = ""
        var kept = ""
        var difficulty = ""
        var target = ""
        var session = ""
    }

    /// All methods of the service but health and reflection, as the contract lists them: a new one without a row fails.
    static let methods: [MethodDescriptor] =
        Cdt_Activity_V1_ActivityReportingService.methods + Cdt_Activity_V1_AchievementService.methods
        + Cdt_Activity_V1_DifficultyService.methods + Cdt_Activity_V1_TrainingService.methods
        + Cdt_Activity_V1_PlatformService.methods + Cdt_Activity_V1_TargetService.methods
        + Cdt_Feed_V1_FeedService.methods

    /// Requests that name what they are about and lack the rest, so that who is let in changes nothing.
    static func rows(_ home: Home) -> [String: Row] {
        reports(home).merging(figures) { a, _ in a }.merging(work(home)) { a, _ in a }
            .merging(training(home)) { a, _ in a }
    }

    static func reports(_ home: Home) -> [String: Row] {
        [
            "SetReportingPolicy": Row(
                .administer,
                with: Cdt_Activity_V1_SetReportingPolicyRequest.with { $0.policy.jurisdiction = "units/u2" }),
            "GetReportingPolicy": Row(.read, at: .somewhere, with: Cdt_Activity_V1_GetReportingPolicyRequest()),
            "ListReportingPolicies": Row(.read, at: .somewhere, with: Cdt_Activity_V1_ListReportingPoliciesRequest()),
            "OpenPeriod": Row(.administer, at: .nation, with: Cdt_Activity_V1_OpenPeriodRequest()),
            "GetPeriod": Row(.read, at: .somewhere, with: Cdt_Activity_V1_GetPeriodRequest()),
            "ListPeriods": Row(.read, at: .somewhere, with: Cdt_Activity_V1_ListPeriodsRequest()),
            "ClosePeriod": Row(.administer, at: .nation, with: Cdt_Activity_V1_ClosePeriodRequest()),
            "GetObligation": Row(
                .read, with: Cdt_Activity_V1_GetObligationRequest.with { $0.name = "obligations/2024-10.t.p0" }),
            "ListObligations": Row(.read, with: Cdt_Activity_V1_ListObligationsRequest.with { $0.unit = "units/u2" }),
            "ExcuseObligation": Row(
                .approve, with: Cdt_Activity_V1_ExcuseObligationRequest.with { $0.name = "obligations/2024-10.t.p0" }),
            "WaiveObligations": Row(
                .administer, with: Cdt_Activity_V1_WaiveObligationsRequest.with { $0.unit = "units/u1" }),
            "SubmitReport": Row(
                .submit, with: Cdt_Activity_V1_SubmitReportRequest.with { $0.submission.report.team = "teams/t" }),
            "SubmitReports": Row(.submit, at: .somewhere, with: Cdt_Activity_V1_SubmitReportsRequest()),
            "SyncReports": Row(.submit, at: .somewhere, with: Cdt_Activity_V1_SyncReportsRequest()),
            "GetReport": Row(.read, with: Cdt_Activity_V1_GetReportRequest.with { $0.name = home.report }),
            "ListReports": Row(.read, with: Cdt_Activity_V1_ListReportsRequest.with { $0.team = "teams/t" }),
            "ReturnReport": Row(
                .endorse, .approve, .accept, with: Cdt_Activity_V1_ReturnReportRequest.with { $0.name = home.report }),
            "EndorseReport": Row(
                .endorse,
                with: Cdt_Activity_V1_EndorseReportRequest.with {
                    $0.name = home.report
                    $0.version = 9
                }),
            "ApproveReport": Row(.approve, with: Cdt_Activity_V1_ApproveReportRequest.with { $0.name = home.report }),
            "AcceptReport": Row(.accept, with: Cdt_Activity_V1_AcceptReportRequest.with { $0.name = home.report }),
            "ListRejectedReports": Row(.read, at: .somewhere, with: Cdt_Activity_V1_ListRejectedReportsRequest()),
            "GetRejectedReport": Row(
                .read, with: Cdt_Activity_V1_GetRejectedReportRequest.with { $0.name = home.kept }),
            "AdmitRejectedReport": Row(
                .approve, with: Cdt_Activity_V1_AdmitRejectedReportRequest.with { $0.name = home.kept }),
            "DismissRejectedReport": Row(
                .approve, with: Cdt_Activity_V1_DismissRejectedReportRequest.with { $0.name = home.kept }),
            "Follow": Row(
                .read, at: .somewhere,
                with: Cdt_Feed_V1_FollowRequest.with { $0.topic = ActivityReportingService.topic }),
        ]
    }

    static let figures: [String: Row] = [
        "GetFigures": Row(.read, with: Cdt_Activity_V1_GetFiguresRequest.with { $0.unit = "units/u1" }),
        "ListFigures": Row(.read, with: Cdt_Activity_V1_ListFiguresRequest.with { $0.parent = "units/u1" }),
        "WatchFigures": Row(.read, with: Cdt_Activity_V1_WatchFiguresRequest.with { $0.unit = "units/u2" }),
        "GetAchievements": Row(.read, with: Cdt_Activity_V1_GetAchievementsRequest.with { $0.unit = "units/u1" }),
        "ListAchievements": Row(.read, with: Cdt_Activity_V1_ListAchievementsRequest.with { $0.parent = "units/u1" }),
        "WatchAchievements": Row(.read, with: Cdt_Activity_V1_WatchAchievementsRequest.with { $0.unit = "units/u2" }),
        "GetIndicator": Row(.read, with: Cdt_Activity_V1_GetIndicatorRequest.with { $0.unit = "units/u2" }),
        "GetParticipation": Row(.read, with: Cdt_Activity_V1_GetParticipationRequest.with { $0.unit = "units/u2" }),
        "GetComposition": Row(.read, with: Cdt_Activity_V1_GetCompositionRequest.with { $0.unit = "units/u1" }),
    ]

    static func work(_ home: Home) -> [String: Row] {
        [
            "GetDifficulty": Row(.read, with: Cdt_Activity_V1_GetDifficultyRequest.with { $0.name = home.difficulty }),
            "ListDifficulties": Row(.read, with: Cdt_Activity_V1_ListDifficultiesRequest.with { $0.unit = "units/u2" }),
            "AssignDifficulty": Row(
                .approve, with: Cdt_Activity_V1_AssignDifficultyRequest.with { $0.name = home.difficulty }),
            "ResolveDifficulty": Row(
                .approve, with: Cdt_Activity_V1_ResolveDifficultyRequest.with { $0.name = home.difficulty }),
            "ReopenDifficulty": Row(
                .approve, with: Cdt_Activity_V1_ReopenDifficultyRequest.with { $0.name = home.difficulty }),
            "SetPlatform": Row(
                .administer, with: Cdt_Activity_V1_SetPlatformRequest.with { $0.platform.unit = "units/u1" }),
            "GetPlatform": Row(.read, at: .somewhere, with: Cdt_Activity_V1_GetPlatformRequest()),
            "ListPlatforms": Row(.read, at: .somewhere, with: Cdt_Activity_V1_ListPlatformsRequest()),
            "CreateTarget": Row(
                .administer, with: Cdt_Activity_V1_CreateTargetRequest.with { $0.target.unit = "units/u1" }),
            "EndTarget": Row(
                .administer,
                with: Cdt_Activity_V1_EndTargetRequest.with {
                    $0.name = home.target
                    $0.validTo = "2020-01-01"
                }),
            "GetTarget": Row(.read, at: .somewhere, with: Cdt_Activity_V1_GetTargetRequest()),
            "ListTargets": Row(.read, at: .somewhere, with: Cdt_Activity_V1_ListTargetsRequest()),
            "GetTargetStanding": Row(
                .read, with: Cdt_Activity_V1_GetTargetStandingRequest.with { $0.name = home.target }),
            "ListTargetStandings": Row(
                .read, with: Cdt_Activity_V1_ListTargetStandingsRequest.with { $0.name = home.target }),
        ]
    }

    static func training(_ home: Home) -> [String: Row] {
        [
            "CreateCourse": Row(
                .administer, with: Cdt_Activity_V1_CreateCourseRequest.with { $0.course.unit = "units/u1" }),
            "ListCourses": Row(.read, at: .somewhere, with: Cdt_Activity_V1_ListCoursesRequest()),
            "RecordSession": Row(
                .approve,
                with: Cdt_Activity_V1_RecordSessionRequest.with {
                    $0.session.unit = "units/u2"
                    $0.session.attendances = [.with { $0.team = "teams/t" }]
                }),
            "ScheduleSession": Row(
                .approve,
                with: Cdt_Activity_V1_ScheduleSessionRequest.with {
                    $0.session.unit = "units/u1"
                    $0.session.invitation.unit = "units/u2"
                    $0.session.invitation.invitees = [.with { $0.team = "teams/t" }]
                }),
            "UpdateSession": Row(
                .approve,
                with: Cdt_Activity_V1_UpdateSessionRequest.with {
                    $0.session.name = home.session
                    $0.session.invitation.unit = "units/u2"
                    $0.session.invitation.invitees = [.with { $0.team = "teams/t" }]
                }),
            "CancelSession": Row(.approve, with: Cdt_Activity_V1_CancelSessionRequest.with { $0.name = home.session }),
            "GetSession": Row(.read, with: Cdt_Activity_V1_GetSessionRequest.with { $0.name = home.session }),
            "ListSessions": Row(.read, with: Cdt_Activity_V1_ListSessionsRequest.with { $0.unit = "units/u1" }),
            "AssessSkills": Row(
                .endorse, .approve, with: Cdt_Activity_V1_AssessSkillsRequest.with { $0.team = "teams/t" }),
            "GetTeamSkills": Row(.read, with: Cdt_Activity_V1_GetTeamSkillsRequest.with { $0.team = "teams/t" }),
        ]
    }

    /// Whether a call is denied; any other end is that of a caller who was let in.
    static func isDenied(
        _ client: RPCClient, _ method: MethodDescriptor, _ request: any Message, _ options: CallOptions
    )
        async throws -> Bool
    {
        let bytes: [UInt8] = try request.serializedBytes()
        return await AccessTests.isDenied {
            switch method.kind {
            case .unary:
                _ = try await client.unary(method, bytes, options: options, encode: { $0 }, decode: { $0 })
            case .serverStreaming:
                let call = try await client.serverStreaming(
                    method, bytes, options: options, encode: { $0 }, decode: { $0 })
                for try await _ in call.responses { break }
                call.cancel()
            default:
                let call: BidirectionalCall<[UInt8], [UInt8]> = try await client.bidirectionalStreaming(
                    method, options: options, encode: { $0 }, decode: { $0 })
                call.requests.finish()
                for try await _ in call.responses {}
            }
        }
    }

    @Test("Neither a stranger nor who may do something else is let in; who holds the verb at the place is")
    func walk() async throws {
        try await AccessTests.with { guarded in
            let all = try guarded.everything()
            var home = Home()
            home.report = try await guarded.client.submitReport(
                .with {
                    $0.submission = ServiceTests.submission("p0")
                    $0.submission.report.meet(.infrastructure)
                }, options: all
            ).report
            let verdicts = try await guarded.client.syncReports(
                .with { $0.submissions = [ServiceTests.submission("stranger")] }, options: all
            ).verdicts
            home.kept = verdicts[0].rejectedReport
            home.difficulty =
                try await guarded.difficulties.listDifficulties(.init(), options: all).difficulties[0].name
            home.target = try await guarded.targets.createTarget(
                .with {
                    $0.target.unit = "units/u1"
                    $0.target.displayName = "100% xã có tổ"
                    $0.target.measure = .communesWithTeam
                    $0.target.threshold = 10_000
                    $0.target.validFrom = "2022-06-01"
                }, options: all
            ).target.name
            let course = try await guarded.training.createCourse(
                .with {
                    $0.course.unit = "units/u1"
                    $0.course.displayName = "Thanh toán số"
                    $0.course.skills = [.onlinePayment]
                    $0.course.level = .uses
                }, options: all
            ).course.name
            home.session = try await guarded.training.scheduleSession(
                .with {
                    $0.session.course = course
                    $0.session.unit = "units/u2"
                    $0.session.mode = .inPerson
                    $0.session.heldOn = "2024-11-20"
                    $0.session.startsAt = "08:00"
                    $0.session.place = "Nhà văn hóa"
                }, options: all
            ).session.name
            let rows = Self.rows(home)
            for method in Self.methods {
                let row = try #require(rows[method.method], "\(method.path) has no row")
                func denied(_ verbs: [String], _ unit: String) async throws -> Bool {
                    try await Self.isDenied(
                        guarded.wire, method, row.request, try guarded.options([(verbs, unit)]))
                }
                let others = ActivityVerb.allCases.filter { !row.verbs.contains($0) }.map(\.name)
                #expect(try await denied(others, ""), "\(method.path) with other verbs")
                #expect(
                    try await denied(["activity.*"], "units/u9") == (row.place != .somewhere),
                    "\(method.path) elsewhere")
                #expect(
                    try await denied(["activity.*"], "units/u1") == (row.place == .nation), "\(method.path) at home")
                for verb in row.verbs {
                    let unit = row.place == .nation ? "" : "units/u1"
                    #expect(try await !denied([verb.name], unit), "\(method.path) with \(verb.name)")
                    #expect(try await !denied([verb.name], "units/u0"), "\(method.path) with the nation by its name")
                }
            }
        }
    }
}
