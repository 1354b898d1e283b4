import ServiceKit
import Shared

/// One fact in words.
enum FactTexts {
    static func text(_ fact: Cdt_Funding_V1_FactUsed, policy: Policy) -> (String, String) {
        let days = Texts.iso(fact.days)
        let daysVi = Texts.vi(fact.days)
        switch fact.kind {
        case Evidence.Kind.policy:
            return ("Policy in force \(days).", "Chính sách có hiệu lực \(daysVi).")
        case Evidence.Kind.status:
            return ("Team \(fact.value) \(days).", "Tổ \(statusVi(fact.value)) \(daysVi).")
        case Evidence.Kind.decision:
            // A decision may be known by its date alone.
            let number = fact.value.isEmpty ? "" : " \(fact.value)"
            return (
                "Establishing decision\(number) in force \(days).",
                "Quyết định thành lập\(number) có hiệu lực \(daysVi)."
            )
        case Evidence.Kind.enrolment:
            return ("On the enrolment list \(days).", "Có trong danh sách được hưởng \(daysVi).")
        case Evidence.Kind.territory:
            let date = policy.territoryDate
            return (
                "Place in the territory of \(fact.value) as of \(date.map { Texts.iso($0) } ?? "?"): \(days).",
                "Địa bàn thuộc \(fact.value) theo địa giới ngày \(date.map { Texts.vi($0) } ?? "?"): \(daysVi)."
            )
        case Evidence.Kind.placement:
            return ("Placed at \(fact.value) \(days).", "Đặt tại \(fact.value) \(daysVi).")
        case Evidence.Kind.membership:
            return ("Member of \(fact.value) \(days).", "Thành viên của \(fact.value) \(daysVi).")
        case Evidence.Kind.report:
            return (
                "Report of \(fact.resource) for \(days): \(fact.value).",
                "Báo cáo của \(fact.resource) kỳ \(daysVi): \(reportVi(fact.value))."
            )
        default:
            return ("\(fact.kind) \(fact.value) \(days).", "\(fact.kind) \(fact.value) \(daysVi).")
        }
    }

    private static func reportVi(_ label: String) -> String {
        switch label {
        case "OWED": "chưa nhận được"
        case "RECEIVED": "đã nhận, chưa duyệt"
        case "APPROVED": "đã được xã duyệt"
        case "ACCEPTED": "đã được tỉnh chấp nhận"
        case "SET_ASIDE": "được miễn"
        default: label
        }
    }

    private static func statusVi(_ label: String) -> String {
        switch label {
        case "PLANNED": "dự kiến thành lập"
        case "ACTIVE": "đang hoạt động"
        case "SUSPENDED": "tạm dừng"
        case "MERGED": "đã nhập vào tổ khác"
        case "DISSOLVED": "đã giải thể"
        default: label
        }
    }
}
