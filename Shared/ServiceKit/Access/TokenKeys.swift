import Foundation
import JWTKit

/// The public keys that tokens may be signed with, by `kid`: one reading of a JWKS file (RFC 7517).
struct TokenKeys: Sendable {
    /// A key and the one algorithm it is for. That the token's header names another one refuses the token: the key
    /// decides, never the token.
    struct Key: Sendable {
        let algorithm: String
        let verifier: JWTKeyCollection
    }

    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    private let keys: [String: Key]

    subscript(kid: String) -> Key? { keys[kid] }

    /// Keys of other kinds, as a large issuer's file has them, are left out; a file without any key of ours is refused.
    init(jwks data: Data) async throws {
        guard let file = try? JSONDecoder().decode(File.self, from: data) else {
            throw Unreadable(description: "it is not a JSON Web Key Set: {\"keys\": […]}")
        }
        var keys: [String: Key] = [:]
        for case let jwk? in file.keys.map(\.key) {
            guard jwk.privateExponent == nil else {
                throw Unreadable(description: "it holds a private key; a JWKS for services has public ones only")
            }
            guard let kid = jwk.keyIdentifier?.string, !kid.isEmpty, let key = try await Self.key(jwk) else { continue }
            guard keys.updateValue(key, forKey: kid) == nil else {
                throw Unreadable(description: "two of its keys have the kid \"\(kid)\"")
            }
        }
        guard !keys.isEmpty else {
            throw Unreadable(description: "it holds no Ed25519 or P-256 key with a kid")
        }
        self.keys = keys
    }

    private static func key(_ jwk: JWK) async throws -> Key? {
        let verifier = JWTKeyCollection()
        switch (jwk.keyType, jwk.curve) {
        case (.octetKeyPair, .eddsa(.ed25519)):
            guard let x = jwk.x, let key = try? EdDSA.PublicKey(x: x, curve: .ed25519) else { return nil }
            await verifier.add(eddsa: key)
            return Key(algorithm: "EdDSA", verifier: verifier)
        case (.ecdsa, .ecdsa(.p256)):
            guard let x = jwk.x, let y = jwk.y, let key = try? ES256PublicKey(parameters: (x, y)) else { return nil }
            await verifier.add(ecdsa: key)
            return Key(algorithm: "ES256", verifier: verifier)
        default: return nil
        }
    }

    private struct File: Decodable {
        let keys: [Entry]
    }

    /// A key of a kind that JWTKit does not know is none, and no reason to refuse the others.
    private struct Entry: Decodable {
        let key: JWK?

        init(from decoder: any Decoder) throws { key = try? JWK(from: decoder) }
    }
}
