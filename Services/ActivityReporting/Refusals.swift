import RPC
import ServiceKit
import Shared

/// Why a call is refused.
typealias Refusal = ServiceError
/// One thing wrong with what was sent.
package typealias Violation = ServiceError.FieldViolation

extension Violation {
    init(_ field: String, _ description: String, vi: String, reason: String = "INVALID_FIELD") {
        self.init(field: field, reason: reason, description: description, descriptionVi: vi)
    }
}

/// The one table from this domain to status codes and reasons; `activity_reporting_service.proto` documents it.
extension Refusal {
    static func unitNotFound(_ name: String) -> Refusal { .unheard(unit: name) }
    static func teamNotFound(_ name: String) -> Refusal { .unheard(team: name) }
    static func obligationNotFound(_ name: String) -> Refusal {
        .notFound(
            type: "cdt.activity.v1.Obligation", name: name, reason: "OBLIGATION_NOT_FOUND", listedBy: "ListObligations")
    }
    static func reportNotFound(_ name: String) -> Refusal {
        .notFound(
            type: "cdt.activity.v1.Report", name: name, reason: "REPORT_NOT_FOUND", listedBy: "ListReports")
    }
    static func rejectedReportNotFound(_ name: String) -> Refusal {
        .notFound(
            type: "cdt.activity.v1.RejectedReport", name: name, reason: "REJECTED_REPORT_NOT_FOUND",
            listedBy: "ListRejectedReports")
    }
    static func alreadyDecided(_ row: ReviewRow) -> Refusal {
        let (word, vi) = row.state == .admitted ? ("ADMITTED", "được chấp nhận") : ("DISMISSED", "bị loại")
        let by = row.decision?.by ?? ""
        return .failedPrecondition(
            reason: "ALREADY_DECIDED", subject: row.name,
            "\(row.name) is \(word), decided by \(by); a decision stands: send what should count as a new report",
            vi: "\(row.name) đã \(vi) bởi \(by); quyết định giữ nguyên: hãy gửi báo cáo mới nếu cần",
            metadata: ["state": word])
    }
    static func stillNotActive(_ key: ObligationKey, kept: String) -> Refusal {
        .failedPrecondition(
            reason: "NOT_ACTIVE_IN_PERIOD", subject: kept,
            "nothing is owed for \(key.id): by the Registry's facts the subject was not active in \(key.period); correct "
                + "the team or the membership there first, or dismiss the report",
            vi:
                "theo dữ liệu Sổ đăng ký, \(key.id) không hoạt động trong kỳ \(key.period); hãy sửa dữ liệu tổ hoặc thành "
                + "viên trước, hoặc loại báo cáo",
            metadata: ["obligation": key.obligation])
    }
    static func reportedSince(_ key: ObligationKey, kept: String) -> Refusal {
        .failedPrecondition(
            reason: "ALREADY_RECEIVED", subject: kept,
            "the subject has sent \(key.report) since; dismiss this one, or correct that report",
            vi: "đối tượng đã gửi \(key.report); hãy loại báo cáo này hoặc sửa báo cáo đó",
            metadata: ["report": key.report])
    }
    static func platformNotFound(_ name: String) -> Refusal {
        .notFound(
            type: "cdt.activity.v1.Platform", name: name, reason: "PLATFORM_NOT_FOUND", listedBy: "ListPlatforms")
    }
    static func targetNotFound(_ name: String) -> Refusal {
        .notFound(
            type: "cdt.activity.v1.Target", name: name, reason: "TARGET_NOT_FOUND", listedBy: "ListTargets")
    }
    static func targetEnded(_ target: Cdt_Activity_V1_Target) -> Refusal {
        .failedPrecondition(
            reason: "TARGET_ENDED", subject: target.name,
            "\(target.name) ends on \(target.validTo) already; give an earlier day, or set a new target",
            vi: "\(target.name) đã kết thúc ngày \(target.validTo); hãy chọn ngày sớm hơn hoặc đặt chỉ tiêu mới",
            metadata: ["validTo": target.validTo])
    }
    static func outsideTarget(_ unit: UnitRecord, _ target: Cdt_Activity_V1_Target, on date: LocalDate, field: String)
        -> Refusal
    {
        .invalid(
            field, reason: "OUTSIDE_TARGET",
            "units/\(unit.id) (\(unit.name)) does not lie under \(target.unit) on \(date), whose target this is; take a unit "
                + "below it",
            vi:
                "units/\(unit.id) (\(unit.name)) không thuộc \(target.unit) vào ngày \(date); hãy chọn đơn vị trực thuộc"
        )
    }
    static func difficultyNotFound(_ name: String) -> Refusal {
        .notFound(
            type: "cdt.activity.v1.TeamDifficulty", name: name, reason: "DIFFICULTY_NOT_FOUND",
            listedBy: "ListDifficulties")
    }
    static func wrongDifficultyState(_ row: DifficultyRow) -> Refusal {
        let (word, vi) = row.state == .open ? ("OPEN", "chưa được giải quyết") : ("RESOLVED", "đã được giải quyết")
        return .failedPrecondition(
            reason: "WRONG_DIFFICULTY_STATE", subject: "difficulties/\(row.id)",
            "difficulties/\(row.id) is \(word); only an OPEN one is assigned or resolved, only a RESOLVED one reopened",
            vi: "khó khăn này \(vi)", metadata: ["state": word])
    }
    static func difficultyOpenAlready(_ row: DifficultyRow, other: DifficultyRow) -> Refusal {
        .failedPrecondition(
            reason: "DIFFICULTY_OPEN_ALREADY", subject: "difficulties/\(row.id)",
            "the team has told of the same since: go on with difficulties/\(other.id)",
            vi: "tổ đã nêu lại khó khăn này: hãy xử lý difficulties/\(other.id)",
            metadata: ["difficulty": "difficulties/\(other.id)"])
    }
    static func courseNotFound(_ name: String) -> Refusal {
        .notFound(
            type: "cdt.activity.v1.Course", name: name, reason: "COURSE_NOT_FOUND", listedBy: "ListCourses")
    }
    static func sessionNotFound(_ name: String) -> Refusal {
        .notFound(
            type: "cdt.activity.v1.TrainingSession", name: name, reason: "SESSION_NOT_FOUND", listedBy: "ListSessions")
    }
    static func sessionNotPlanned(_ row: SessionRow) -> Refusal {
        let (word, vi) = row.session.state == .cancelled ? ("CANCELLED", "đã bị hủy") : ("HELD", "đã được tổ chức")
        return .failedPrecondition(
            reason: "SESSION_NOT_PLANNED", subject: row.name,
            "\(row.name) is \(word); only a PLANNED one is changed, cancelled or recorded: plan or record another one",
            vi: "buổi học này \(vi); hãy lập kế hoạch hoặc ghi nhận buổi khác", metadata: ["state": word])
    }
    /// - Parameter strangers: with the field that names each.
    static func notAMember(_ strangers: [(field: String, person: String)], team: String, _ day: LocalDate) -> Refusal {
        let shown =
            strangers.prefix(20).map(\.person).joined(separator: ", ") + (strangers.count > 20 ? " …" : "")
        var refusal = failedPrecondition(
            reason: "NOT_A_MEMBER", subject: team,
            "not in \(team) on \(day): \(shown); name members of that day, or correct the membership in the Registry",
            vi:
                "không thuộc \(team) vào ngày \(day): \(shown); hãy chọn thành viên của ngày đó hoặc sửa dữ liệu thành viên",
            metadata: ["people": shown])
        refusal.violations = strangers.prefix(100).map { field, person in
            Violation(
                field, "\(person) is not in \(team) on \(day)", vi: "\(person) không thuộc \(team) vào ngày \(day)",
                reason: "NOT_A_MEMBER")
        }
        return refusal
    }
    static func policyNotFound(_ name: String) -> Refusal {
        .notFound(
            type: "cdt.activity.v1.ReportingPolicy", name: name, reason: "POLICY_NOT_FOUND",
            listedBy: "ListReportingPolicies")
    }
    /// For a reader of periods: there is none such.
    static func periodNotFound(_ period: Month) -> Refusal {
        .notFound(
            type: "cdt.activity.v1.Period", name: "periods/\(period)", reason: "PERIOD_NOT_OPEN",
            remedy: ("open it with OpenPeriod first", vi: "hãy mở kỳ bằng OpenPeriod trước"))
    }

