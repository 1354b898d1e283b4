import RPC
import ServiceKit
import Shared
import SwiftProtobuf

/// A claim between its message and its values.
package enum ClaimMessages {
    package static let mostItems = 200
    package static let mostDays = 1000
    package static let mostEvidence = 20

    typealias Item = Cdt_Funding_V1_ClaimItem

    /// What a caller may say of a claim; everything else is the service's to say. Violations are noted.
    static func accepted(_ sent: Cdt_Funding_V1_Claim, _ check: inout Violations) -> Cdt_Funding_V1_Claim {
        _ = check.name(sent.team, of: "teams", "claim.team")
        _ = check.name(sent.policy, of: "policies", "claim.policy")
        check.require(
            !sent.items.isEmpty, "claim.items", reason: "REQUIRED", "name at least one item",
            vi: "cần ít nhất một khoản")
        check.require(
            sent.items.count <= mostItems, "claim.items", reason: "TOO_MANY",
            "holds more than \(mostItems) items; submit several claims",
            vi: "có hơn \(mostItems) khoản; hãy chia thành nhiều đề nghị")
        var seen: Set<String> = []
        var items: [Item] = []
        for (index, item) in sent.items.prefix(mostItems).enumerated() {
            let field = "claim.items[\(index)]"
            var own = accepted(item, field, &check)
            own.id = item.id.isEmpty ? String(index + 1) : item.id
            check.require(
                ResourceName.id("items/\(own.id)", in: "items") != nil, "\(field).id",
                "use letters, digits, -, _ and .", vi: "chỉ dùng chữ, số, -, _ và .")
            check.require(
                seen.insert(own.id).inserted, "\(field).id", reason: "DUPLICATE", "each item needs a key of its own",
                vi: "mỗi khoản cần một khoá riêng")
            items.append(own)
        }
        let note = check.text(sent.note, "claim.note", max: 2000, required: false)
        return .with {
            $0.team = sent.team
            $0.policy = sent.policy
            $0.component = sent.component
            $0.items = items
            $0.note = note
        }
    }

    private static func accepted(_ sent: Item, _ field: String, _ check: inout Violations) -> Item {
        var days: Set<WorkDay> = []
        check.require(
            sent.workedDays.count <= mostDays, "\(field).worked_days", reason: "TOO_MANY",
            "holds more than \(mostDays) days; make several items",
            vi: "có hơn \(mostDays) ngày; hãy chia thành nhiều khoản")
        for (index, day) in sent.workedDays.prefix(mostDays).enumerated() {
            _ = check.name(day.person, of: "people", "\(field).worked_days[\(index)].person")
            if let date = check.date(day.date, "\(field).worked_days[\(index)].date") {
                days.insert(WorkDay(person: day.person, date: date))
            }
        }
        var date = check.date(sent.date, "\(field).date", required: sent.workedDays.isEmpty)
        if let last = days.map(\.date).max() {
            check.require(
                days.allSatisfy { $0.date.year == last.year }, "\(field).worked_days", reason: "SEVERAL_YEARS",
                "the days lie in several calendar years; make an item of each",
                vi: "các ngày thuộc nhiều năm; hãy tách mỗi năm một khoản")
            check.require(
                date == nil || date == last, "\(field).date", reason: "NOT_THE_LAST_DAY",
                "must be the last of the worked days or empty", vi: "phải là ngày làm việc cuối cùng hoặc để trống")
            date = last
        }
        check.require(
            sent.amountDong >= 0, "\(field).amount_dong", reason: "NEGATIVE", "must not be negative",
            vi: "không được âm")
        check.require(
            sent.evidence.count <= mostEvidence, "\(field).evidence", reason: "TOO_MANY",
            "holds more than \(mostEvidence) pieces", vi: "có hơn \(mostEvidence) chứng từ")
        let description = check.text(sent.description_p, "\(field).description", max: 1000, required: false)
        let evidence = sent.evidence.prefix(mostEvidence).enumerated().map {
            accepted($1, "\(field).evidence[\($0)]", &check)
        }
        let sorted = days.sorted()
        return .with {
            $0.date = date?.description ?? ""
            $0.amountDong = sent.amountDong
            $0.description_p = description
            $0.workedDays = sorted.map { day in
                .with {
                    $0.person = day.person
                    $0.date = day.date.description
                }
            }
            $0.evidence = evidence
        }
    }

    private static func accepted(
        _ sent: Cdt_Funding_V1_ClaimEvidence, _ field: String, _ check: inout Violations
    ) -> Cdt_Funding_V1_ClaimEvidence {
        var own = sent
        own.unknownFields = UnknownStorage()
        check.require(
            sent.kind != .unspecified && Cdt_Funding_V1_EvidenceKind.allCases.contains(sent.kind), "\(field).kind",
            reason: "REQUIRED", "say what it is", vi: "cần loại chứng từ")
        own.number = check.text(sent.number, "\(field).number", required: false)
        own.issuer = check.text(sent.issuer, "\(field).issuer", required: false)
        own.location = check.text(sent.location, "\(field).location", max: 1000, required: false)
        own.confirmedBy = check.text(sent.confirmedBy, "\(field).confirmed_by", required: false)
        _ = check.date(sent.issuedOn, "\(field).issued_on", required: false)
        _ = check.date(sent.confirmedOn, "\(field).confirmed_on", required: false)
        check.require(
            sent.sha256.isEmpty || sent.sha256.utf8.count == 64 && sent.sha256.allSatisfy(\.isHexDigit),
            "\(field).sha256", reason: "INVALID_HASH", "is not 64 hexadecimal digits",
            vi: "không phải 64 chữ số thập lục phân")
        return own
    }

    /// What the kind of the component asks for.
    static func check(_ claim: Cdt_Funding_V1_Claim, for kind: ComponentKind, submittedOn: LocalDate) -> Violations {
        var check = Violations()
        for (index, item) in claim.items.enumerated() {
            let field = "claim.items[\(index)]"
            if let date = LocalDate(item.date), date > submittedOn {
                check.add(
                    "\(field).date", reason: "IN_THE_FUTURE", "\(date) has not come yet; claim it afterwards",
                    vi: "\(date) chưa tới; hãy đề nghị sau ngày đó")
            }
            if kind == .ratePerMemberDay {
                check.require(
                    !item.workedDays.isEmpty, "\(field).worked_days", reason: "REQUIRED", "name persons and days",
                    vi: "cần người và ngày làm việc")
                check.require(
                    item.amountDong == 0, "\(field).amount_dong", reason: "NOT_USED",
                    "the rate gives the amount; leave it 0",
                    vi: "mức chi quyết định số tiền; hãy để 0")
                check.require(
                    item.evidence.contains {
                        $0.kind == .daySheet && !$0.confirmedBy.isEmpty && !$0.confirmedOn.isEmpty
                    },
                    "\(field).evidence", reason: "DAY_SHEET_NOT_CONFIRMED",
                    "worked days are paid on a confirmed day sheet: add one with confirmed_by and confirmed_on",
                    vi: "ngày làm việc chỉ được chi theo bảng chấm công đã xác nhận: cần confirmed_by và confirmed_on")
            } else {
                check.require(
                    item.amountDong > 0, "\(field).amount_dong", reason: "REQUIRED", "say how many đồng were spent",
                    vi: "cần số tiền đã chi")
            }
        }
        return check
    }

    /// The receipts and invoices of a claim, each with its field.
    static func receipts(of claim: Cdt_Funding_V1_Claim) -> [(field: String, evidence: Cdt_Funding_V1_ClaimEvidence)] {
        claim.items.enumerated().flatMap { index, item in
            item.evidence.enumerated().filter { $1.kind == .receipt || $1.kind == .invoice }.map {
                ("claim.items[\(index)].evidence[\($0)]", $1)
            }
        }
    }

    static func items(of claim: Cdt_Funding_V1_Claim) throws -> [ExpenseItem] {
        guard let submitted = LocalDate(claim.submittedOn) else { throw Violations.unreadable(claim.name) }
        return try claim.items.map { item in
            guard let date = LocalDate(item.date) else { throw Violations.unreadable(claim.name) }
            return ExpenseItem(
                id: item.id, date: date, amount: item.amountDong,
                workDays: item.workedDays.compactMap { day in
                    LocalDate(day.date).map { WorkDay(person: day.person, date: $0) }
                }, submittedOn: submitted)
        }
    }
}

extension Receipt {
    init(_ evidence: Cdt_Funding_V1_ClaimEvidence) {
        self.init(
            number: evidence.number, issuer: evidence.issuer, issuedOn: LocalDate(evidence.issuedOn),
            sha256: evidence.sha256)
    }
}

extension Violations {
    fileprivate static func unreadable(_ name: String) -> ServiceError {
        ServiceError(
            .dataLoss, reason: "UNREADABLE", "the dates of \(name) cannot be read",
            vi: "không đọc được ngày của \(name)")
    }
}
