import ServiceKit
import Shared
import SwiftProtobuf

/// How a ceiling of a year came about, in words.
enum CeilingTexts {
    static func step(_ cap: Cap, year: Int, ceiling: Int64, validity: DateRange) -> Cdt_Funding_V1_Step {
        let whole = Texts.dong(cap.amount)
        let wholeVi = Texts.dongVi(cap.amount)
        let result = Texts.dong(ceiling)
        let resultVi = Texts.dongVi(ceiling)
        let texts: (String, String)
        if cap.kind == .teamLife {
            texts = (
                "At most \(whole) per team over the policy's life.",
                "Tối đa \(wholeVi) mỗi tổ trong cả thời hạn chính sách."
            )
        } else if cap.kind == .budgetYear {
            texts = (
                "At most \(whole) for all teams together in \(year).",
                "Tối đa \(wholeVi) cho tất cả các tổ trong năm \(year)."
            )
        } else {
            switch cap.proration {
            case .none:
                texts = (
                    "At most \(whole) per team in \(year), not prorated.",
                    "Tối đa \(wholeVi) mỗi tổ trong năm \(year), không tính theo tỷ lệ."
                )
            case .daily:
                texts = (
                    "\(whole) × days in force in \(year) (\(Texts.iso(validity))) / days of the year = \(result).",
                    "\(wholeVi) × số ngày hiệu lực trong năm \(year) (\(Texts.vi(validity))) / số ngày của năm = \(resultVi)."
                )
            case .monthlyAny:
                texts = (
                    "\(whole) × months of \(year) touched by the policy (\(Texts.iso(validity))) / 12 = \(result).",
                    "\(wholeVi) × số tháng có hiệu lực trong năm \(year) (\(Texts.vi(validity))) / 12 = \(resultVi)."
                )
            case .monthlyFull:
                texts = (
                    "\(whole) × months of \(year) wholly in force (\(Texts.iso(validity))) / 12 = \(result).",
                    "\(wholeVi) × số tháng hiệu lực trọn vẹn trong năm \(year) (\(Texts.vi(validity))) / 12 = \(resultVi)."
                )
            }
        }
        return .with {
            $0.text = texts.0
            $0.textVi = texts.1
            $0.amountDong = ceiling
        }
    }
}