    static func unitNotInForce(_ unit: UnitRecord, on date: LocalDate, field: String = "tree_date") -> Refusal {
        var refusal = invalid(
            field, reason: "UNIT_NOT_IN_FORCE",
            "units/\(unit.id) (\(unit.name)) is not in force on \(date), only \(unit.validity); take a date in that time, "
                + "or the unit of the date",
            vi:
                "units/\(unit.id) (\(unit.name)) không có hiệu lực ngày \(date), chỉ trong \(unit.validity); hãy chọn ngày "
                + "trong thời gian đó hoặc đơn vị của ngày đó")
        refusal.metadata["validFrom"] = unit.validity.from?.description ?? ""
        refusal.metadata["validTo"] = unit.validity.to?.description ?? ""
        return refusal
    }

    static func periodNotOpen(_ period: Month) -> Refusal {
        .failedPrecondition(
            reason: "PERIOD_NOT_OPEN", subject: "periods/\(period)",
            "period \(period) is not open; open it with OpenPeriod first",
            vi: "kỳ báo cáo \(period) chưa được mở; hãy mở kỳ trước", metadata: ["period": "\(period)"])
    }

    static func periodClosed(_ period: Month) -> Refusal {
        .failedPrecondition(
            reason: "PERIOD_CLOSED", subject: "periods/\(period)",
            "period \(period) is closed: what was expected and received stays; what is still to be said of it is a report or a "
                + "correction, which counts in the month in which it comes",
            vi:
                "kỳ báo cáo \(period) đã khóa sổ: số phải nộp và đã nộp giữ nguyên; nội dung bổ sung gửi bằng báo cáo hoặc bản "
                + "điều chỉnh, tính vào tháng gửi", metadata: ["period": "\(period)"])
    }

