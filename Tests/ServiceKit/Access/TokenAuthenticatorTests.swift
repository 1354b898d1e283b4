import Foundation
import Logging
import RPC
import Synchronization
import TestSupport
import Testing

@testable import ServiceKit

/// Tokens as they come over the wire, against a JWKS file.
@Suite struct TokenAuthenticatorTests {
    let folder: ScratchFolder
    let issuer = TokenIssuer()
    var jwks: String { folder.path("jwks.json") }

    init() throws {
        folder = try ScratchFolder()
        try issuer.write(jwks)
    }

    func authenticator(cached: Int = 8192, now: @escaping @Sendable () -> Instant = { .system() }) async throws
        -> TokenAuthenticator
    {
        try await TokenAuthenticator(
            jwks: jwks, rules: TokenRules(issuer: "cdt", audiences: ["registry", "cdt"]), cached: cached,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: now)
    }

    func problem(_ authenticator: TokenAuthenticator, _ header: String?) async -> TokenProblem? {
        do {
            _ = try await authenticator.authenticate(authorization: header)
            return nil
        } catch { return error as? TokenProblem }
    }

    @Test func `Ed25519 and ES256 open, and the grants are the token's`() async throws {
        let authenticator = try await authenticator()
        for algorithm in [TokenIssuer.Algorithm.eddsa, .es256] {
            let claims = TokenIssuer.claims("service:activity", grants: [(["registry.read"], "units/1")])
            let caller = try await authenticator.authenticate(
                authorization: "Bearer \(try issuer.token(claims, algorithm))")
            #expect(caller.identity.subject == "service:activity")
            #expect(caller.identity.grants == [.init(verbs: ["registry.read"], unit: "units/1")])
            #expect(caller.expires != nil)
        }
    }

    @Test func `whatever is wrong with a token is refused under its name`() async throws {
        let authenticator = try await authenticator()
        let good = try issuer.token(TokenIssuer.claims())
        let parts = good.split(separator: ".").map(String.init)
        let other = try issuer.token(TokenIssuer.claims("somebody else"))
        let stranger = TokenIssuer(kid: "stranger")
        let impostor = TokenIssuer(kid: issuer.kid)
        let claims = TokenIssuer.claims()
        let cases: [(String, String?, TokenProblem?)] = [
            ("good", "Bearer \(good)", nil), ("the scheme in lower case", "bearer \(good)", nil),
            ("none", nil, .missing), ("empty", "", .malformed), ("another scheme", "Basic \(good)", .malformed),
            ("no token", "Bearer ", .malformed), ("two tokens", "Bearer \(good) \(good)", .malformed),
            ("not a JWT", "Bearer abc", .malformed), ("not JSON", "Bearer a.b.c", .malformed),
            ("two parts", "Bearer \(parts[0]).\(parts[1])", .malformed),
            ("too large", "Bearer \(String(repeating: "a", count: 9000))", .malformed),
            ("alg none", "Bearer \(try issuer.token(claims, .none))", .algorithm),
            ("HMAC with the public key", "Bearer \(try issuer.token(claims, .hs256))", .algorithm),
            ("no alg", "Bearer \(try issuer.token(claims, header: ["alg": NSNull()]))", .algorithm),
            (
                "a key of the other algorithm", "Bearer \(try issuer.token(claims, header: ["kid": "key-1-ec"]))",
                .algorithm
            ),
            ("an extension", "Bearer \(try issuer.token(claims, header: ["crit": ["b64"]]))", .algorithm),
            ("an unknown key", "Bearer \(try stranger.token(claims))", .unknownKey),
            ("no kid", "Bearer \(try issuer.token(claims, header: ["kid": NSNull()]))", .unknownKey),
            ("signed by another under our kid", "Bearer \(try impostor.token(claims))", .signature),
            ("unsigned", "Bearer \(parts[0]).\(parts[1]).", .signature),
            (
                "the claims of another", "Bearer \(parts[0]).\(other.split(separator: ".")[1]).\(parts[2])",
                .signature
            ),
            ("expired", "Bearer \(try issuer.token(TokenIssuer.claims(expiresIn: -61)))", .expired),
            ("an empty audience", "Bearer \(try issuer.token(claims.merging(["aud": [String]()]) { $1 }))", .audience),
            (
                "grants of another form", "Bearer \(try issuer.token(claims.merging(["grants": "all"]) { $1 }))",
                .malformed
            ),
        ]
        for (name, header, expected) in cases {
            #expect(await problem(authenticator, header) == expected, "\(name)")
        }
    }

