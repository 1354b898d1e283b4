import ServiceKit
import Shared
import SwiftProtobuf

/// Tells why a line is what it is: clause, facts with dates, arithmetic step by step, the other rules beside it; in
/// English and Vietnamese, as data and as a text a person reads.
package struct Explainer: Sendable {
    let policy: Policy
    let component: Component
    let line: LineRecord
    let evidence: Evidence

    package init?(policy: Policy, line: LineRecord, evidence: Evidence) {
        guard let component = policy.components.first(where: { $0.id == line.component }) else { return nil }
        self.policy = policy
        self.component = component
        self.line = line
        self.evidence = evidence
    }

    package func refusals() -> [Cdt_Funding_V1_Refusal] {
        line.reasons.ordered.map { reason in
            let text = text(of: reason)
            return .with {
                $0.reason = .init(rawValue: reason.rawValue) ?? .unspecified
                $0.text = text.en
                $0.textVi = text.vi
            }
        }
    }

    package func explanation() throws(Money.Overflow) -> Cdt_Funding_V1_Explanation {
        let facts = factsUsed()
        let steps = try steps()
        let others = component.kind.isMonthly ? try otherRules() : []
        let head = heading()
        let tail = othersText(others)
        return .with {
            $0.clause = component.clause
            if let document = policy.document { $0.document = PolicyMessages.message(document) }
            $0.facts = facts
            $0.steps = steps
            $0.otherRules = others
            $0.text = ([head.en] + facts.map { "- \($0.text)" } + steps.map(\.text) + tail.en).joined(separator: "\n")
            $0.textVi =
                ([head.vi] + facts.map { "- \($0.textVi)" } + steps.map(\.textVi) + tail.vi).joined(separator: "\n")
        }
    }

    // MARK: Facts

    /// The facts of the month; of a kind that has none in it, all, so that a reader sees what is missing.
    func factsUsed() -> [Cdt_Funding_V1_FactUsed] {
        var used: [Cdt_Funding_V1_FactUsed] = [
            .with {
                $0.kind = Evidence.Kind.policy
                $0.resource = policy.name
                $0.from = policy.validity.from?.description ?? ""
                $0.to = policy.validity.to?.description ?? ""
                $0.value = policy.document?.number ?? ""
            }
        ]
        for kind in [
            Evidence.Kind.status, Evidence.Kind.decision, Evidence.Kind.enrolment, Evidence.Kind.territory,
            Evidence.Kind.placement, Evidence.Kind.membership, Evidence.Kind.report,
        ] {
            let all = evidence.facts.filter { $0.kind == kind }
            let now = all.filter { $0.days.overlaps(line.month.days) }
            used += now.isEmpty ? all : now
        }
        return used.map { fact in
            var fact = fact
            (fact.text, fact.textVi) = FactTexts.text(fact, policy: policy)
            return fact
        }
    }

    // MARK: Arithmetic

    private func steps() throws(Money.Overflow) -> [Cdt_Funding_V1_Step] {
        var steps: [Cdt_Funding_V1_Step] = []
        func add(_ en: String, _ vi: String, _ amount: Int64) {
            steps.append(
                .with {
                    $0.text = en
                    $0.textVi = vi
                    $0.amountDong = amount
                })
        }
        let length = line.month.length
        let count = line.days.count
        let ranges = line.days.ranges
        add(
            "Active days in \(line.month): \(count) of \(length)" + (ranges.isEmpty ? "." : " (\(Texts.iso(ranges)))."),
            "Số ngày được tính trong tháng \(Texts.vi(line.month)): \(count)/\(length)"
                + (ranges.isEmpty ? "." : " (\(Texts.vi(ranges)))."), 0)
        guard component.kind.isMonthly else {
            addClaimStep(add)
            return steps
        }
        let weight = line.rule.weight(line.days)
        let gross = try weight.amount(rate: component.rate, step: policy.roundingStep)
        let told = weightText(weight)
        add(told.en, told.vi, 0)
        let rate = component.rate
        let product =
            "\(Money.text(rate)) × \(weight.numerator)" + (weight.denominator > 1 ? " / \(weight.denominator)" : "")
        let productVi =
            "\(Money.text(rate, separator: ".")) × \(weight.numerator)"
            + (weight.denominator > 1 ? " / \(weight.denominator)" : "")
        let rounding =
            policy.roundingStep > 1 ? ", rounded down to a multiple of \(Money.text(policy.roundingStep))" : ""
        let roundingVi =
            policy.roundingStep > 1
            ? ", làm tròn xuống bội số của \(Money.text(policy.roundingStep, separator: "."))" : ""
        add(
            "\(product) = \(Texts.dong(gross))\(rounding).", "\(productVi) = \(Texts.dongVi(gross))\(roundingVi).",
            gross)
        if let winner = line.yieldsTo {
            add(
                "\(winner) pays for this month and the two do not stack: \(Texts.dong(0)).",
                "\(winner) đã chi cho tháng này và hai chính sách không được hưởng đồng thời: \(Texts.dongVi(0)).", 0)
        } else if let team = line.bookedTo {
            add(
                "A person is paid once per month; this month is booked to \(team): \(Texts.dong(0)) here.",
                "Mỗi người chỉ hưởng một lần mỗi tháng; tháng này được ghi cho \(team): \(Texts.dongVi(0)) tại đây.", 0)
        } else if line.reasons.contains(.cap) {
            add(
                "The ceilings leave \(Texts.dong(line.amount)); \(Texts.dong(gross - line.amount)) is cut.",
                "Mức trần còn lại \(Texts.dongVi(line.amount)); cắt \(Texts.dongVi(gross - line.amount)).", line.amount)
        }
        for refusal in refusals() where refusal.reason != .cap && refusal.reason != .notStackable {
            add(
                "\(RefusalReason(rawValue: refusal.reason.rawValue)?.label ?? ""): \(refusal.text)",
                "\(RefusalReason(rawValue: refusal.reason.rawValue)?.label ?? ""): \(refusal.textVi)", 0)
        }
        add("Due: \(Texts.dong(line.amount)).", "Được hưởng: \(Texts.dongVi(line.amount)).", line.amount)
        return steps
    }

    private func addClaimStep(_ add: (String, String, Int64) -> Void) {
        for refusal in refusals() {
            let label = RefusalReason(rawValue: refusal.reason.rawValue)?.label ?? ""
            add("\(label): \(refusal.text)", "\(label): \(refusal.textVi)", 0)
        }
        switch (component.kind, line.reasons.isEmpty) {
        case (.ratePerMemberDay, true):
            add(
                "\(Texts.dong(component.rate)) per worked day on a confirmed day sheet; nothing is due by the month.",
                "\(Texts.dongVi(component.rate)) cho mỗi ngày làm việc theo bảng chấm công đã xác nhận; không chi theo tháng.",
                0)
        case (_, true):
            add(
                "Paid on approved claims for expenses of these days, up to the ceilings; nothing is due by the month.",
                "Thanh toán theo chứng từ được duyệt cho các ngày này, trong mức trần; không chi theo tháng.", 0)
        case (_, false):
            add("Due: \(Texts.dong(0)).", "Được hưởng: \(Texts.dongVi(0)).", 0)
        }
    }

    private func weightText(_ weight: Weight) -> (en: String, vi: String) {
        let count = line.days.count
        let length = line.month.length
        let label = line.rule.label
        switch line.rule {
        case .anyDay:
            return (
                "\(label): \(count == 0 ? "no active day" : "at least one active day"), weight \(weight.numerator).",
                "\(label): \(count == 0 ? "không có ngày nào" : "có ít nhất một ngày"), hệ số \(weight.numerator)."
            )
        case .fullMonth:
            return (
                "\(label): \(count == length ? "every day is active" : "not every day is active"), weight \(weight.numerator).",
                "\(label): \(count == length ? "đủ cả tháng" : "không đủ cả tháng"), hệ số \(weight.numerator)."
            )
        case .halfMonth:
            let enough = count >= PartMonthRule.halfMonthDays
            return (
                "\(label): \(count) days are \(enough ? "at least" : "fewer than") 15, weight \(weight.numerator).",
                "\(label): \(count) ngày, \(enough ? "từ 15 ngày trở lên" : "dưới 15 ngày"), hệ số \(weight.numerator)."
            )
        case .daily:
            return (
                "\(label): weight \(count)/\(length).", "\(label): hệ số \(count)/\(length)."
            )
        }
    }

    private func otherRules() throws(Money.Overflow) -> [Cdt_Funding_V1_RuleResult] {
        var results: [Cdt_Funding_V1_RuleResult] = []
        for rule in PartMonthRule.allCases where rule != line.rule {
            let weight = rule.weight(line.days)
            let amount = try weight.amount(rate: component.rate, step: policy.roundingStep)
            results.append(
                .with {
                    $0.rule = PolicyMessages.message(rule)
                    $0.weightNumerator = Int32(weight.numerator)
                    $0.weightDenominator = Int32(weight.denominator)
                    $0.amountDong = amount
                })
        }
        return results
    }

    // MARK: Words

    func heading() -> (en: String, vi: String) {
        let document =
            policy.document.map { " (\($0.number)\(component.clause.isEmpty ? "" : ", \(component.clause)"))" } ?? ""
        let who = line.person.map { "\($0), \(line.team)" } ?? line.team
        return (
            "\(policy.title)\(document): \(component.description), \(who) (\(evidence.teamName)).",
            "\(policy.titleVi)\(document): \(component.descriptionVi), \(who) (\(evidence.teamName))."
        )
    }

    private func othersText(_ others: [Cdt_Funding_V1_RuleResult]) -> (en: [String], vi: [String]) {
        guard !others.isEmpty else { return ([], []) }
        func list(_ separator: Character) -> String {
            others.map {
                let label = PartMonthRule(rawValue: $0.rule.rawValue)?.label ?? ""
                return "\(label) \(Money.text($0.amountDong, separator: separator))"
            }.joined(separator: "; ")
        }
        return (["By the other rules: \(list(",")) đồng."], ["Theo các quy tắc khác: \(list(".")) đồng."])
    }

    private func text(of reason: RefusalReason) -> (en: String, vi: String) {
        let month = line.month
        let monthVi = Texts.vi(month)
        switch reason {
        case .outOfPeriod:
            return (
                "the policy is in force \(Texts.iso(policy.validity)), not long enough in \(month).",
                "chính sách có hiệu lực \(Texts.vi(policy.validity)), không đủ trong tháng \(monthVi)."
            )
        case .levelNotCovered:
            let covered = policy.levels.sorted().map(\.label).joined(separator: ", ")
            return (
                "the policy covers teams of level \(covered), not \(line.level.label).",
                "chính sách áp dụng cho tổ cấp \(covered), không áp dụng cho cấp \(line.level.label)."
            )
        case .notEstablished:
            return (
                "no establishing decision of the team is in force long enough in \(month).",
                "không có quyết định thành lập tổ còn hiệu lực đủ trong tháng \(monthVi)."
            )
        case .notEnrolled:
            return (
                "the team is on no enrolment list of the policy long enough in \(month).",
                "tổ không có tên đủ thời gian trong danh sách được hưởng của tháng \(monthVi)."
            )
        case .outOfTerritory:
            let date = policy.territoryDate
            return (
                "the team's place was not in the jurisdiction's territory of \(date.map { Texts.iso($0) } ?? "?").",
                "địa bàn của tổ không thuộc địa giới của nơi ban hành vào ngày \(date.map { Texts.vi($0) } ?? "?")."
            )
        case .notActive:
            return line.person == nil
                ? (
                    "the team is not ACTIVE long enough in \(month).",
                    "tổ không hoạt động đủ thời gian trong tháng \(monthVi)."
                )
                : (
                    "team and membership are not both active long enough in \(month).",
                    "tổ và tư cách thành viên không cùng hiệu lực đủ thời gian trong tháng \(monthVi)."
                )
        case .lateClaim:
            return (
                "claims for a year are taken until 31 January of the next.",
                "đề nghị thanh toán của một năm chỉ nhận đến hết 31/1 năm sau."
            )
        case .notStackable:
            return (
                "\(line.yieldsTo ?? "another policy") pays the same beneficiary for \(month).",
                "\(line.yieldsTo ?? "chính sách khác") đã chi cho cùng đối tượng trong tháng \(monthVi)."
            )
        case .cap:
            return ("a ceiling of the policy is reached.", "đã đạt mức trần của chính sách.")
        case .reportNotApproved:
            let wanted = policy.reportCondition
            return (
                "the month's report \(wanted.words.en), which the policy asks for.",
                "báo cáo của tháng \(wanted.words.vi) theo yêu cầu của chính sách."
            )
        }
    }
}

extension ReportCondition {
    /// What is missing.
    var words: (en: String, vi: String) {
        switch self {
        case .none, .received: ("was not received", "chưa nhận được")
        case .approved: ("is not approved", "chưa được duyệt")
        case .accepted: ("is not accepted by the province", "chưa được tỉnh chấp nhận")
        }
    }
}
