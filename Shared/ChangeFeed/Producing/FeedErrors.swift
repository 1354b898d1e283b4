import RPC
import Shared
import SwiftProtobuf

extension FeedError {
    /// As the caller gets it, with ErrorInfo and a Vietnamese message.
    package var rpcError: RPCError {
        switch self {
        case .unknownTopic(let topic, let known):
            Self.make(
                .invalidArgument, reason: "UNKNOWN_TOPIC", field: "topic",
                message: "topic: there is no topic \"\(topic)\"; this service has \(known.joined(separator: ", "))",
                vietnamese: "Không có chủ đề \"\(topic)\"; dịch vụ này có: \(known.joined(separator: ", ")).",
                metadata: ["topic": topic])
        case .invalidCursor(let topic):
            Self.make(
                .invalidArgument, reason: "INVALID_CURSOR", field: "cursor",
                message: "cursor: this is not a cursor of the topic \(topic); send one from a response, or none",
                vietnamese: "Con trỏ không thuộc chủ đề \(topic); hãy gửi con trỏ đã nhận, hoặc để trống.",
                metadata: ["topic": topic])
        case .expiredCursor(let topic):
            Self.make(
                .outOfRange, reason: "CURSOR_EXPIRED", field: "cursor",
                message:
                    "cursor: the history of \(topic) no longer reaches back so far, or your grants have changed since; "
                    + "start again with an empty cursor",
                vietnamese: "Lịch sử của chủ đề \(topic) không còn đến con trỏ này, hoặc quyền của bạn đã thay đổi; "
                    + "hãy bắt đầu lại với con trỏ trống.",
                metadata: ["topic": topic])
        }
    }

    static let domain = "feed.cdt.vn"

    static func make(
        _ code: StatusCode, reason: String, field: String?, message: String, vietnamese: String,
        metadata: [String: String] = [:]
    ) -> RPCError {
        var details: [any Message] = [
            Google_Rpc_ErrorInfo.with {
                $0.reason = reason
                $0.domain = domain
                $0.metadata = metadata
            },
            Google_Rpc_LocalizedMessage.with {
                $0.locale = "vi"
                $0.message = vietnamese
            },
        ]
        if let field, code == .invalidArgument {
            details.append(
                Google_Rpc_BadRequest.with {
                    $0.fieldViolations = [
                        .with {
                            $0.field = field
                            $0.description_p = message
                        }
                    ]
                })
        }
        let status = Google_Rpc_Status.with {
            $0.code = Int32(code.rawValue)
            $0.message = message
            // Neither packing nor serializing messages without required fields can fail.
            $0.details = details.compactMap { try? Google_Protobuf_Any(message: $0) }
        }
        return RPCError(code: code, message: message, details: try? status.serializedBytes())
    }

    /// The reason in the ErrorInfo of an error received.
    static func reason(of error: RPCError) -> String? {
        guard let details = error.details, let status = try? Google_Rpc_Status(serializedBytes: details) else {
            return nil
        }
        for detail in status.details where detail.isA(Google_Rpc_ErrorInfo.self) {
            return (try? Google_Rpc_ErrorInfo(unpackingAny: detail))?.reason
        }
        return nil
    }
}
