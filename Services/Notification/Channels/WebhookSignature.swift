import Crypto
import Foundation

/// Signatures as the Standard Webhooks specification has them: HMAC-SHA256 over `{id}.{timestamp}.{raw body}`.
struct WebhookSigner: Sendable {
    private let master: SymmetricKey

    /// Of the operator's master secret.
    init(masterSecret: [UInt8]) { master = SymmetricKey(data: masterSecret) }

    /// Every endpoint has a secret of its own, so that one receiver cannot forge messages to another. It follows from
    /// the master secret, and so it is stored nowhere.
    func secret(endpoint: String) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Data("webhook-endpoint/\(endpoint)".utf8), using: master))
    }

    /// As receivers' libraries expect it.
    func shownSecret(endpoint: String) -> String {
        "whsec_" + Data(secret(endpoint: endpoint)).base64EncodedString()
    }

    /// The value of the header `webhook-signature`.
    func signature(id: String, timestamp: Int64, body: [UInt8], endpoint: String) -> String {
        var mac = HMAC<SHA256>(key: SymmetricKey(data: secret(endpoint: endpoint)))
        mac.update(data: Data("\(id).\(timestamp).".utf8))
        mac.update(data: body)
        return "v1," + Data(mac.finalize()).base64EncodedString()
    }
}