    static func periodNotEnded(_ period: Month) -> Refusal {
        .failedPrecondition(
            reason: "PERIOD_NOT_ENDED", subject: "periods/\(period)",
            "period \(period) can be closed from \(period.next.firstDay) on",
            vi: "kỳ báo cáo \(period) chỉ được khóa sổ từ ngày \(period.next.firstDay)",
            metadata: ["period": "\(period)"])
    }

    static func obligationsPending(_ period: Month, teams: Int) -> Refusal {
        .failedPrecondition(
            reason: "OBLIGATIONS_PENDING", subject: "periods/\(period)",
            "the obligations of \(teams) teams in \(period) are still to be derived; try again when GetPeriod says derived",
            vi: "nghĩa vụ báo cáo kỳ \(period) của \(teams) tổ còn đang được xác định; hãy thử lại sau",
            metadata: ["pendingTeams": "\(teams)"])
    }

    static func policyOverlaps(_ from: String, jurisdiction: String) -> Refusal {
        .failedPrecondition(
            reason: "POLICY_OVERLAPS", subject: jurisdiction,
            "a policy of \(jurisdiction) begins on \(from), on or after the first day given; take a later day",
            vi: "\(jurisdiction) đã có quy định bắt đầu từ \(from); hãy chọn ngày muộn hơn",
            metadata: ["validFrom": from])
    }

