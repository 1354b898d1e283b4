import RPC
import Shared
import SwiftProtobuf

extension ServiceError {
    /// Clients take 8 to 16 KB of trailers, base64 adds a third, and other trailers need room too.
    static let maximumDetails = 5_000
    /// `grpc-message` is percent-encoded: a Vietnamese letter takes up to nine bytes.
    static let maximumMessage = 700

    /// The error as it goes over the wire: `google.rpc.Status` with ErrorInfo always (AIP-193), each other detail when
    /// there is something to say, and the Vietnamese message.
    ///
    /// - Parameters:
    ///   - domain: the service that answers, for example `registry.cdt.vn`.
    ///   - requestID: what a person may quote to find the call in the logs.
    package func rpcError(domain service: String, requestID: String? = nil) -> RPCError {
        var kept = violations.count
        var details = status(domain: service, requestID: requestID, violations: kept)
        var bytes = ServiceError.encoded(details)
        while bytes.count > ServiceError.maximumDetails, kept > 1 {
            kept /= 2
            details = status(domain: service, requestID: requestID, violations: kept)
            bytes = ServiceError.encoded(details)
        }
        if bytes.count > ServiceError.maximumDetails {
            // A single part is too long: the reason must arrive in any case.
            details.details.removeSubrange(1...)
            bytes = ServiceError.encoded(details)
        }
        return RPCError(code: code, message: details.message, details: bytes)
    }

    private func status(domain service: String, requestID: String?, violations kept: Int) -> Google_Rpc_Status {
        var details: [any Message] = [
            Google_Rpc_ErrorInfo.with {
                $0.reason = reason
                $0.domain = domain ?? service
                $0.metadata = metadata.mapValues { ServiceError.cut($0, to: 500) }
            }
        ]
        if !violations.isEmpty {
            details.append(
                Google_Rpc_BadRequest.with {
                    $0.fieldViolations = violations.prefix(kept).map { violation in
                        .with {
                            $0.field = violation.field
                            $0.description_p = violation.description
                        }
                    }
                    if kept < violations.count {
                        $0.fieldViolations.append(
                            .with { $0.description_p = "and \(violations.count - kept) more; correct these first" })
                    }
                })
        }
        if !preconditions.isEmpty {
            details.append(
                Google_Rpc_PreconditionFailure.with {
                    $0.violations = preconditions.map { condition in
                        .with {
                            $0.type = condition.type
                            $0.subject = condition.subject
                            $0.description_p = condition.description
                        }
                    }
                })
        }
        if !quotas.isEmpty {
            details.append(
                Google_Rpc_QuotaFailure.with {
                    $0.violations = quotas.map { quota in
                        .with {
                            $0.subject = quota.subject
                            $0.description_p = quota.description
                        }
                    }
                })
        }
        if let resource {
            details.append(
                Google_Rpc_ResourceInfo.with {
                    $0.resourceType = resource.type
                    $0.resourceName = resource.name
                    $0.description_p = message
                })
        }
        if let retryAfter {
            details.append(
                Google_Rpc_RetryInfo.with { $0.retryDelay = Google_Protobuf_Duration(rounding: retryAfter) })
        }
        if let requestID { details.append(Google_Rpc_RequestInfo.with { $0.requestID = requestID }) }
        details.append(
            Google_Rpc_LocalizedMessage.with {
                $0.locale = "vi"
                $0.message = ServiceError.cut(messageVi, to: ServiceError.maximumMessage)
            })
        return .with {
            $0.code = Int32(code.rawValue)
            $0.message = ServiceError.cut(message, to: ServiceError.maximumMessage)
            // Packing fails only for messages without required fields, which proto3 has none of.
            $0.details = details.compactMap { try? Google_Protobuf_Any(message: $0, partial: true) }
        }
    }

    private static func encoded(_ status: Google_Rpc_Status) -> [UInt8] { (try? status.serializedBytes()) ?? [] }

    /// At most `limit` bytes of UTF-8, cut between characters.
    private static func cut(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var out = ""
        for character in text {
            if out.utf8.count + character.utf8.count + 3 > limit { break }
            out.append(character)
        }
        return out + "…"
    }
}

extension RPCError {
    /// The details of an error received from a service of the suite.
    package var status: Google_Rpc_Status? { details.flatMap { try? Google_Rpc_Status(serializedBytes: $0) } }

    /// The machine-readable reason, where the error carries one.
    package var reason: String? {
        status?.details.lazy.compactMap { try? Google_Rpc_ErrorInfo(unpackingAny: $0) }.first?.reason
    }
}
