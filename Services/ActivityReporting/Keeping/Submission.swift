import Crypto
import RPC
import ServiceKit
import Shared
import SwiftProtobuf

/// A report to be taken in, with everything that must not be decided inside a transaction that may run twice.
struct Submission: Sendable {
    let message: Cdt_Activity_V1_ReportSubmission
    let key: ObligationKey
    let caller: String
    let digest: [UInt8]
    /// The id under which it is kept if it is refused for review.
    let reviewID: UniqueID
    /// Trace context of the call that brought it.
    let traceparent: String
    /// Path of the submission in the request.
    let field: String
    /// What was wrong with it in itself; nothing else is then looked at.
    var refusal: Refusal?

    init(_ message: Cdt_Activity_V1_ReportSubmission, caller: String, field: String, now: Instant) {
        var content = message
        content.report = message.report.asSent
        self.message = content
        self.caller = caller
        self.field = field
        let violations = ReportCheck.violations(in: content, field: field, today: now.localDate)
        refusal = violations.isEmpty ? nil : .invalid(violations)
        key = ObligationKey(
            period: Month(content.report.period) ?? Month(index: 0), team: ResourceName.lastID(content.report.team),
            person: ResourceName.lastID(content.report.person))
        // Field order and defaults are fixed within one encoder; the id itself is the key of the comparison.
        let bytes: [UInt8] = (try? content.serializedBytes()) ?? []
        digest = Array(SHA256.hash(data: bytes))
        reviewID = UUIDv7.next(at: now)
        traceparent = TraceContext.current?.traceparent ?? ""
    }
}

/// What became of a submission: the verdict, and the refusal that a single call ends with.
struct SubmissionResult: Sendable {
    var verdict: Cdt_Activity_V1_ReportVerdict
    var refusal: Refusal?
}

extension Refusal {
    /// The same as rows of a verdict: one for each violation, else one.
    var problems: [Cdt_Common_V1_Problem] {
        if violations.isEmpty {
            return [
                .with {
                    $0.reason = reason
                    $0.description_p = message
                    $0.descriptionVi = messageVi
                }
            ]
        }
        return violations.map { violation in
            .with {
                $0.reason = violation.reason
                $0.field = violation.field
                $0.description_p = violation.description
                $0.descriptionVi = violation.descriptionVi
            }
        }
    }
}

extension Cdt_Activity_V1_Report {
    /// Without the fields that the service sets.
    var asSent: Cdt_Activity_V1_Report {
        var report = self
        report.name = ""
        report.version = 0
        report.state = .unspecified
        report.stateReason = ""
        report.clearSubmitTime()
        report.submittedBy = ""
        report.clearStateTime()
        report.stateBy = ""
        report.flags = []
        report.countedIn = ""
        if report.source == .unspecified { report.source = .api }
        return report
    }
}
