import ServiceKit

/// Asks Zalo for the next pair of tokens.
struct ZaloTokenRequest: Sendable {
    enum Reading: Sendable, Hashable {
        case pair(access: String, refresh: String, expiresAt: Instant)
        /// Zalo's word that the refresh token does not work.
        case refused(String)
        /// Nothing that says anything about the token.
        case unknown(String)
    }

    let account: ZaloAccount
    let refreshToken: String

    /// `POST …/v4/oa/access_token`: a form, and the application's secret in a header.
    var call: HTTPCall {
        let form = [
            ("grant_type", "refresh_token"), ("refresh_token", refreshToken), ("app_id", account.appID),
        ]
        return HTTPCall(
            url: account.hosts.oauth + "/v4/oa/access_token",
            headers: ["content-type: application/x-www-form-urlencoded", "secret_key: \(account.appSecret)"],
            body: Array(form.map { "\($0)=\($1.percentEncoded)" }.joined(separator: "&").utf8),
            timeout: account.timeout,
            certificateAuthorities: account.certificateAuthorities)
    }

    func read(_ answer: HTTPCall.Answer?, now: Instant) -> Reading {
        guard let answer else { return .unknown("no transfer could be set up") }
        guard answer.failure == nil else { return .unknown(answer.message) }
        guard let json = JSONValue(answer.body) else { return .unknown("HTTP \(answer.code) without JSON") }
        if let access = json["access_token"]?.shown, let refresh = json["refresh_token"]?.shown, !access.isEmpty,
            !refresh.isEmpty
        {
            // "expires_in":"90000", as text.
            let seconds = min(max(json["expires_in"]?.integer ?? 90_000, 60), 30 * 86_400)
            return .pair(access: access, refresh: refresh, expiresAt: now.adding(seconds: Int64(seconds)))
        }
        guard let code = json["error"]?.integer, code != 0 else {
            return .unknown("HTTP \(answer.code) without tokens")
        }
        let words = json["error_description"]?.shown ?? json["error_name"]?.shown ?? json["message"]?.shown ?? ""
        return .refused("\(code) \(words)".shortened)
    }
}
