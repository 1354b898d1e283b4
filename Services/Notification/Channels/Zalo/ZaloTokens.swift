import Crypto
import Foundation
import Logging
import NIOPosix
import ServiceKit
import Storage
import Synchronization

/// The access token of an Official Account, for all of its ways to send.
///
/// A refresh token works once and gives the next one: whoever loses it needs a person to consent anew. So every new
/// pair is in the database before it is used, and of all senders on one database one refreshes while the others wait
/// ("single-flight"): the row of the account carries a lease and a version.
final class ZaloTokens: Sendable {
    /// What is known of the account's tokens.
    struct Known: Sendable, Hashable {
        var version: Int
        var accessToken: String
        var refreshToken: String
        var expiresAt: Instant?
        var alarm = ""

        /// An access token lives 25 hours; "refresh at ~20 h".
        func isFresh(at now: Instant) -> Bool {
            isUsable(at: now) && expiresAt.map { now.adding(seconds: 5 * 3_600) < $0 } ?? false
        }
        func isUsable(at now: Instant) -> Bool {
            !accessToken.isEmpty && (expiresAt.map { now.adding(seconds: 60) < $0 } ?? false)
        }
    }

    private struct State {
        var known: Known?
        /// When `known` was read from the database.
        var readAt: Instant?
        /// A token that Zalo does not take any more.
        var refused = ""
        /// When refreshing was last tried in vain.
        var failedAt: Instant?
        /// A new pair that the database has not taken yet. Nothing else knows it.
        var unsaved: Known?
    }

    /// Nobody waits longer for another sender's refreshing.
    static let longestWait: Duration = .seconds(40)
    private static let lease: Duration = .seconds(90)
    /// After a refusal, and while a token is still good, nobody asks again sooner.
    private static let pauseAfterFailure: Duration = .seconds(60)

    let account: ZaloAccount
    private let store: ZaloTokenStore
    private let database: Database
    private let clock: Clock
    private let logger: Logger
    private let owner = UUID().uuidString
    private let handles = CurlHandles()
    private let state = Mutex(State())

    init(_ account: ZaloAccount, database: Database, clock: Clock, logger: Logger) {
        (self.account, self.database, self.clock, self.logger) = (account, database, clock, logger)
        store = ZaloTokenStore(account)
    }

    /// Writes the operator's refresh token down, if it is another one than was written down before.
    func prepare() async throws {
        let store = store
        try await database.write { try store.seed($0) }
        let known = try await database.readPooled { try store.get($0) }
        remember(known)
    }

    /// The access token to send with.
    var current: String? { state.withLock { $0.known.flatMap { $0.accessToken.isEmpty ? nil : $0.accessToken } } }

    /// What a person must do: consent anew.
    var attention: Channels.Off? {
        guard let alarm = state.withLock({ $0.known?.alarm }), !alarm.isEmpty else { return nil }
        return Channels.Off(
            reason: "Zalo refuses the refresh token of account \"\(account.name)\" (\(alarm)): consent anew in Zalo's "
                + "console, put the new refresh token into its file, and start the service again",
            reasonVi:
                "Zalo từ chối refresh token của tài khoản \"\(account.name)\" (\(alarm)): hãy cấp quyền lại trong "
                + "trang quản trị Zalo, ghi refresh token mới vào tệp, rồi khởi động lại dịch vụ")
    }

    /// Zalo has refused a token.
    func refused(_ token: String) { state.withLock { $0.refused = token } }

    /// Makes sure of a token; what came of a message that cannot be sent for want of one, or nil.
    func ready() async -> SendOutcome? {
        let now = clock.now
        let isKnown = state.withLock { state in
            guard let known = state.known, known.accessToken != state.refused, known.isFresh(at: now),
                let readAt = state.readAt
            else { return false }
            return readAt.duration(to: now) < .seconds(60)
        }
        return isKnown ? nil : await obtain()
    }

    /// After a refusal: whether there is another token now.
    func renew() async -> Bool {
        let before = state.withLock { $0.refused }
        guard await obtain() == nil else { return false }
        return current != before
    }

    // MARK: Refreshing

