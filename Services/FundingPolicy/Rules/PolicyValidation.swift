import ServiceKit

/// Something that stops a policy from being put into use.
package struct PolicyViolation: Sendable, Hashable {
    package var field: String
    package var reason: String
    package var description: String
    package var descriptionVi: String
}

/// Checks a policy by itself and against its other versions. Every violation is returned, not the first.
package enum PolicyValidation {
    package static func violations(of policy: Policy, otherVersions: [Policy] = [], jurisdictionKnown: Bool)
        -> [PolicyViolation]
    {
        var found: [PolicyViolation] = []
        func add(_ field: String, _ reason: String, _ text: String, _ vi: String) {
            found.append(PolicyViolation(field: field, reason: reason, description: text, descriptionVi: vi))
        }
        if policy.title.isEmpty || policy.titleVi.isEmpty {
            add(
                policy.title.isEmpty ? "policy.title" : "policy.title_vi", "REQUIRED",
                "Give the title in English and in Vietnamese.", "Cần tên chính sách bằng tiếng Anh và tiếng Việt.")
        }
        checkValidity(policy, add)
        if policy.jurisdictionCode.isEmpty && policy.jurisdictionUnit.isEmpty {
            add(
                "policy.jurisdiction_code", "REQUIRED", "Give the national code or the unit of the jurisdiction.",
                "Cần mã hoặc đơn vị hành chính ban hành chính sách.")
        } else if !jurisdictionKnown {
            let date = policy.territoryDate?.description ?? "?"
            add(
                "policy.jurisdiction_code", "UNKNOWN_TERRITORY",
                "No unit \(policy.jurisdictionCode)\(policy.jurisdictionUnit) was in force on \(date), the date of the territory.",
                "Không có đơn vị hành chính \(policy.jurisdictionCode)\(policy.jurisdictionUnit) vào ngày \(date).")
        }
        if policy.levels.isEmpty {
            add("policy.levels", "REQUIRED", "Name at least one level of teams.", "Cần ít nhất một cấp tổ.")
        }
        checkComponents(policy, add)
        checkCaps(policy, add)
        if policy.roundingStep < 0 {
            add(
                "policy.rounding_step_dong", "NEGATIVE", "A rounding step is 0 or more.", "Bước làm tròn không được âm."
            )
        }
        for other in otherVersions
        where other.state == .active && other.name == policy.name && other.version != policy.version
            && other.validity.overlaps(policy.validity)
        {
            add(
                "policy.valid_from", "OVERLAPPING_VERSIONS",
                "Version \(other.version) is active from \(Texts.iso(other.validity)); versions of a policy must not overlap.",
                "Phiên bản \(other.version) đang có hiệu lực \(Texts.vi(other.validity)); các phiên bản không được chồng nhau."
            )
        }
        return found
    }

    private typealias Report = (_ field: String, _ reason: String, _ text: String, _ vi: String) -> Void

    private static func checkValidity(_ policy: Policy, _ add: Report) {
        if policy.validity.from == nil {
            add("policy.valid_from", "REQUIRED", "Give the first day in force.", "Cần ngày bắt đầu hiệu lực.")
        }
        if policy.validity.isEmpty {
            add(
                "policy.valid_to", "BEFORE_START", "The last day is before the first.",
                "Ngày kết thúc trước ngày bắt đầu.")
        }
    }

    private static func checkComponents(_ policy: Policy, _ add: Report) {
        if policy.components.isEmpty {
            add("policy.components", "REQUIRED", "Name at least one component.", "Cần ít nhất một khoản chi.")
        }
        var seen: Set<String> = []
        for (index, component) in policy.components.enumerated() {
            let field = "policy.components[\(index)]"
            if component.id.isEmpty || !seen.insert(component.id).inserted {
                add(
                    "\(field).id", component.id.isEmpty ? "REQUIRED" : "DUPLICATE",
                    "Each component needs a key of its own.", "Mỗi khoản cần một khoá riêng.")
            }
            if component.rate < 0 {
                add("\(field).rate_dong", "NEGATIVE", "A rate is 0 or more.", "Mức chi không được âm.")
            } else if component.kind == .actualExpense {
                if component.rate != 0 {
                    add(
                        "\(field).rate_dong", "NOT_USED", "Actual expenses have no rate; use a ceiling.",
                        "Khoản thực chi không có định mức; hãy dùng mức trần.")
                }
                if !policy.caps.contains(where: { $0.cuts(component.id) && [.teamYear, .teamLife].contains($0.kind) }) {
                    add(
                        field, "CAP_REQUIRED",
                        "Actual expenses need a ceiling per team and year or over the policy's life.",
                        "Khoản thực chi cần mức trần cho mỗi tổ theo năm hoặc theo cả thời hạn chính sách.")
                }
            } else if component.rate == 0 {
                add("\(field).rate_dong", "REQUIRED", "Give the rate.", "Cần mức chi.")
            }
            let perMember = component.kind == .ratePerMemberMonth || component.kind == .ratePerMemberDay
            if perMember != (policy.beneficiary == .member) {
                add(
                    "\(field).kind", "WRONG_BENEFICIARY",
                    perMember
                        ? "A rate per member needs the beneficiary MEMBER."
                        : "This component needs the beneficiary TEAM.",
                    perMember
                        ? "Mức chi theo thành viên cần đối tượng là thành viên." : "Khoản này cần đối tượng là tổ.")
            }
        }
    }

    private static func checkCaps(_ policy: Policy, _ add: Report) {
        for (index, cap) in policy.caps.enumerated() {
            let field = "policy.caps[\(index)]"
            if cap.amount <= 0 {
                add("\(field).amount_dong", "NOT_POSITIVE", "A ceiling is more than 0.", "Mức trần phải lớn hơn 0.")
            }
            let cut = policy.components.filter { cap.cuts($0.id) }
            if cut.isEmpty || cap.components.contains(where: { id in !policy.components.contains { $0.id == id } }) {
                add(
                    "\(field).components", "CAP_WITHOUT_COMPONENT",
                    "The ceiling names a component that does not exist.",
                    "Mức trần chỉ tới khoản không tồn tại.")
            }
            if cap.kind != .teamYear && cap.proration != .none {
                add(
                    "\(field).proration", "NOT_USED", "Only a ceiling per team and year is prorated.",
                    "Chỉ mức trần theo năm được tính theo tỷ lệ.")
            }
            if cap.kind == .memberMonth && !cut.contains(where: { $0.kind == .ratePerMemberMonth }) {
                add(
                    "\(field).kind", "CAP_WITHOUT_COMPONENT",
                    "A ceiling per person and month cuts a rate per person and month.",
                    "Mức trần theo người và tháng cần khoản chi theo người và tháng.")
            }
        }
    }
}
