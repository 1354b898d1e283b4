import RPC
import ServiceKit
import Shared

/// The one table of this service's refusals.
package enum FundingErrors {
    package static let domain = "funding.cdt.vn"

    static func policyNotFound(_ name: String, version: Int = 0) -> ServiceError {
        var error = ServiceError.notFound(
            type: "cdt.funding.v1.Policy", name: version > 0 ? "\(name) version \(version)" : name,
            reason: "POLICY_NOT_FOUND", listedBy: "ListPolicies")
        error.metadata["version"] = String(version)
        return error
    }

    static func policyNotActive(_ name: String) -> ServiceError {
        .failedPrecondition(
            reason: "POLICY_NOT_ACTIVE", subject: name,
            "\(name) has no active version; name a version to simulate a draft, or activate one",
            vi: "\(name) chưa có phiên bản hiệu lực; hãy nêu phiên bản để mô phỏng hoặc kích hoạt một phiên bản",
            metadata: ["resourceName": name])
    }

    static func teamNotFound(_ name: String) -> ServiceError { .unheard(team: name) }

    static func unitNotFound(_ name: String) -> ServiceError { .unheard(unit: name) }

    static func runNotFound(_ name: String) -> ServiceError {
        ServiceError.notFound(
            type: "cdt.funding.v1.Run", name: name, reason: "RUN_NOT_FOUND", listedBy: "ListRuns")
    }

    static func invalidPolicy(_ code: StatusCode, _ violations: [ServiceError.FieldViolation]) -> ServiceError {
        var error = ServiceError.invalid(violations)
        error.code = code
        error.reason = "INVALID_POLICY"
        return error
    }

    static func invalidPolicy(_ code: StatusCode, _ violations: [PolicyViolation]) -> ServiceError {
        invalidPolicy(
            code,
            violations.map {
                ServiceError.FieldViolation(
                    field: $0.field, reason: $0.reason, description: $0.description, descriptionVi: $0.descriptionVi)
            })
    }

    static func etagMismatch(_ name: String, etag: String) -> ServiceError {
        ServiceError(
            .aborted, reason: "ETAG_MISMATCH", "\"\(name)\" is not as it was read; read it again and repeat",
            vi: "\"\(name)\" đã khác so với lần đọc trước; hãy đọc lại rồi thực hiện",
            metadata: ["resourceName": name, "etag": etag])
    }

    static func enrolmentNotUsed(_ policy: String) -> ServiceError {
        .failedPrecondition(
            reason: "ENROLMENT_NOT_USED", subject: policy, "\(policy) covers teams without an enrolment list",
            vi: "\(policy) không dùng danh sách được hưởng", metadata: ["resourceName": policy])
    }

    static func unknownTeams(_ teams: [String]) -> ServiceError {
        let shown = teams.prefix(10).joined(separator: ", ") + (teams.count > 10 ? ", …" : "")
        return .failedPrecondition(
            reason: "UNKNOWN_TEAM", subject: teams.first ?? "",
            "\(teams.count) teams are not known here: \(shown). Check the names, or wait until the registry's feed has brought them",
            vi: "\(teams.count) tổ chưa có tại đây: \(shown). Hãy kiểm tra tên, hoặc chờ dữ liệu từ dịch vụ đăng ký",
            metadata: ["count": String(teams.count), "teams": shown])
    }

    static func runState(_ run: RunStore.Run, needs: String, vi: String) -> ServiceError {
        let label = "\(run.state)".uppercased()
        return .failedPrecondition(
            reason: "RUN_STATE", subject: run.name, "\(run.name) is \(label); only \(needs)",
            vi: "\(run.name) đang ở trạng thái \(label); chỉ \(vi)",
            metadata: ["resourceName": run.name, "state": label])
    }

    static func runStale(_ name: String) -> ServiceError {
        .failedPrecondition(
            reason: "RUN_STALE", subject: name,
            "something was posted for its teams since \(name) was computed; start a new run of the same scope",
            vi: "đã có bút toán mới cho các tổ của \(name) sau khi tính; hãy chạy lại cùng phạm vi",
            metadata: ["resourceName": name])
    }

    static func runOverlaps(_ name: String, _ other: String) -> ServiceError {
        .failedPrecondition(
            reason: "RUN_OVERLAPS", subject: name,
            "\(other) is approved and books to the same teams; post or reject it first, then start a new run",
            vi: "\(other) đã được duyệt và ghi cho cùng các tổ; hãy ghi sổ hoặc huỷ nó trước, rồi chạy lại",
            metadata: ["resourceName": name, "other": other])
    }

    static func tooLarge() -> ServiceError {
        ServiceError(
            .outOfRange, reason: "AMOUNT_TOO_LARGE", "an amount does not fit in 64 bits; check the policy's rates",
            vi: "số tiền vượt quá giới hạn 64 bit; hãy kiểm tra mức chi của chính sách")
    }
}