    private func obtain() async -> SendOutcome? {
        let end = ContinuousClock.now + Self.longestWait
        repeat {
            do {
                if let outcome = try await look() { return outcome }
                if let current, current != state.withLock({ $0.refused }), !state.withLock({ $0.unsaved != nil }) {
                    return nil
                }
                // Another sender is refreshing.
                try await Task.sleep(for: .milliseconds(50))
            } catch is CancellationError {
                return Self.wanting("the service is stopping")
            } catch {
                logger.error(
                    "the tokens of a Zalo account cannot be read or written",
                    metadata: ["account": "\(account.name)", "error": "\(error)"])
                return Self.wanting("the tokens cannot be read")
            }
        } while ContinuousClock.now < end
        return Self.wanting("another sender is refreshing the token")
    }

    private static func wanting(_ detail: String) -> SendOutcome {
        SendOutcome(kind: .transient, failure: .configuration, detail: detail, concernsProvider: true)
    }

    /// Looks at the row once, and refreshes if that is due and nobody else does. A failure is an outcome only when
    /// there is no token to go on with.
    private func look() async throws -> SendOutcome? {
        let (store, now) = (store, clock.now)
        if let unsaved = state.withLock({ $0.unsaved }) { try await save(unsaved) }
        let known = try await database.readPooled { try store.get($0) }
        guard let known else { return Self.wanting("the account is not written down") }
        remember(known)
        let (refused, failedAt) = state.withLock { ($0.refused, $0.failedAt) }
        let isGood = known.isUsable(at: now) && known.accessToken != refused
        if isGood, known.isFresh(at: now) { return nil }
        if let failedAt, failedAt.duration(to: now) < Self.pauseAfterFailure {
            return isGood ? nil : Self.wanting(known.alarm.isEmpty ? "no token could be got" : known.alarm)
        }
        let (owner, until) = (owner, now.adding(Self.lease))
        let isOurs = try await database.write { transaction in
            try store.lease(version: known.version, owner: owner, until: until, now: now, transaction)
        }
        guard isOurs else {
            // With a token that still works nobody waits; without one, until the other is done.
            if !isGood { state.withLock { $0.known?.accessToken = "" } }
            return nil
        }
        return try await refresh(known, isGood: isGood)
    }

    private func refresh(_ known: Known, isGood: Bool) async throws -> SendOutcome? {
        let request = ZaloTokenRequest(account: account, refreshToken: known.refreshToken)
        let handles = handles
        let answer = try await NIOThreadPool.singleton.runIfActive {
            handles.with { request.call.perform($0) }
        }
        let now = clock.now
        switch request.read(answer, now: now) {
        case .pair(let access, let refresh, let expiresAt):
            let next = Known(
                version: known.version + 1, accessToken: access, refreshToken: refresh, expiresAt: expiresAt)
            state.withLock { $0.unsaved = next }
            try await save(next)
            logger.info(
                "a Zalo account has a new token",
                metadata: ["account": "\(account.name)", "expires": "\(expiresAt)"])
            return nil
        case .refused(let detail):
            let (store, owner) = (store, owner)
            try await database.write { transaction in
                try store.alarm(detail, version: known.version, owner: owner, transaction)
            }
            state.withLock {
                $0.failedAt = now
                $0.known?.alarm = detail
            }
            logger.error(
                "Zalo refuses the refresh token: a person must consent anew",
                metadata: ["account": "\(account.name)", "reason": "\(detail)"])
            return isGood ? nil : Self.wanting(detail)
        case .unknown(let detail):
            let (store, owner) = (store, owner)
            try await database.write { try store.release(version: known.version, owner: owner, $0) }
            state.withLock { $0.failedAt = now }
            logger.warning(
                "no new token from Zalo", metadata: ["account": "\(account.name)", "reason": "\(detail)"])
            return isGood ? nil : Self.wanting(detail)
        }
    }

    /// The new pair is in the database before anybody sends with it. It is tried again until it is: it cannot be got
    /// a second time.
    private func save(_ next: Known) async throws {
        let (store, owner) = (store, owner)
        for pause in [0, 1, 2, 5, 10] {
            do {
                if pause > 0 { try await Task.sleep(for: .seconds(pause)) }
                try await database.write { try store.save(next, owner: owner, $0) }
                state.withLock {
                    $0.unsaved = nil
                    $0.failedAt = nil
                }
                return remember(next)
            } catch {
                logger.critical(
                    "a new Zalo token could not be written down; it is tried again, do not stop the service",
                    metadata: ["account": "\(account.name)", "error": "\(error)"])
            }
        }
        throw StorageError.misuse("a new token could not be written down")
    }

    private func remember(_ known: Known?) {
        let now = clock.now
        state.withLock {
            $0.known = known
            $0.readAt = now
        }
    }
}
