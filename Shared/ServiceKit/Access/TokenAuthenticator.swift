import Crypto
import Foundation
import JWTKit
import Logging
import RPC
import Synchronization

/// Knows callers by JWT bearer tokens (DESIGN D7): Ed25519 or ES256, keys from a JWKS file that is read again when it
/// changes, and what was verified once is remembered.
package final class TokenAuthenticator: Authenticator {
    private struct KeyState {
        var keys: TokenKeys
        /// Rises with every reading.
        var reading = 0
    }

    private let file: WatchedFile
    private let state: Mutex<KeyState>
    private let rules: TokenRules
    private let cache: TokenCache
    private let now: @Sendable () -> Instant
    private let logger: Logger
    private let counters = Mutex(0)

    /// A token larger than this is not one of ours, and not worth a digest.
    private static let largestToken = 8192

    /// Reads the keys. Tokens are judged by the machine's clock, whatever day `--today` says.
    package init(
        jwks path: String, rules: TokenRules, cached: Int = 8192, logger: Logger,
        now: @escaping @Sendable () -> Instant = { .system() }
    ) async throws {
        file = WatchedFile(path)
        _ = file.hasChanged()
        state = Mutex(KeyState(keys: try await TokenKeys(jwks: try file.read())))
        self.rules = rules
        cache = TokenCache(limit: cached)
        self.logger = logger
        self.now = now
    }

    /// Signatures looked at so far.
    package var verifications: Int { counters.withLock { $0 } }
    var cached: Int { cache.count }

    package func authenticate(_ context: ServerContext) async throws -> Authentication {
        do {
            return try await authenticate(authorization: context.header("authorization"))
        } catch let problem as TokenProblem {
            throw problem.error
        }
    }

    /// The caller that the value of an `authorization` header names. Throws `TokenProblem`.
    package func authenticate(authorization: String?) async throws -> Authentication {
        guard let authorization else { throw TokenProblem.missing }
        guard let token = Self.bearer(authorization) else { throw TokenProblem.malformed }
        if file.hasChanged() { await reload() }
        let reading = state.withLock { $0.reading }
        let digest = SHA256.hash(data: token)
        if let known = cache.entry(digest), known.keys == reading {
            // "Cached by digest until it expires."
            guard let expires = known.caller.expires, now() < expires else { throw TokenProblem.expired }
            return known.caller
        }
        let caller = try await verify(token)
        cache.insert(.init(caller: caller, keys: reading), for: digest)
        return caller
    }

    /// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110).
    private static func bearer(_ value: String) -> [UInt8]? {
        let parts = value.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer", parts[1].utf8.count <= largestToken else {
            return nil
        }
        return Array(parts[1].utf8)
    }

    private func verify(_ token: [UInt8]) async throws -> Authentication {
        guard let parts = try? DefaultJWTParser().parse(token, as: TokenClaims.self) else {
            throw TokenProblem.malformed
        }
        // "alg" is looked at before anything else: `none`, HMAC with a public key and the like end here. An extension that
        // must be understood is not understood.
        guard let algorithm = parts.header.alg, ["EdDSA", "ES256"].contains(algorithm),
            parts.header.fields["crit"] == nil
        else { throw TokenProblem.algorithm }
        guard let kid = parts.header.kid else { throw TokenProblem.unknownKey }
        guard let key = try await key(kid) else { throw TokenProblem.unknownKey }
        guard key.algorithm == algorithm else { throw TokenProblem.algorithm }
        counters.withLock { $0 += 1 }
        guard let claims = try? await key.verifier.verify(token, as: TokenClaims.self) else {
            throw TokenProblem.signature
        }
        return Authentication(identity: claims.identity, expires: try rules.check(claims, now: now()))
    }

    /// "An unknown kid triggers one reload": of a file that has changed within the last second.
    private func key(_ kid: String) async throws -> TokenKeys.Key? {
        if let key = state.withLock({ $0.keys[kid] }) { return key }
        guard file.hasChanged(now: true) else { return nil }
        await reload()
        return state.withLock { $0.keys[kid] }
    }

    /// A file that cannot be used leaves the keys as they were: a slip of an editor must not lock everybody out.
    private func reload() async {
        do {
            let keys = try await TokenKeys(jwks: try file.read())
            let reading = state.withLock { state in
                state.keys = keys
                state.reading += 1
                return state.reading
            }
            logger.notice(
                "the keys of tokens were read again", metadata: ["file": "\(file.path)", "reading": "\(reading)"])
        } catch {
            logger.error(
                "the keys of tokens cannot be read; those read before go on",
                metadata: ["file": "\(file.path)", "cause": "\(error)"])
        }
    }
}
