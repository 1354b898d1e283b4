import ArgumentParser
import Foundation
import Shared
import SwiftProtobuf

/// A request that decides about one thing, with a reason.
protocol DecisionRequest: Message {
    var name: String { get set }
    var reason: String { get set }
    var requestID: String { get set }
}

extension Cdt_Activity_V1_AdmitRejectedReportRequest: DecisionRequest {}
extension Cdt_Activity_V1_CancelSessionRequest: DecisionRequest {}
extension Cdt_Activity_V1_DismissRejectedReportRequest: DecisionRequest {}
extension Cdt_Activity_V1_ExcuseObligationRequest: DecisionRequest {}
extension Cdt_Activity_V1_ReopenDifficultyRequest: DecisionRequest {}
extension Cdt_Activity_V1_ReturnReportRequest: DecisionRequest {}

/// `cdt … NAME REASON`: decides, and shows what has become of it.
protocol DecisionCommand: ServiceCommand {
    associatedtype Request: DecisionRequest
    associatedtype Answer: Message
    var name: String { get }
    var reason: String { get }
    func send(_ request: Request, _ suite: Connections) async throws -> Answer
    func table(_ answer: Answer) -> Table
}

extension DecisionCommand {
    func run(_ suite: Connections, _ output: Output) async throws {
        var request = Request()
        request.name = name
        request.reason = reason
        request.requestID = UUID().uuidString
        let answer = try await send(request, suite)
        try output.show(answer) { table(answer) }
    }
}
