import Foundation
import JWTKit
import Logging
import RPC
import Synchronization

/// Knows callers by JWT bearer tokens (DESIGN D7): Ed25519 or ES256, keys from a JWKS file that is read again when it
/// changes, and what was verified once is remembered.
package final class TokenAuthenticator: Authenticator {
    private struct State {
        var keys: TokenKeys
        /// Rises with every reading.
        var reading = 0
        /// The file has changed, and is to be read before the next token is judged.
        var isStale = false
        /// When the file was looked at.
        var lookedAt: Instant
        var cache: TokenCache
    }

    private let file: WatchedFile
    /// One lock for all: every call takes it, for as long as it takes to find a token.
    private let state: Mutex<State>
    private let rules: TokenRules
    private let now: @Sendable () -> Instant
    private let logger: Logger
    private let counters = Mutex(0)

    /// A token larger than this is not one of ours, and not worth a look.
    private static let largestToken = 8192
    /// The file is looked at no more often than this.
    private static let interval: Int64 = 1_000_000  // microseconds

    /// Reads the keys. Tokens are judged by the machine's clock, whatever day `--today` says.
    package init(
        jwks path: String, rules: TokenRules, cached: Int = 8192, logger: Logger,
        now: @escaping @Sendable () -> Instant = { .system() }
    ) async throws {
        file = WatchedFile(path)
        _ = file.hasChanged()
        state = Mutex(
            State(
                keys: try await TokenKeys(jwks: try file.read()), lookedAt: now(), cache: TokenCache(limit: cached)))
        self.rules = rules
        self.logger = logger
        self.now = now
    }

    /// Signatures looked at so far.
    package var verifications: Int { counters.withLock { $0 } }
    var cached: Int { state.withLock { $0.cache.count } }

    package func known(_ context: ServerContext) throws -> Authentication? {
        do {
            // Every call shows a token: it is looked at where it lies.
            var caller: Authentication?
            let isThere = try context.withHeader("authorization") { value in
                caller = try known(UnsafeRawBufferPointer(try Self.bearer(value)))
            }
            guard isThere else { throw TokenProblem.missing }
            return caller
        } catch let problem as TokenProblem {
            throw problem.error
        }
    }

    /// Cached until it expires, or the keys are read again.
    private func known(_ token: UnsafeRawBufferPointer) throws -> Authentication? {
        let now = self.now()
        let entry: TokenCache.Entry? = state.withLock { state in
            // Also when the clock was set back.
            if !(0..<Self.interval).contains(now.microseconds - state.lookedAt.microseconds) {
                state.lookedAt = now
                if file.hasChanged(now: true) { state.isStale = true }
            }
            guard !state.isStale, let entry = state.cache.entry(token), entry.keys == state.reading else { return nil }
            return entry
        }
        guard let caller = entry?.caller else { return nil }
        guard let expires = caller.expires, now < expires else { throw TokenProblem.expired }
        return caller
    }

    package func authenticate(_ context: ServerContext) async throws -> Authentication {
        do {
            return try await authenticate(authorization: context.header("authorization"))
        } catch let problem as TokenProblem {
            throw problem.error
        }
    }

    /// The caller that the value of an `authorization` header names. Throws `TokenProblem`.
    package func authenticate(authorization: String?) async throws -> Authentication {
        guard let value = authorization.map({ Array($0.utf8) }) else { throw TokenProblem.missing }
        let token = try value.withUnsafeBufferPointer { Array(try Self.bearer($0)) }
        if let known = try token.withUnsafeBytes({ try known($0) }) { return known }
        let isStale = state.withLock { state in
            defer { state.isStale = false }
            return state.isStale
        }
        if isStale { await reload() }
        let reading = state.withLock { $0.reading }
        let caller = try await verify(token)
        let entry = TokenCache.Entry(token: token, caller: caller, keys: reading)
        state.withLock { $0.cache.insert(entry) }
        return caller
    }

    /// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110).
    private static func bearer(_ value: UnsafeBufferPointer<UInt8>) throws -> UnsafeBufferPointer<UInt8> {
        let scheme: StaticString = "bearer "
        // Letters differ from capitals in one bit; the space has it anyway.
        guard value.count > scheme.utf8CodeUnitCount,
            (0..<scheme.utf8CodeUnitCount).allSatisfy({ value[$0] | 0x20 == scheme.utf8Start[$0] })
        else { throw TokenProblem.malformed }
        let space = UInt8(ascii: " ")
        let token = value[scheme.utf8CodeUnitCount...].drop { $0 == space }
        let bytes = UnsafeBufferPointer(rebasing: token)
        guard let start = bytes.baseAddress, (1...largestToken).contains(bytes.count),
            memchr(start, Int32(space), bytes.count) == nil
        else { throw TokenProblem.malformed }
        return bytes
    }

    private func verify(_ token: [UInt8]) async throws -> Authentication {
        guard let parts = try? DefaultJWTParser().parse(token, as: TokenClaims.self) else {
            throw TokenProblem.malformed
        }
        // "alg" is looked at before anything else: `none`, HMAC with a public key and the like end here. An extension
        // that must be understood is not understood.
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
