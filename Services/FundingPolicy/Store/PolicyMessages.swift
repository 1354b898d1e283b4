import Crypto
import ServiceKit
import Shared
import SwiftProtobuf

/// A policy between its message and its value.
package enum PolicyMessages {
    /// Reads a policy sent by a caller; violations of form are noted. Rules are checked by `PolicyValidation`.
    package static func policy(_ message: Cdt_Funding_V1_Policy, _ check: inout Violations) -> Policy {
        let validity = check.range(message.validFrom, "policy.valid_from", message.validTo, "policy.valid_to")
        var document: LegalDocument?
        if message.hasDocument {
            document = legalDocument(message.document, "policy.document", &check)
        }
        check.require(
            Beneficiary(rawValue: message.beneficiary.rawValue) != nil, "policy.beneficiary", reason: "REQUIRED",
            "say who is paid: BENEFICIARY_TEAM or BENEFICIARY_MEMBER",
            vi: "cần đối tượng hưởng: BENEFICIARY_TEAM hoặc BENEFICIARY_MEMBER")
        check.require(
            ReportCondition(rawValue: message.reportCondition.rawValue) != nil, "policy.report_condition",
            "is not a condition on reports", vi: "không phải điều kiện về báo cáo")
        if !message.jurisdictionUnit.isEmpty {
            _ = check.name(message.jurisdictionUnit, of: "units", "policy.jurisdiction_unit")
        }
        var levels: Set<TeamLevel> = []
        for (index, level) in message.levels.enumerated() {
            if let level = TeamLevel(rawValue: level.rawValue) {
                levels.insert(level)
            } else {
                check.add(
                    "policy.levels[\(index)]", "is not a level of teams: use COMMUNE or HAMLET",
                    vi: "không phải cấp tổ: dùng COMMUNE hoặc HAMLET")
            }
        }
        return Policy(
            name: message.name, version: Int(message.version),
            state: PolicyState(rawValue: message.state.rawValue) ?? .draft,
            title: check.text(message.title, "policy.title", required: false),
            titleVi: check.text(message.titleVi, "policy.title_vi", required: false),
            jurisdictionCode: message.jurisdictionCode, jurisdictionUnit: message.jurisdictionUnit,
            document: document, validity: validity,
            beneficiary: Beneficiary(rawValue: message.beneficiary.rawValue) ?? .team, levels: levels,
            components: message.components.enumerated().compactMap { component($1, at: $0, &check) },
            caps: message.caps.enumerated().compactMap { cap($1, at: $0, &check) },
            partMonthRule: partMonthRule(message.partMonthRule, "policy.part_month_rule", &check),
            roundingStep: message.roundingStepDong == 0 ? 1 : message.roundingStepDong,
            requiresEnrolment: message.requiresEnrolment,
            budgetSource: BudgetSource(rawValue: message.budgetSource.rawValue) ?? .state,
            stackable: message.stackable,
            sourceNote: check.text(message.sourceNote, "policy.source_note", max: 2000, required: false),
            reportCondition: ReportCondition(rawValue: message.reportCondition.rawValue) ?? .none)
    }

    /// The date on which the jurisdiction of a policy sent by a caller is read, as far as it can be.
    package static func territoryDate(_ message: Cdt_Funding_V1_Policy) -> LocalDate? {
        LocalDate(message.document.issuedOn) ?? LocalDate(message.validFrom)
    }

    package static func legalDocument(
        _ message: Cdt_Common_V1_LegalDocument, _ field: String, _ check: inout Violations
    ) -> LegalDocument {
        LegalDocument(
            number: check.text(message.number, "\(field).number"),
            title: check.text(message.title, "\(field).title", max: 1000, required: false),
            issuer: check.text(message.issuer, "\(field).issuer", required: false),
            issuedOn: check.date(message.issuedOn, "\(field).issued_on", required: false),
            effective: check.range(
                message.effectiveFrom, "\(field).effective_from", message.effectiveTo, "\(field).effective_to"))
    }

    /// HALF_MONTH where none is given.
    package static func partMonthRule(
        _ message: Cdt_Funding_V1_PartMonthRule, _ field: String, _ check: inout Violations
    ) -> PartMonthRule {
        if message == .unspecified { return .standard }
        if let rule = PartMonthRule(rawValue: message.rawValue) { return rule }
        check.add(field, "is not a part-month rule", vi: "không phải quy tắc tháng lẻ")
        return .standard
    }

    private static func component(_ message: Cdt_Funding_V1_Component, at index: Int, _ check: inout Violations)
        -> Component?
    {
        guard let kind = ComponentKind(rawValue: message.kind.rawValue) else {
            check.add(
                "policy.components[\(index)].kind", reason: "REQUIRED", "say how the amount comes about",
                vi: "cần loại khoản chi")
            return nil
        }
        return Component(
            id: message.id, kind: kind, rate: message.rateDong, clause: message.clause,
            description: message.description_p, descriptionVi: message.descriptionVi)
    }

    private static func cap(_ message: Cdt_Funding_V1_Cap, at index: Int, _ check: inout Violations) -> Cap? {
        let field = "policy.caps[\(index)]"
        guard let kind = CapKind(rawValue: message.kind.rawValue) else {
            check.add("\(field).kind", reason: "REQUIRED", "say what the ceiling counts", vi: "cần loại mức trần")
            return nil
        }
        let proration =
            message.proration == .unspecified ? CapProration.none : CapProration(rawValue: message.proration.rawValue)
        check.require(
            proration != nil, "\(field).proration", "is not a proration", vi: "không phải cách tính tỷ lệ")
        return Cap(
            kind: kind, amount: message.amountDong, proration: proration ?? .none, components: message.components,
            clause: message.clause)
    }

    package static func message(_ policy: Policy) -> Cdt_Funding_V1_Policy {
        .with {
            $0.name = policy.name
            $0.version = Int32(policy.version)
            $0.state = .init(rawValue: policy.state.rawValue) ?? .unspecified
            $0.title = policy.title
            $0.titleVi = policy.titleVi
            $0.jurisdictionCode = policy.jurisdictionCode
            $0.jurisdictionUnit = policy.jurisdictionUnit
            $0.territoryDate = policy.territoryDate?.description ?? ""
            if let document = policy.document { $0.document = message(document) }
            $0.validFrom = policy.validity.from?.description ?? ""
            $0.validTo = policy.validity.to?.description ?? ""
            $0.beneficiary = .init(rawValue: policy.beneficiary.rawValue) ?? .unspecified
            $0.levels = policy.levels.sorted().map { .init(rawValue: $0.rawValue) ?? .unspecified }
            $0.components = policy.components.map { component in
                .with {
                    $0.id = component.id
                    $0.kind = .init(rawValue: component.kind.rawValue) ?? .unspecified
                    $0.rateDong = component.rate
                    $0.clause = component.clause
                    $0.description_p = component.description
                    $0.descriptionVi = component.descriptionVi
                }
            }
            $0.caps = policy.caps.map { cap in
                .with {
                    $0.kind = .init(rawValue: cap.kind.rawValue) ?? .unspecified
                    $0.amountDong = cap.amount
                    $0.proration = .init(rawValue: cap.proration.rawValue) ?? .unspecified
                    $0.components = cap.components
                    $0.clause = cap.clause
                }
            }
            $0.partMonthRule = message(policy.partMonthRule)
            $0.roundingStepDong = policy.roundingStep
            $0.requiresEnrolment = policy.requiresEnrolment
            $0.budgetSource = .init(rawValue: policy.budgetSource.rawValue) ?? .unspecified
            $0.stackable = policy.stackable
            $0.sourceNote = policy.sourceNote
            $0.reportCondition = .init(rawValue: policy.reportCondition.rawValue) ?? .unspecified
        }
    }

    package static func message(_ document: LegalDocument) -> Cdt_Common_V1_LegalDocument {
        .with {
            $0.number = document.number
            $0.title = document.title
            $0.issuer = document.issuer
            $0.issuedOn = document.issuedOn?.description ?? ""
            $0.effectiveFrom = document.effective.from?.description ?? ""
            $0.effectiveTo = document.effective.to?.description ?? ""
        }
    }

    package static func message(_ rule: PartMonthRule) -> Cdt_Funding_V1_PartMonthRule {
        .init(rawValue: rule.rawValue) ?? .unspecified
    }

    /// SHA-256 of everything that decides about money, in hex; not of state, notes or times.
    package static func contentHash(_ policy: Policy) throws -> String {
        var rules = policy
        rules.state = .active
        rules.sourceNote = ""
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        let bytes: [UInt8] = try message(rules).serializedBytes(options: options)
        return Hex.text(SHA256.hash(data: bytes))
    }
}

/// Bytes as lower-case hexadecimal digits.
enum Hex {
    static func text(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            text.append(byte < 16 ? "0" : "")
            text.append(String(byte, radix: 16))
        }
        return text
    }
}
