import Foundation
import RPC
import Shared
import SwiftProtobuf

/// A refused or failed call, as a person reads it: the reason, every field at fault, and what to do.
package struct CallFailure: Error, CustomStringConvertible {
    package let description: String
    package let exitCode: Int32

    init(_ error: RPCError, called: [(kind: ServiceKind, endpoint: RPCClient.Target)]) {
        let details = ErrorDetails(error.details)
        var lines: [String] = []
        if let info = details.info {
            lines.append("\(info.reason) (\(error.code), \(info.domain)): \(error.message)")
        } else {
            lines.append("\(error.code): \(error.message)")
        }
        if let vietnamese = details.localized, vietnamese != error.message { lines.append("  \(vietnamese)") }
        lines += details.violations.map { "  \($0.field.isEmpty ? "request" : $0.field): \($0.text)" }
        lines += (details.info?.metadata ?? [:]).sorted { $0.key < $1.key }.map { "  \($0.key) = \($0.value)" }
        if let remedy = Self.remedy(error.code, called: called) { lines.append("  \(remedy)") }
        description = lines.joined(separator: "\n")
        exitCode = ExitCodes.code(for: error.code)
    }

    /// What the code alone tells; a service's own message says more where it can.
    private static func remedy(_ code: StatusCode, called: [(kind: ServiceKind, endpoint: RPCClient.Target)]) -> String?
    {
        switch code {
        case .unavailable:
            guard let (kind, endpoint) = called.last else { return nil }
            return
                "Is \(kind.title) running at \(endpoint.shown)? Start it with ./dev up, or name another address with "
                + "--\(kind.rawValue) or \(kind.environmentVariable)."
        case .unauthenticated: return "Show a token with --token-file or CDT_TOKEN_FILE; `cdt admin token` makes one."
        case .deadlineExceeded: return "Give it more time with --timeout SECONDS."
        case .unimplemented: return "The service is older than this cdt, or another one answers at that address."
        default: return nil
        }
    }
}

/// What a service adds to a status, in `google.rpc.Status` (trailer grpc-status-details-bin).
struct ErrorDetails {
    struct Violation: Equatable {
        let field: String
        let text: String
    }

    private(set) var info: Google_Rpc_ErrorInfo?
    private(set) var localized: String?
    private(set) var violations: [Violation] = []

    init(_ bytes: [UInt8]?) {
        guard let bytes, let status = try? Google_Rpc_Status(serializedBytes: bytes) else { return }
        for detail in status.details {
            if let info = try? Google_Rpc_ErrorInfo(unpackingAny: detail) {
                self.info = info
            } else if let bad = try? Google_Rpc_BadRequest(unpackingAny: detail) {
                violations += bad.fieldViolations.map { Violation(field: $0.field, text: $0.description_p) }
            } else if let failure = try? Google_Rpc_PreconditionFailure(unpackingAny: detail) {
                violations += failure.violations.map { Violation(field: $0.subject, text: $0.description_p) }
            } else if let message = try? Google_Rpc_LocalizedMessage(unpackingAny: detail) {
                localized = message.message
            }
        }
    }
}

/// Exit codes, after sysexits.h where it has a fitting one.
enum ExitCodes {
    static let failure: Int32 = 1
    /// Input was refused: an argument of a call, or rows of a file.
    static let refusedInput: Int32 = 65
    static let notFound: Int32 = 66
    static let unavailable: Int32 = 69
    static let conflict: Int32 = 73
    static let tryLater: Int32 = 75
    static let notAllowed: Int32 = 77

    static func code(for status: StatusCode) -> Int32 {
        switch status {
        case .invalidArgument, .outOfRange: refusedInput
        case .notFound: notFound
        case .unavailable: unavailable
        case .failedPrecondition, .alreadyExists: conflict
        case .aborted, .deadlineExceeded, .resourceExhausted: tryLater
        case .permissionDenied, .unauthenticated: notAllowed
        default: failure
        }
    }

    static let help = """
        Exit codes: 0 done; 64 wrong usage; 65 input refused; 66 not found; 69 service not reachable; 73 conflicts with \
        what is there; 75 try again later; 77 not allowed; 1 anything else.
        """
}
