import ServiceKit
import Shared
import SwiftProtobuf

/// What a session must say of itself before it is held and afterwards. Answers are sessions as they are kept: without
/// what the service sets, and without blanks at the ends of texts.
extension Violations {
    /// A session that is to be held.
    mutating func plan(_ session: Cdt_Activity_V1_TrainingSession, today: LocalDate) -> Cdt_Activity_V1_TrainingSession
    {
        var plan = said(session)
        if let day = date(session.heldOn, "session.held_on") {
            require(
                day >= today, "session.held_on", "must not be before today, \(today)",
                vi: "không được trước hôm nay, \(today)")
        }
        plan.startsAt = timeOfDay(session.startsAt, "session.starts_at", required: session.mode != .mooc)
        plan.place = text(session.place, "session.place", max: 300)
        require(
            session.attendances.isEmpty, "session.attendances",
            "must be empty: who attended is said of a session that was held",
            vi: "cần để trống: người tham dự được ghi khi buổi học đã tổ chức")
        return plan
    }

    /// A session that was held.
    ///
    /// - Parameter plan: what was planned and stays where nothing else is said; nil: nothing was.
    mutating func held(
        _ session: Cdt_Activity_V1_TrainingSession, as plan: Cdt_Activity_V1_TrainingSession?, today: LocalDate
    ) -> Cdt_Activity_V1_TrainingSession {
        if let plan, !session.course.isEmpty {
            require(
                session.course == plan.course, "session.course", "must be that of the plan, \(plan.course), or empty",
                vi: "cần là khóa đã lên kế hoạch, \(plan.course), hoặc để trống")
        }
        let session = plan.map { session.completed(by: $0) } ?? session
        var held = said(session)
        if let day = date(session.heldOn, "session.held_on") {
            require(day <= today, "session.held_on", "must not be after today", vi: "không được sau hôm nay")
        }
        held.startsAt = timeOfDay(session.startsAt, "session.starts_at", required: false)
        held.place = text(session.place, "session.place", max: 300, required: false)
        require(session.attendances.count <= 1000, "session.attendances", "must be 1,000 at most", vi: "tối đa 1.000")
        var people: Set<String> = []
        for (i, attendance) in session.attendances.enumerated() {
            let field = "session.attendances[\(i)]"
            member(attendance.person, of: attendance.team, field, besides: &people)
        }
        return held
    }

    /// What every session says.
    private mutating func said(_ session: Cdt_Activity_V1_TrainingSession) -> Cdt_Activity_V1_TrainingSession {
        var said = session
        said.name = ""
        said.attended = 0
        said.completed = 0
        said.state = .unspecified
        said.cancellationReason = ""
        said.etag = ""
        _ = name(session.unit, of: "units", "session.unit", required: false)
        _ = name(session.course, of: "courses", "session.course")
        said.trainer = text(session.trainer, "session.trainer", max: 200, required: false)
        require(
            Cdt_Activity_V1_SessionMode.allCases.contains(session.mode) && session.mode != .unspecified,
            "session.mode", "must be IN_PERSON, ONLINE or MOOC", vi: "cần trực tiếp, trực tuyến hoặc MOOC")
        if session.hasInvitation { invitation(session.invitation, "session.invitation") }
        return said
    }

    private mutating func invitation(_ invitation: Cdt_Activity_V1_SessionInvitation, _ field: String) {
        _ = name(invitation.unit, of: "units", "\(field).unit", required: false)
        known(invitation.teamLevels, "\(field).team_levels")
        known(invitation.roles, "\(field).roles")
        if invitation.invitees.isEmpty { return }
        for (isGiven, part) in [
            (!invitation.unit.isEmpty, "unit"), (!invitation.teamLevels.isEmpty, "team_levels"),
            (!invitation.roles.isEmpty, "roles"),
        ] {
            require(
                !isGiven, "\(field).\(part)", "must be empty where single persons are invited",
                vi: "cần để trống khi mời từng người")
        }
        require(invitation.invitees.count <= 1000, "\(field).invitees", "must be 1,000 at most", vi: "tối đa 1.000")
        var people: Set<String> = []
        for (i, invitee) in invitation.invitees.enumerated() {
            member(invitee.person, of: invitee.team, "\(field).invitees[\(i)]", besides: &people)
        }
    }

