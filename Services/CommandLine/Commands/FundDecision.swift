import Foundation
import Shared
import SwiftProtobuf

/// A request by which a person decides about a claim, a run or a batch of payments.
protocol FundDecision: Message {
    var name: String { get set }
    var note: String { get set }
    var requestID: String { get set }
}

extension FundDecision {
    static func decided(_ name: String, note: String) -> Self {
        var request = Self()
        request.name = name
        request.note = note
        request.requestID = UUID().uuidString
        return request
    }
}

extension Cdt_Funding_V1_ApproveClaimRequest: FundDecision {}
extension Cdt_Funding_V1_RejectClaimRequest: FundDecision {}
extension Cdt_Funding_V1_ReverseClaimRequest: FundDecision {}
extension Cdt_Funding_V1_ApproveRunRequest: FundDecision {}
extension Cdt_Funding_V1_RejectRunRequest: FundDecision {}
extension Cdt_Funding_V1_VoidPaymentBatchRequest: FundDecision {}
