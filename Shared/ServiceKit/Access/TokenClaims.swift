import JWTKit
import RPC

/// What a bearer token says (RFC 7519). Nothing of it is believed before its signature is verified and `TokenRules` has
/// passed it; so everything is optional here, and what is missing is refused there, by name.
package struct TokenClaims: JWTPayload, Hashable {
    /// A verb set and a unit (R8): `{"verbs": ["registry.read"], "unit": "units/…"}`; without a unit, the nation.
    package struct Grant: Codable, Sendable, Hashable {
        package var verbs: [String]
        package var unit: String?

        package init(verbs: [String], unit: String? = nil) {
            self.verbs = verbs
            self.unit = unit
        }
    }

    /// `aud` is a text or a list of texts, possibly an empty one.
    package struct Audience: Codable, Sendable, Hashable {
        package var names: [String]

        package init(_ names: [String]) { self.names = names }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            names = try (try? [container.decode(String.self)]) ?? container.decode([String].self)
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(names)
        }
    }

    package var iss: String?
    package var sub: String?
    package var aud: Audience?
    /// Seconds since 1970, possibly with a fraction.
    package var exp: Double?
    package var nbf: Double?
    package var grants: [Grant]?

    package init(
        iss: String? = nil, sub: String? = nil, aud: Audience? = nil, exp: Double? = nil, nbf: Double? = nil,
        grants: [Grant]? = nil
    ) {
        self.iss = iss
        self.sub = sub
        self.aud = aud
        self.exp = exp
        self.nbf = nbf
        self.grants = grants
    }

    /// The signature alone is JWTKit's business.
    package func verify(using algorithm: some JWTAlgorithm) async throws {}

    /// The caller these claims name.
    var identity: Identity {
        Identity(
            subject: sub ?? "",
            grants: (grants ?? []).map { Identity.Grant(verbs: Set($0.verbs), unit: $0.unit ?? "") })
    }
}
