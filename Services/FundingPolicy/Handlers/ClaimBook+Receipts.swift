import ServiceKit
import Shared
import Storage

/// No double funding: what one policy pays, from whichever source, no other one pays too.
extension ClaimBook {
    /// The refusal of a claim with a receipt that stands in a claim of the team under another policy already.
    static func doubleFunding(_ claim: Claim, _ transaction: ReadTransaction) throws -> ServiceError? {
        let own = ClaimMessages.receipts(of: claim).map { ($0.field, $0.evidence, Receipt($0.evidence)) }
        guard !own.isEmpty else { return nil }
        for other in try ClaimStore.standing(team: claim.team, besides: claim.policy, transaction) {
            let taken = ClaimMessages.receipts(of: other).map { Receipt($0.evidence) }
            for (field, evidence, receipt) in own where taken.contains(where: receipt.isSame) {
                return FundingErrors.receiptClaimed(field, evidence.number, in: other)
            }
        }
        return nil
    }
}

extension FundingErrors {
    static func receiptClaimed(_ field: String, _ number: String, in other: Cdt_Funding_V1_Claim) -> ServiceError {
        let shown = number.isEmpty ? "the document" : "\"\(number)\""
        let shownVi = number.isEmpty ? "chứng từ này" : "chứng từ \"\(number)\""
        return .failedPrecondition(
            reason: "RECEIPT_CLAIMED", subject: other.name,
            "\(field): \(shown) is claimed under \(other.policy) in \(other.name), and nothing is paid twice; take it out, or "
                + "have that claim rejected or reversed first",
            vi:
                "\(field): \(shownVi) đã được đề nghị theo \(other.policy) trong \(other.name), không chi hai lần; hãy bỏ ra, "
                + "hoặc từ chối hay đảo đề nghị kia trước",
            metadata: ["field": field, "resourceName": other.name, "policy": other.policy])
    }
}
