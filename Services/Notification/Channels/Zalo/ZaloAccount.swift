import Crypto
import Foundation
import ServiceKit

/// An Official Account and the application that sends for it.
struct ZaloAccount: Sendable, Hashable {
    /// Where Zalo answers; stand-ins answer elsewhere.
    struct Hosts: Sendable, Hashable {
        var business = "https://business.openapi.zalo.me"
        var openAPI = "https://openapi.zalo.me"
        var oauth = "https://oauth.zaloapp.com"
    }

    struct Price: Sendable, Hashable, Codable {
        /// Đồng for a message by phone number.
        var phone: Int64
        /// Đồng for a message by user id.
        var user: Int64
    }

    /// What an account may be used for, in the order of `ChannelKind`.
    static let kinds: [ChannelKind] = [.zaloPhone, .zaloUser, .zaloText, .zaloGroup]

    /// Lower-case letters, digits and hyphens: how it is called in plans and logs. Empty: the only one.
    var name: String
    var appID: String
    var appSecret: String
    /// For the signatures of what Zalo calls us with; empty: such calls are refused.
    var oaSecret = ""
    var oaID = ""
    /// Id of the unit whose subtree it serves; nil: everywhere that no other account serves.
    var unit: String?
    /// The refresh token that a person got by consenting. Zalo gives a new one with each use; see `ZaloTokens`.
    var seed: String
    var kinds = ZaloAccount.kinds
    /// "5,000 default new OA": until Zalo says how many.
    var dailyQuota = 5_000
    var ratePerSecond = 15.0
    /// Of templates by their id at Zalo; `*` for all others.
    var prices: [String: Price] = [:]
    var quietHours = QuietHours("22:00-06:05", spread: 10)
    var deduplicates = false
    var hosts = Hosts()
    var certificateAuthorities: String?
    var timeout: Duration = .seconds(20)

    /// Header `appsecret_proof`: hex HMAC-SHA256 over the access token.
    func proof(_ accessToken: String) -> String {
        HMAC<SHA256>.authenticationCode(for: Data(accessToken.utf8), using: SymmetricKey(data: Data(appSecret.utf8)))
            .hexadecimal
    }
}

extension Sequence<UInt8> {
    /// Lower-case hex.
    var hexadecimal: String {
        map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
