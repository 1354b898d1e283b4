import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Activity_V1_ListCoursesRequest: PagedRequest {}

/// The calls of `cdt.activity.v1.TrainingService`; those about sessions are in `SessionCalls.swift`.
struct TrainingHandlers: Cdt_Activity_V1_TrainingService.ServiceProtocol {
    typealias Method = Cdt_Activity_V1_TrainingService.Method

    let base: ActivityReportingHandlers
    var reporting: Reporting { base.reporting }

    func createCourse(_ request: Cdt_Activity_V1_CreateCourseRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_CreateCourseResponse
    {
        var check = Violations()
        let course = request.course
        let unit = check.name(course.unit, of: "units", "course.unit", required: false)
        _ = check.text(course.displayName, "course.display_name")
        _ = check.text(course.platform, "course.platform", max: 128, required: false)
        check.require(!course.skills.isEmpty, "course.skills", "must name one at least", vi: "cần ít nhất một kỹ năng")
        for (i, skill) in course.skills.enumerated() { check.skill(skill, "course.skills[\(i)]") }
        check.require(
            (SkillLevel(rawValue: course.level.rawValue) ?? .none) > .none, "course.level", "must be AWARE or more",
            vi: "cần từ mức biết đến trở lên")
        try await base.admit(.unit(.administer, unit, reporting.clock.today), context: context)
        try check.refuse()
        let id = UUIDv7.next(at: reporting.clock.now)
        let caller = base.caller(context)
        return try await base.once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.createCourse(course, id: id, by: caller, keeper).map { course in .with { $0.course = course }
            }
        }
    }

    func listCourses(_ request: Cdt_Activity_V1_ListCoursesRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListCoursesResponse
    {
        var check = Violations()
        let unit = check.name(request.unit, of: "units", "unit", required: false)
        try await base.admit(.somewhere(.read), context: context)
        try check.refuse()
        let page = try base.pageTokens.page(of: request, Method.listCourses, size: 100)
        guard let identity = context.identity else { return .init() }
        let (found, next) = try await reporting.courses(
            for: identity, unit: unit, before: page.position?.first, limit: page.size)
        let token = try next.map { try base.pageTokens.token(after: [$0], of: request, Method.listCourses) }
        return .with {
            $0.courses = found
            $0.nextPageToken = token ?? ""
        }
    }

    func assessSkills(_ request: Cdt_Activity_V1_AssessSkillsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_AssessSkillsResponse
    {
        var check = Violations()
        let team = check.name(request.team, of: "teams", "team") ?? ""
        let today = reporting.clock.today
        let day =
            request.assessedOn.isEmpty ? today : check.past(request.assessedOn, "assessed_on", today: today) ?? today
        check.require(
            (1...500).contains(request.assessments.count), "assessments", "must be 1 to 500", vi: "cần từ 1 đến 500")
        var seen: Set<String> = []
        for (i, assessment) in request.assessments.enumerated() {
            let field = "assessments[\(i)]"
            check.require(
                seen.insert("\(assessment.person) \(assessment.skill.rawValue) \(assessment.platform)").inserted, field,
                "must name each person, skill and platform once only",
                vi: "mỗi người, kỹ năng và nền tảng chỉ ghi một lần")
            _ = check.name(assessment.person, of: "people", "\(field).person")
            check.skill(assessment.skill, "\(field).skill")
            _ = check.text(assessment.platform, "\(field).platform", max: 128, required: false)
            check.require(
                SkillLevel(rawValue: assessment.level.rawValue) != nil, "\(field).level",
                "must be NONE, AWARE, USES or CAN_TEACH", vi: "cần một mức kỹ năng")
        }
        try await base.admit(.team([.endorse, .approve], team, day), context: context)
        try check.refuse()
        let caller = base.caller(context)
        return try await base.once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.assess(request.assessments, of: request.team, on: day, by: caller, keeper)
                .map { .with { $0.assessedOn = day.description } }
        }
    }

    func getTeamSkills(_ request: Cdt_Activity_V1_GetTeamSkillsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetTeamSkillsResponse
    {
        var check = Violations()
        let team = check.name(request.team, of: "teams", "team") ?? ""
        let day = check.date(request.date, "date", required: false) ?? reporting.clock.today
        try await base.admit(.team([.read], team, day), context: context)
        try check.refuse()
        let registry = base.registry
        var reply = try await reporting.skills(of: team, on: day)
        reply.registry = registry
        return reply
    }
}

extension Violations {
    fileprivate mutating func skill(_ skill: Cdt_Activity_V1_Skill, _ field: String) {
        require(
            Cdt_Activity_V1_Skill.allCases.contains(skill) && skill != .unspecified, field,
            "is not a value of the contract", vi: "không phải giá trị của giao diện")
    }

    /// A day up to today.
    fileprivate mutating func past(_ text: String, _ field: String, today: LocalDate) -> LocalDate? {
        guard let day = date(text, field) else { return nil }
        require(day <= today, field, "must not be after today", vi: "không được sau hôm nay")
        return day
    }
}
