import RPC

/// Why a token opens nothing. The raw value is ErrorInfo's reason. Neither the token nor any part of it is quoted:
/// errors are logged and shown.
package enum TokenProblem: String, Error, Sendable, Hashable, CaseIterable {
    case missing = "TOKEN_MISSING"
    case malformed = "TOKEN_MALFORMED"
    case algorithm = "TOKEN_ALGORITHM_NOT_ALLOWED"
    case unknownKey = "TOKEN_KEY_UNKNOWN"
    case signature = "TOKEN_SIGNATURE_INVALID"
    case issuer = "TOKEN_ISSUER_WRONG"
    case audience = "TOKEN_AUDIENCE_WRONG"
    case claims = "TOKEN_CLAIMS_INVALID"
    case expired = "TOKEN_EXPIRED"
    case notYetValid = "TOKEN_NOT_YET_VALID"

    var error: ServiceError {
        let (english, vietnamese) = texts
        return ServiceError(.unauthenticated, reason: rawValue, english, vi: vietnamese)
    }

    private var texts: (String, String) {
        switch self {
        case .missing:
            (
                "the call carries no token; send one as \"authorization: Bearer TOKEN\"",
                "yêu cầu không có mã truy cập; hãy gửi \"authorization: Bearer TOKEN\""
            )
        case .malformed: ("the token is not a JWT that can be read", "mã truy cập không phải là JWT đọc được")
        case .algorithm:
            ("the token is not signed with EdDSA (Ed25519) or ES256", "mã truy cập không được ký bằng EdDSA hoặc ES256")
        case .unknownKey:
            (
                "the token names no key that this service trusts; get a new one from the issuer",
                "mã truy cập không dùng khoá mà dịch vụ này tin cậy; hãy lấy mã mới từ nơi cấp"
            )
        case .signature: ("the token's signature is wrong", "chữ ký của mã truy cập không đúng")
        case .issuer: ("the token comes from another issuer", "mã truy cập do nơi khác cấp")
        case .audience: ("the token is for another service", "mã truy cập dành cho dịch vụ khác")
        case .claims:
            (
                "the token lacks a subject or an end (\"sub\", \"exp\"), or they are not of their form",
                "mã truy cập thiếu chủ thể hoặc thời hạn (\"sub\", \"exp\"), hoặc sai dạng"
            )
        case .expired:
            ("the token has expired; call again with a new one", "mã truy cập đã hết hạn; hãy gọi lại với mã mới")
        case .notYetValid: ("the token is not valid yet", "mã truy cập chưa có hiệu lực")
        }
    }
}
