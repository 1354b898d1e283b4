import RPC
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Cdt_Activity_V1_ListSessionsRequest: PagedRequest {}

/// Sessions of courses: planned, held and cancelled.
extension TrainingHandlers {
    func scheduleSession(_ request: Cdt_Activity_V1_ScheduleSessionRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ScheduleSessionResponse
    {
        var check = Violations()
        let today = reporting.clock.today
        let plan = check.plan(request.session, today: today)
        let unit = ResourceName.id(plan.unit, in: "units")
        let day = LocalDate(plan.heldOn) ?? today
        let (units, teams) = (plan.invitation.units, plan.invitation.teams)
        try await base.admit(
            [.unit(.approve, unit, day)] + units.map { .unit(.approve, $0, today) }
                + teams.map { .team([.approve], $0, today) }, context: context)
        try check.refuse()
        let id = UUIDv7.next(at: reporting.clock.now)
        let caller = base.caller(context)
        return try await base.once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.scheduleSession(plan, id: id, by: caller, keeper)
                .map { session in .with { $0.session = session } }
        }
    }

    func updateSession(_ request: Cdt_Activity_V1_UpdateSessionRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_UpdateSessionResponse
    {
        var check = Violations()
        let today = reporting.clock.today
        let id = check.name(request.session.name, of: "trainingSessions", "session.name") ?? ""
        let change = SessionChange(request.session, mask: request.updateMask.paths, &check)
        let (units, teams) = (change.invitation.units, change.invitation.teams)
        try await base.admit(
            [.session(.approve, id)] + units.map { .unit(.approve, $0, today) }
                + teams.map { .team([.approve], $0, today) }, context: context)
        try check.refuse()
        let (etag, caller) = (request.session.etag, base.caller(context))
        return try await base.once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.updateSession(id, change, etag: etag, by: caller, keeper)
                .map { session in .with { $0.session = session } }
        }
    }

    func cancelSession(_ request: Cdt_Activity_V1_CancelSessionRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_CancelSessionResponse
    {
        var check = Violations()
        let id = check.name(request.name, of: "trainingSessions", "name") ?? ""
        let reason = check.text(request.reason, "reason")
        try await base.admit(.session(.approve, id), context: context)
        try check.refuse()
        let (etag, caller) = (request.etag, base.caller(context))
        return try await base.once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.cancelSession(id, reason: reason, etag: etag, by: caller, keeper)
                .map { session in .with { $0.session = session } }
        }
    }

    func recordSession(_ request: Cdt_Activity_V1_RecordSessionRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_RecordSessionResponse
    {
        var check = Violations()
        let today = reporting.clock.today
        let planned = check.name(request.plannedSession, of: "trainingSessions", "planned_session", required: false)
        // What is not said is as it was planned, which is for who may know of the plan.
        if let planned { try await base.admit(.session(.approve, planned), context: context) }
        let plan = try planned.map { try reporting.session($0).session }
        let session = check.held(request.session, as: plan, today: today)
        let unit = ResourceName.id(session.unit, in: "units")
        let day = LocalDate(session.heldOn) ?? today
        // What is said of a team's members is said by who may say it there.
        let teams = Set(session.attendances.map { ResourceName.lastID($0.team) }).sorted()
        try await base.admit(
            [.unit(.approve, unit, day)] + teams.map { .team([.approve], $0, day) }, context: context)
        try check.refuse()
        let id = UUIDv7.next(at: reporting.clock.now)
        let caller = base.caller(context)
        return try await base.once(try RequestIDs.key(request.requestID, of: request, context)) { keeper in
            try Reporting.recordSession(request.session, of: planned, id: id, by: caller, keeper)
                .map { session in .with { $0.session = session } }
        }
    }

    func getSession(_ request: Cdt_Activity_V1_GetSessionRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_GetSessionResponse
    {
        var check = Violations()
        let id = check.name(request.name, of: "trainingSessions", "name") ?? ""
        try await base.admit(.session(.read, id), context: context)
        try check.refuse()
        let session = try await reporting.sessionWithAttendances(id)
        return .with { $0.session = session }
    }

    func listSessions(_ request: Cdt_Activity_V1_ListSessionsRequest, context: ServerContext) async throws
        -> Cdt_Activity_V1_ListSessionsResponse
    {
        var check = Violations()
        let unit = check.name(request.unit, of: "units", "unit", required: false)
        let course = check.name(request.course, of: "courses", "course", required: false)
        check.require(
            Cdt_Activity_V1_SessionState.allCases.contains(request.state), "state", "is not a value of the contract",
            vi: "không phải giá trị của giao diện")
        try await base.admit(.unit(.read, unit, reporting.clock.today), context: context)
        try check.refuse()
        let page = try base.pageTokens.page(of: request, Method.listSessions, size: 100)
        let found = try await reporting.sessions(
            unit: unit, course: course, state: request.state == .unspecified ? nil : request.state,
            before: page.position?.first, limit: page.size + 1)
        let (sessions, token) = try base.pageTokens.cut(found, to: page, of: request, Method.listSessions) {
            [ResourceName.lastID($0.name)]
        }
        return .with {
            $0.sessions = sessions
            $0.nextPageToken = token
        }
    }
}

extension Cdt_Activity_V1_SessionInvitation {
    /// The unit whose teams are invited, bare, if it is another than the session's.
    fileprivate var units: [String] { ResourceName.id(unit, in: "units").map { [$0] } ?? [] }

    /// The teams of those who are invited one by one, bare.
    fileprivate var teams: [String] { Set(invitees.map { ResourceName.lastID($0.team) }).sorted() }
}