    static func policyInClosedPeriod(_ period: Month, from: LocalDate, jurisdiction: String) -> Refusal {
        .failedPrecondition(
            reason: "POLICY_IN_CLOSED_PERIOD", subject: jurisdiction,
            "the policy would govern \(period), which is closed in \(jurisdiction); what a closed period says stays: take "
                + "\(from) or a later day as valid_from",
            vi: "quy định sẽ áp dụng cho kỳ \(period) đã khóa sổ tại \(jurisdiction); hãy chọn ngày bắt đầu từ \(from)",
            metadata: ["period": "\(period)", "validFrom": from.description])
    }

    static func operationReused(_ id: String) -> Refusal {
        Refusal(
            .alreadyExists, reason: "OPERATION_ID_REUSED",
            "operation \(id) was used with other content; take a new id for a new operation",
            vi: "mã thao tác \(id) đã dùng với nội dung khác; hãy dùng mã mới", metadata: ["operationId": id])
    }

    static func declaredTooEarly(_ submission: String, _ calendar: ReportingCalendar) -> Refusal {
        .invalid(
            "\(submission).report.declared_on", reason: "DECLARED_TOO_EARLY",
            "a report for \(calendar.period) cannot have been received before \(calendar.firstDay); give that day or a later "
                + "one",
            vi: "báo cáo kỳ \(calendar.period) không thể nhận trước \(calendar.firstDay); hãy nêu ngày đó hoặc muộn hơn"
        )
    }

    static func versionConflict(_ name: String, current: Int64) -> Refusal {
        Refusal(
            .aborted, reason: "VERSION_CONFLICT",
            "the newest version of \(name) is \(current); read it and decide again",
            vi: "phiên bản mới nhất của \(name) là \(current); hãy xem lại rồi gửi lại",
            metadata: ["resourceName": name, "version": "\(current)"])
    }

    static func wrongSubject(team: String, memberReports: Bool) -> Refusal {
        .failedPrecondition(
            reason: "WRONG_SUBJECT", subject: "teams/\(team)",
            memberReports
                ? "in teams/\(team) each member reports for this period; name the person"
                : "teams/\(team) reports as a whole for this period; leave the person empty",
            vi: memberReports
                ? "trong kỳ này từng thành viên của teams/\(team) báo cáo; hãy nêu thành viên"
                : "trong kỳ này teams/\(team) báo cáo chung cả tổ; hãy để trống thành viên",
            metadata: ["expected": memberReports ? "person" : "team"])
    }

    static func notActive(_ key: ObligationKey, kept: String) -> Refusal {
        .failedPrecondition(
            reason: "NOT_ACTIVE_IN_PERIOD", subject: key.obligation,
            "nothing is owed for \(key.id): the subject was not active in \(key.period); the report is kept for review "
                + "as \(kept)",
            vi: "\(key.id) không hoạt động trong kỳ \(key.period); báo cáo được giữ lại để xem xét (\(kept))",
            metadata: ["rejectedReport": kept])
    }

    static func wrongReportState(
        _ name: String, state: Cdt_Activity_V1_ReportState, allowed: [Cdt_Activity_V1_ReportState]
    ) -> Refusal {
        let words = allowed.map(\.word).joined(separator: ", ")
        return .failedPrecondition(
            reason: "WRONG_REPORT_STATE", subject: name,
            "\(name) is \(state.word); this can be done to a report that is \(words)",
            vi: "\(name) đang ở trạng thái \(state.word); chỉ thực hiện được khi \(words)",
            metadata: ["state": state.word])
    }

    static func alreadyReceived(_ name: String) -> Refusal {
        .failedPrecondition(
            reason: "ALREADY_RECEIVED", subject: name,
            "the report for \(name) has been received; there is nothing to excuse",
            vi: "báo cáo của \(name) đã nhận được; không cần miễn")
    }
}

extension Cdt_Activity_V1_ReportState {
    /// The word of the contract: `SUBMITTED`.
    var word: String {
        switch self {
        case .submitted: "SUBMITTED"
        case .endorsed: "ENDORSED"
        case .approved: "APPROVED"
        case .accepted: "ACCEPTED"
        case .returned: "RETURNED"
        default: "UNSPECIFIED"
        }
    }
}
