import Crypto
import Foundation
import JWTKit

/// Signs tokens with a key of one's own: for development, tests and small installations. Who has an identity provider
/// uses that, and gives the services its JWKS.
package struct DevelopmentIssuer: Sendable {
    private let key: EdDSA.PrivateKey

    package init() throws { key = try EdDSA.PrivateKey() }

    /// Reads a private key in PEM, as `init` of the secrets or `openssl genpkey -algorithm ed25519` writes it.
    package init(pem: String) throws { key = try EdDSA.PrivateKey(pem: pem) }

    package var pem: String { key.pemRepresentation }

    private var x: String { Self.base64URL(key.publicKey.rawRepresentation) }

    /// Thumbprint of the public key (RFC 7638, RFC 8037): the same key always has the same id.
    package var kid: String {
        Self.base64URL(Data(SHA256.hash(data: Data(#"{"crv":"Ed25519","kty":"OKP","x":"\#(x)"}"#.utf8))))
    }

    /// The JSON Web Key Set that services verify the tokens with.
    package var jwks: String {
        #"{"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "\#(kid)", "x": "\#(x)"}]}"#
            + "\n"
    }

    package func token(_ claims: IssuedClaims) async throws -> String {
        let keys = await JWTKeyCollection().add(eddsa: key, kid: JWKIdentifier(string: kid))
        return try await keys.sign(claims, kid: JWKIdentifier(string: kid))
    }

    private static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}

/// What an issued token says.
package struct IssuedClaims: JWTPayload, Hashable {
    package struct Grant: Codable, Sendable, Hashable {
        package var verbs: [String]
        package var unit: String?

        package init(verbs: [String], unit: String? = nil) {
            self.verbs = verbs
            self.unit = unit
        }
    }

    package var iss: String
    package var aud: String
    package var sub: String
    package var iat: Int
    package var exp: Int
    package var grants: [Grant]

    package init(
        issuer: String = "cdt", audience: String = "cdt", subject: String, grants: [Grant], now: Date = Date(),
        expiresIn seconds: Int
    ) {
        iss = issuer
        aud = audience
        sub = subject
        iat = Int(now.timeIntervalSince1970)
        exp = iat + seconds
        self.grants = grants
    }

    package func verify(using algorithm: some JWTAlgorithm) async throws {}
}
