import Crypto
import Foundation

/// An issuer of tokens for tests, which also issues what no honest issuer would.
package struct TokenIssuer: Sendable {
    package let kid: String
    private let ed25519 = Curve25519.Signing.PrivateKey()
    private let p256 = P256.Signing.PrivateKey()

    package init(kid: String = "key-1") { self.kid = kid }

    package enum Algorithm: String, Sendable {
        case eddsa = "EdDSA"
        case es256 = "ES256"
        case hs256 = "HS256"
        case none
    }

    /// The public keys, `kid` for Ed25519 and `kid`-ec for P-256.
    package var keys: [[String: String]] {
        let point = p256.publicKey.rawRepresentation
        return [
            ["kty": "OKP", "crv": "Ed25519", "kid": kid, "x": Self.base64URL(ed25519.publicKey.rawRepresentation)],
            [
                "kty": "EC", "crv": "P-256", "kid": "\(kid)-ec", "x": Self.base64URL(point.prefix(32)),
                "y": Self.base64URL(point.suffix(32)),
            ],
        ]
    }

    package static func jwks(_ keys: [[String: String]]) throws -> Data {
        try JSONSerialization.data(withJSONObject: ["keys": keys])
    }

    /// Writes the issuer's JWKS into a new file, as an operator does: whole, by a rename.
    package func write(_ path: String) throws {
        try Self.jwks(keys).write(to: URL(fileURLWithPath: path), options: .atomic)
    }

    /// Claims of a good token of a subject, to be changed by tests.
    package static func claims(
        _ subject: String = "tester", grants: [(verbs: [String], unit: String)] = [], expiresIn seconds: Double = 3600
    ) -> [String: Any] {
        [
            "iss": "cdt", "aud": "cdt", "sub": subject, "exp": Date().timeIntervalSince1970 + seconds,
            "grants": grants.map { grant in
                grant.unit.isEmpty
                    ? ["verbs": grant.verbs] : ["verbs": grant.verbs, "unit": grant.unit] as [String: Any]
            },
        ]
    }

    /// Signs claims; `header` overrides what the header says.
    package func token(
        _ claims: [String: Any], _ algorithm: Algorithm = .eddsa, header changes: [String: Any] = [:]
    ) throws -> String {
        var header: [String: Any] = [
            "alg": algorithm.rawValue, "typ": "JWT", "kid": algorithm == .es256 ? "\(kid)-ec" : kid,
        ]
        header.merge(changes) { $1 }
        let input = [header, claims].map { part in
            Self.base64URL((try? JSONSerialization.data(withJSONObject: part)) ?? Data())
        }.joined(separator: ".")
        let signature: Data
        switch algorithm {
        case .eddsa: signature = try ed25519.signature(for: Data(input.utf8))
        case .es256: signature = try p256.signature(for: Data(input.utf8)).rawRepresentation
        // The trick of old: HMAC with the public key, which everybody has.
        case .hs256:
            signature = Data(
                HMAC<SHA256>.authenticationCode(
                    for: Data(input.utf8), using: SymmetricKey(data: ed25519.publicKey.rawRepresentation)))
        case .none: signature = Data()
        }
        return "\(input).\(Self.base64URL(signature))"
    }

    package static func base64URL(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
