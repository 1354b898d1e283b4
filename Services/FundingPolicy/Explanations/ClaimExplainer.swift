import ServiceKit
import Shared
import SwiftProtobuf

/// Tells why an item of a claim is due what it is due.
struct ClaimExplainer {
    let policy: Policy
    let item: ExpenseItem
    let decision: ClaimRules.Decision
    let team: TeamFacts

    func refusals() -> [Cdt_Funding_V1_Refusal] {
        decision.reasons.ordered.map { reason in
            let text = text(of: reason)
            return .with {
                $0.reason = .init(rawValue: reason.rawValue) ?? .unspecified
                $0.text = text.en
                $0.textVi = text.vi
            }
        }
    }

    func explanation(_ evidence: Evidence) -> Cdt_Funding_V1_Explanation {
        let month = item.date.calendarMonth
        let line = LineRecord(
            month: month, team: team.id, level: team.level, person: nil, policy: policy.name,
            policyVersion: policy.version, component: decision.component.id, rule: policy.partMonthRule,
            amount: decision.due,
            days: .none(month), reasons: decision.reasons, needsConsolidation: false, yieldsTo: nil)
        guard let explainer = Explainer(policy: policy, line: line, evidence: evidence) else { return .init() }
        let facts = explainer.factsUsed()
        let steps = steps()
        let head = explainer.heading()
        return .with {
            $0.clause = decision.component.clause
            if let document = policy.document { $0.document = PolicyMessages.message(document) }
            $0.facts = facts
            $0.steps = steps
            $0.text = ([head.en] + facts.map { "- \($0.text)" } + steps.map(\.text)).joined(separator: "\n")
            $0.textVi = ([head.vi] + facts.map { "- \($0.textVi)" } + steps.map(\.textVi)).joined(separator: "\n")
        }
    }

    private func steps() -> [Cdt_Funding_V1_Step] {
        var steps: [Cdt_Funding_V1_Step] = []
        func add(_ en: String, _ vi: String, _ amount: Int64) {
            steps.append(
                .with {
                    $0.text = en
                    $0.textVi = vi
                    $0.amountDong = amount
                })
        }
        let claimed = decision.claimed
        if decision.component.kind == .ratePerMemberDay {
            let days = Set(item.workDays).count
            let rate = Money.roundedDown(decision.component.rate, to: policy.roundingStep)
            add(
                "\(days) worked days on the day sheet × \(Texts.dong(rate)) = \(Texts.dong(claimed)).",
                "\(days) ngày làm việc theo bảng chấm công × \(Texts.dongVi(rate)) = \(Texts.dongVi(claimed)).", claimed
            )
            add(
                "Paid: \(decision.paidDays.count) of them, each person and day once.",
                "Được chi: \(decision.paidDays.count) ngày, mỗi người mỗi ngày một lần.", 0)
        } else {
            add(
                "Spent on \(item.date): \(Texts.dong(claimed)), claimed on \(item.submittedOn).",
                "Đã chi ngày \(Texts.vi(item.date)): \(Texts.dongVi(claimed)), đề nghị ngày \(Texts.vi(item.submittedOn)).",
                claimed)
        }
        if decision.cutByDay > 0, decision.due > 0 || decision.cutByTeam > 0 {
            add(
                "The ceiling per person and worked day cuts \(Texts.dong(decision.cutByDay)).",
                "Mức trần mỗi người mỗi ngày cắt \(Texts.dongVi(decision.cutByDay)).", claimed - decision.cutByDay)
        }
        for (cap, year, ceiling, left) in decision.ceilings {
            let step = CeilingTexts.step(cap, year: year, ceiling: ceiling, validity: policy.validity)
            add(
                "\(step.text) Left before this item: \(Texts.dong(left)).",
                "\(step.textVi) Còn lại trước khoản này: \(Texts.dongVi(left)).", left)
        }
        if decision.cutByTeam > 0 {
            let isOverBudget = decision.ceilings.contains { $0.cap.kind == .budgetYear }
            add(
                "\(isOverBudget ? "The" : "The team's") ceilings cut \(Texts.dong(decision.cutByTeam)).",
                "Mức trần \(isOverBudget ? "" : "của tổ ")cắt \(Texts.dongVi(decision.cutByTeam)).", decision.due)
        }
        for refusal in refusals() where refusal.reason != .cap {
            let label = RefusalReason(rawValue: refusal.reason.rawValue)?.label ?? ""
            add("\(label): \(refusal.text)", "\(label): \(refusal.textVi)", 0)
        }
        add("Due: \(Texts.dong(decision.due)).", "Được hưởng: \(Texts.dongVi(decision.due)).", decision.due)
        return steps
    }

    private func text(of reason: RefusalReason) -> (en: String, vi: String) {
        let days = item.workDays.isEmpty ? [item.date] : Set(item.workDays.map(\.date)).sorted()
        let on = days.count == 1 ? "on \(days[0])" : "on every one of the days claimed"
        let onVi = days.count == 1 ? "vào ngày \(Texts.vi(days[0]))" : "vào mọi ngày đề nghị"
        switch reason {
        case .outOfPeriod:
            return (
                "the policy is in force \(Texts.iso(policy.validity)), not \(on).",
                "chính sách có hiệu lực \(Texts.vi(policy.validity)), không có hiệu lực \(onVi)."
            )
        case .levelNotCovered:
            let covered = policy.levels.sorted().map(\.label).joined(separator: ", ")
            return (
                "the policy covers teams of level \(covered), not \(team.level.label).",
                "chính sách áp dụng cho tổ cấp \(covered), không áp dụng cho cấp \(team.level.label)."
            )
        case .notEstablished:
            return (
                "no establishing decision of the team was in force \(on).",
                "không có quyết định thành lập tổ còn hiệu lực \(onVi)."
            )
        case .notEnrolled:
            return (
                "the team was on no enrolment list of the policy \(on).",
                "tổ không có tên trong danh sách được hưởng \(onVi)."
            )
        case .outOfTerritory:
            return (
                "the team's place was not in the jurisdiction's territory \(on).",
                "địa bàn của tổ không thuộc địa giới của nơi ban hành \(onVi)."
            )
        case .notActive:
            return (
                "the team, or a person who worked, was not active \(on).",
                "tổ hoặc người làm việc không ở trạng thái hoạt động \(onVi)."
            )
        case .lateClaim:
            let deadline = ExpenseRules.claimDeadline(forYear: item.date.year)
            return (
                "expenses of \(item.date.year) are taken until \(deadline); this came on \(item.submittedOn).",
                "khoản chi năm \(item.date.year) chỉ nhận đến hết \(Texts.vi(deadline)); đề nghị này nộp ngày \(Texts.vi(item.submittedOn))."
            )
        case .cap:
            return (
                decision.component.kind == .ratePerMemberDay
                    ? "a ceiling is reached, or a day is paid already." : "a ceiling of the policy is reached.",
                decision.component.kind == .ratePerMemberDay
                    ? "đã đạt mức trần, hoặc có ngày đã được chi." : "đã đạt mức trần của chính sách."
            )
        case .notStackable, .reportNotApproved:
            return ("it does not apply to claims.", "không áp dụng cho đề nghị thanh toán.")
        }
    }
}