    private mutating func member(
        _ person: String, of team: String, _ field: String, besides people: inout Set<String>
    ) {
        _ = name(team, of: "teams", "\(field).team")
        _ = name(person, of: "people", "\(field).person")
        require(
            people.insert(person).inserted, "\(field).person", "must be named once only",
            vi: "mỗi người chỉ ghi một lần")
    }

    /// `HH:MM`.
    private mutating func timeOfDay(_ text: String, _ field: String, required: Bool) -> String {
        if text.isEmpty {
            if required { missing(field) }
            return text
        }
        require(
            TimeOfDay.minutes(text) != nil, field, reason: "INVALID_TIME",
            "is not a time of day; write HH:MM, for example 08:00",
            vi: "không phải là giờ trong ngày; hãy viết GG:PP, ví dụ 08:00")
        return text
    }
}

extension Cdt_Activity_V1_TrainingSession {
    /// What it says, and where it says nothing what was planned.
    fileprivate func completed(by plan: Cdt_Activity_V1_TrainingSession) -> Cdt_Activity_V1_TrainingSession {
        var session = plan
        session.attendances = attendances
        if !unit.isEmpty { session.unit = unit }
        if mode != .unspecified { session.mode = mode }
        if !heldOn.isEmpty { session.heldOn = heldOn }
        if !startsAt.isEmpty { session.startsAt = startsAt }
        if !place.isEmpty { session.place = place }
        if !trainer.isEmpty { session.trainer = trainer }
        if hasInvitation { session.invitation = invitation }
        return session
    }
}

/// What an update says of a planned session.
struct SessionChange: Sendable {
    private static let fields = ["held_on", "starts_at", "place", "mode", "trainer", "invitation"]

    private let session: Cdt_Activity_V1_TrainingSession
    private let paths: Set<String>

    /// - Parameter mask: the fields that change; empty: those that are set.
    init(_ session: Cdt_Activity_V1_TrainingSession, mask: [String], _ check: inout Violations) {
        for path in mask where !Self.fields.contains(path) {
            let shown = path.prefix(60)
            check.add(
                "update_mask", reason: "UNKNOWN_FIELD", "\"\(shown)\" cannot be changed by this call",
                vi: "không thể thay đổi \"\(shown)\" bằng lệnh này")
        }
        self.session = session
        paths = Set(mask.isEmpty ? Self.fields.filter(session.says) : mask)
    }

    /// Who is invited anew; an empty one where nobody is.
    var invitation: Cdt_Activity_V1_SessionInvitation {
        paths.contains("invitation") ? session.invitation : .init()
    }

    func applied(to before: Cdt_Activity_V1_TrainingSession) -> Cdt_Activity_V1_TrainingSession {
        var after = before
        if paths.contains("held_on") { after.heldOn = session.heldOn }
        if paths.contains("starts_at") { after.startsAt = session.startsAt }
        if paths.contains("place") { after.place = session.place }
        if paths.contains("mode") { after.mode = session.mode }
        if paths.contains("trainer") { after.trainer = session.trainer }
        if paths.contains("invitation") {
            if session.hasInvitation { after.invitation = session.invitation } else { after.clearInvitation() }
        }
        return after
    }
}

extension Cdt_Activity_V1_TrainingSession {
    /// Whether a field that updates may change is set.
    fileprivate func says(_ field: String) -> Bool {
        switch field {
        case "held_on": !heldOn.isEmpty
        case "starts_at": !startsAt.isEmpty
        case "place": !place.isEmpty
        case "mode": mode != .unspecified
        case "trainer": !trainer.isEmpty
        case "invitation": hasInvitation
        default: false
        }
    }
}