    @Test func `a token is verified once, until it expires`() async throws {
        let clock = Clockwork()
        let authenticator = try await authenticator(now: { clock.now })
        let header = "Bearer \(try issuer.token(TokenIssuer.claims(expiresIn: 100)))"
        for _ in 0..<100 { _ = try await authenticator.authenticate(authorization: header) }
        #expect(authenticator.verifications == 1)
        clock.advance(seconds: 161)
        #expect(await problem(authenticator, header) == .expired)
        #expect(authenticator.verifications == 1)
    }

    @Test func `what is remembered is bounded, and what is in use stays`() async throws {
        let authenticator = try await authenticator(cached: 20)
        let used = "Bearer \(try issuer.token(TokenIssuer.claims("used")))"
        for number in 0..<100 {
            _ = try await authenticator.authenticate(authorization: used)
            let header = "Bearer \(try issuer.token(TokenIssuer.claims("\(number)")))"
            _ = try await authenticator.authenticate(authorization: header)
            #expect(authenticator.cached <= 20)
        }
        #expect(authenticator.verifications == 101)
    }

    @Test func `a clock that is set back does not keep a changed file from being read`() async throws {
        let clock = Clockwork()
        let authenticator = try await authenticator(now: { clock.now })
        let old = "Bearer \(try issuer.token(TokenIssuer.claims(expiresIn: 100_000)))"
        #expect(await problem(authenticator, old) == nil)
        try TokenIssuer(kid: "key-2").write(jwks)
        #expect(await problem(authenticator, old) == nil, "looked at just now")
        clock.advance(seconds: -3600)
        #expect(await problem(authenticator, old) == .unknownKey)
    }

    @Test func `a new key opens at once, and one taken out opens nothing`() async throws {
        let authenticator = try await authenticator()
        let old = "Bearer \(try issuer.token(TokenIssuer.claims()))"
        #expect(await problem(authenticator, old) == nil)
        let next = TokenIssuer(kid: "key-2")
        let new = "Bearer \(try next.token(TokenIssuer.claims()))"
        #expect(await problem(authenticator, new) == .unknownKey)
        try TokenIssuer.jwks(issuer.keys + next.keys).write(to: URL(fileURLWithPath: jwks), options: .atomic)
        #expect(await problem(authenticator, new) == nil, "an unknown kid looks at the file at once")
        #expect(await problem(authenticator, old) == nil)
        try next.write(jwks)
        try await eventually { await problem(authenticator, old) == .unknownKey }
        #expect(await problem(authenticator, new) == nil)
    }

    @Test(arguments: [
        "", "{}", "{\"keys\": []}",
        "{\"keys\": [{\"kty\": \"RSA\", \"kid\": \"x\", \"n\": \"AQAB\", \"e\": \"AQAB\"}]}",
    ])
    func `a broken file leaves the keys as they were, and none to begin with`(text: String) async throws {
        let authenticator = try await authenticator()
        try Data(text.utf8).write(to: URL(fileURLWithPath: jwks), options: .atomic)
        let stranger = "Bearer \(try TokenIssuer(kid: "key-9").token(TokenIssuer.claims()))"
        #expect(await problem(authenticator, stranger) == .unknownKey)
        #expect(await problem(authenticator, "Bearer \(try issuer.token(TokenIssuer.claims()))") == nil)
        await #expect(throws: (any Error).self) { _ = try await self.authenticator() }
        // Corrected, it is taken.
        try TokenIssuer(kid: "key-3").write(jwks)
        try await eventually {
            await problem(authenticator, "Bearer \(try issuer.token(TokenIssuer.claims("x")))") == .unknownKey
        }
    }

