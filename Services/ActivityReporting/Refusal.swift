import RPC
import ServiceKit
import Shared

/// Why a call is refused: the one table from the domain to status codes and reasons.
package struct Refusal: Error, Sendable, Hashable {
    package var code: StatusCode
    package var reason: String
    package var message: String
    package var messageVi: String
    package var metadata: [String: String] = [:]
    package var violations: [Violation] = []

    static func badRequest(_ violations: [Violation]) -> Refusal {
        Refusal(
            code: .invalidArgument, reason: "BAD_REQUEST",
            message: violations.map { "\($0.field): \($0.description)" }.joined(separator: " "),
            messageVi: violations.map { "\($0.field): \($0.descriptionVi)" }.joined(separator: " "),
            violations: violations)
    }

    static func badRequest(_ field: String, _ description: String, vi: String) -> Refusal {
        badRequest([Violation(field, description, vi: vi)])
    }

    static func notFound(_ what: String, _ name: String, reason: String, vi: String) -> Refusal {
        Refusal(
            code: .notFound, reason: reason, message: "\(what) \(name) is not known here.",
            messageVi: "Không tìm thấy \(vi) \(name).", metadata: ["name": name])
    }

    static func unitNotFound(_ name: String) -> Refusal {
        notFound("Unit", name, reason: "UNIT_NOT_FOUND", vi: "đơn vị hành chính")
    }
    static func teamNotFound(_ name: String) -> Refusal {
        notFound("Team", name, reason: "TEAM_NOT_FOUND", vi: "tổ công nghệ số cộng đồng")
    }
    static func obligationNotFound(_ name: String) -> Refusal {
        notFound("Obligation", name, reason: "OBLIGATION_NOT_FOUND", vi: "nghĩa vụ báo cáo")
    }
    static func reportNotFound(_ name: String) -> Refusal {
        notFound("Report", name, reason: "REPORT_NOT_FOUND", vi: "báo cáo")
    }
    static func policyNotFound(_ name: String) -> Refusal {
        notFound("Reporting policy", name, reason: "POLICY_NOT_FOUND", vi: "quy định báo cáo")
    }

    static func unitNotInForce(_ unit: UnitRecord, on date: LocalDate) -> Refusal {
        var refusal = badRequest(
            "tree_date",
            "Unit units/\(unit.id) (\(unit.name)) is not in force on \(date), only \(unit.validity); "
                + "give a tree date in that time, or the unit of the date.",
            vi:
                "Đơn vị units/\(unit.id) (\(unit.name)) không có hiệu lực ngày \(date); hãy chọn ngày khác hoặc đơn vị của ngày đó."
        )
        refusal.reason = "UNIT_NOT_IN_FORCE"
        refusal.metadata = [
            "valid_from": unit.validity.from?.description ?? "", "valid_to": unit.validity.to?.description ?? "",
        ]
        return refusal
    }

    /// For a reader the period does not exist; for a writer the system is not in the state for it.
    static func periodNotOpen(_ period: Month, code: StatusCode = .failedPrecondition) -> Refusal {
        Refusal(
            code: code, reason: "PERIOD_NOT_OPEN",
            message: "Period \(period) is not open; open it with OpenPeriod first.",
            messageVi: "Kỳ báo cáo \(period) chưa được mở; hãy mở kỳ trước.", metadata: ["period": "\(period)"])
    }

    static func policyOverlaps(_ from: String) -> Refusal {
        Refusal(
            code: .failedPrecondition, reason: "POLICY_OVERLAPS",
            message: "A policy of this unit begins on \(from), on or after the first day given; choose a later day.",
            messageVi: "Đơn vị đã có quy định bắt đầu từ \(from); hãy chọn ngày muộn hơn.",
            metadata: ["valid_from": from])
    }

    static func operationReused(_ id: String) -> Refusal {
        Refusal(
            code: .alreadyExists, reason: "OPERATION_ID_REUSED",
            message: "Operation \(id) was used with other content; use a new id for a new operation.",
            messageVi: "Mã thao tác \(id) đã dùng với nội dung khác; hãy dùng mã mới.", metadata: ["operation_id": id])
    }

    static func versionConflict(_ name: String, current: Int64) -> Refusal {
        Refusal(
            code: .aborted, reason: "VERSION_CONFLICT",
            message: "The newest version of \(name) is \(current); read it and decide again.",
            messageVi: "Phiên bản mới nhất của \(name) là \(current); hãy xem lại rồi gửi lại.",
            metadata: ["version": "\(current)"])
    }

    static func wrongSubject(team: String, memberReports: Bool) -> Refusal {
        memberReports
            ? Refusal(
                code: .failedPrecondition, reason: "WRONG_SUBJECT",
                message: "In team teams/\(team) each member reports in this period; name the person.",
                messageVi: "Trong kỳ này từng thành viên của tổ báo cáo; hãy nêu thành viên.",
                metadata: ["expected": "person"])
            : Refusal(
                code: .failedPrecondition, reason: "WRONG_SUBJECT",
                message: "Team teams/\(team) reports as a whole in this period; leave the person empty.",
                messageVi: "Trong kỳ này cả tổ báo cáo chung; hãy để trống thành viên.", metadata: ["expected": "team"])
    }

    static func notActive(_ key: ObligationKey, kept: String) -> Refusal {
        Refusal(
            code: .failedPrecondition, reason: "NOT_ACTIVE_IN_PERIOD",
            message: "The subject was not active in \(key.period); the report is kept for review as \(kept).",
            messageVi: "Không hoạt động trong kỳ \(key.period); báo cáo được giữ lại để xem xét (\(kept)).",
            metadata: ["rejected_report": kept])
    }

    static func wrongReportState(
        _ name: String, state: Cdt_Activity_V1_ReportState, allowed: [Cdt_Activity_V1_ReportState]
    )
        -> Refusal
    {
        let words = allowed.map(\.word).joined(separator: ", ")
        return Refusal(
            code: .failedPrecondition, reason: "WRONG_REPORT_STATE",
            message: "Report \(name) is \(state.word); this is done to a report that is \(words).",
            messageVi: "Báo cáo \(name) đang ở trạng thái \(state.word); chỉ thực hiện được khi \(words).",
            metadata: ["state": state.word])
    }

    static func alreadyReceived(_ name: String) -> Refusal {
        Refusal(
            code: .failedPrecondition, reason: "ALREADY_RECEIVED",
            message: "The report for \(name) has been received; there is nothing to excuse.",
            messageVi: "Báo cáo của \(name) đã nhận được; không cần miễn.")
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