    @Test func `keys of kinds that are not ours are left out, and private ones refused`() async throws {
        let strange: [[String: String]] = [["kty": "oct", "kid": "a", "k": "AAAA"], ["kty": "EC", "crv": "P-999"]]
        try TokenIssuer.jwks(strange + issuer.keys).write(to: URL(fileURLWithPath: jwks), options: .atomic)
        let authenticator = try await authenticator()
        #expect(await problem(authenticator, "Bearer \(try issuer.token(TokenIssuer.claims()))") == nil)
        var secret = issuer.keys[0]
        secret["d"] = secret["x"]
        for keys in [[secret], [issuer.keys[0], issuer.keys[0]]] {
            try TokenIssuer.jwks(keys).write(to: URL(fileURLWithPath: jwks), options: .atomic)
            await #expect(throws: (any Error).self) { _ = try await self.authenticator() }
        }
    }
}

/// What is remembered of tokens, by their bytes alone.
@Suite struct TokenCacheTests {
    let caller = Authentication(identity: Identity(subject: "somebody", grants: []))

    func entry(_ token: String, keys: Int = 0) -> TokenCache.Entry {
        TokenCache.Entry(token: Array(token.utf8), caller: caller, keys: keys)
    }

    func find(_ token: String, in cache: inout TokenCache) -> TokenCache.Entry? {
        Array(token.utf8).withUnsafeBytes { cache.entry($0) }
    }

    @Test(arguments: [1, 7, 8, 15, 16, 17, 64, 271])
    func `only the very same token is found, wherever another one differs`(length: Int) {
        let token = String(repeating: "a", count: length)
        var cache = TokenCache()
        cache.insert(entry(token))
        #expect(find(token, in: &cache) != nil)
        for place in 0..<length {
            var other = Array(token.utf8)
            other[place] = UInt8(ascii: "b")
            #expect(find(String(decoding: other, as: UTF8.self), in: &cache) == nil, "differs at \(place)")
        }
        #expect(find(token + "a", in: &cache) == nil)
        #expect(find(String(token.dropLast()), in: &cache) == nil)
    }

    @Test func `of two tokens with the same end neither opens what the other does`() {
        let end = String(repeating: "s", count: 40)
        var cache = TokenCache()
        let first = entry("first." + end)
        cache.insert(first)
        #expect(find("other." + end, in: &cache) == nil)
        #expect(find("first." + end, in: &cache) === first)
        let other = entry("other." + end)
        cache.insert(other)
        #expect(find("other." + end, in: &cache) === other)
        #expect(find("first." + end, in: &cache) == nil, "it is verified again")
        #expect(cache.count == 1)
    }

    @Test func `a token that is verified again takes the place of what was known of it`() {
        var cache = TokenCache(limit: 4)
        let token = "token with a signature at its end"
        for keys in 0..<3 {
            cache.insert(entry(token, keys: keys))
            // Into the old generation.
            for filler in 0..<2 { cache.insert(entry("filler \(keys) \(filler) ................")) }
        }
        let last = entry(token, keys: 9)
        cache.insert(last)
        #expect(find(token, in: &cache) === last)
        #expect(cache.count <= 4)
    }
}

/// A clock that tests set.
final class Clockwork: Sendable {
    private let time = Mutex(Instant.system())
    var now: Instant { time.withLock { $0 } }
    func advance(seconds: Int64) { time.withLock { $0 = $0.adding(seconds: seconds) } }
}
