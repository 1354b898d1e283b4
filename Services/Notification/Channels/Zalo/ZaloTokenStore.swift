import Crypto
import Foundation
import ServiceKit
import Storage

/// The row of an account's tokens. They are sealed with a key that follows from the application's secret: a copy of the
/// database alone opens no account.
struct ZaloTokenStore: Sendable {
    private let account: String
    private let refreshToken: String
    private let key: SymmetricKey
    private let context: [UInt8]

    init(_ account: ZaloAccount) {
        self.account = account.name
        refreshToken = account.seed
        context = Array("zalo-token/\(account.name)/\(account.appID)".utf8)
        key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: Data(account.appSecret.utf8)), info: context, outputByteCount: 32)
    }

    /// Writes the operator's refresh token down once. Another one in the file means that a person has consented anew.
    func seed(_ transaction: WriteTransaction) throws {
        let digest = SHA256.hash(data: Data(refreshToken.utf8)).hexadecimal
        let sealed = try seal(refreshToken)
        try transaction.execute(
            """
            INSERT INTO zalo_token (account, seed, version, access_token, refresh_token, expires_at, lease_owner,
                lease_until, alarm) VALUES (?, ?, 1, NULL, ?, NULL, NULL, NULL, '')
            ON CONFLICT (account) DO UPDATE SET seed = excluded.seed, version = zalo_token.version + 1,
                access_token = NULL, refresh_token = excluded.refresh_token, expires_at = NULL, lease_owner = NULL,
                lease_until = NULL, alarm = '' WHERE zalo_token.seed <> excluded.seed
            """, [.text(account), .text(digest), .blob(sealed)])
    }

    func get(_ transaction: ReadTransaction) throws -> ZaloTokens.Known? {
        try transaction.queryOne(
            "SELECT version, access_token, refresh_token, expires_at, alarm FROM zalo_token WHERE account = ?",
            [.text(account)]
        ) { row in
            ZaloTokens.Known(
                version: try row.int(0), accessToken: try row.isNull(1) ? "" : open(try row.blob(1)),
                refreshToken: try open(try row.blob(2)), expiresAt: try row.instantOrNull(3), alarm: try row.text(4))
        }
    }

    /// Takes the right to refresh this version; false when somebody else has it, or has been there.
    func lease(version: Int, owner: String, until: Instant, now: Instant, _ transaction: WriteTransaction) throws
        -> Bool
    {
        try transaction.execute(
            """
            UPDATE zalo_token SET lease_owner = ?, lease_until = ?
            WHERE account = ? AND version = ? AND (lease_until IS NULL OR lease_until < ?)
            """, [.text(owner), SQLValue(until), .text(account), SQLValue(version), SQLValue(now)]) > 0
    }

    /// The pair that followed version `next.version - 1`.
    func save(_ next: ZaloTokens.Known, owner: String, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            UPDATE zalo_token SET version = ?, access_token = ?, refresh_token = ?, expires_at = ?, lease_owner = NULL,
                lease_until = NULL, alarm = '' WHERE account = ? AND version = ?
            """,
            [
                SQLValue(next.version), .blob(try seal(next.accessToken)), .blob(try seal(next.refreshToken)),
                SQLValue(next.expiresAt), .text(account), SQLValue(next.version - 1),
            ])
    }

    func alarm(_ detail: String, version: Int, owner: String, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            UPDATE zalo_token SET alarm = ?, lease_owner = NULL, lease_until = NULL
            WHERE account = ? AND version = ? AND lease_owner = ?
            """, [.text(detail), .text(account), SQLValue(version), .text(owner)])
    }

    func release(version: Int, owner: String, _ transaction: WriteTransaction) throws {
        try transaction.execute(
            """
            UPDATE zalo_token SET lease_owner = NULL, lease_until = NULL
            WHERE account = ? AND version = ? AND lease_owner = ?
            """, [.text(account), SQLValue(version), .text(owner)])
    }

    private func seal(_ token: String) throws -> [UInt8] {
        Array(try ChaChaPoly.seal(Data(token.utf8), using: key, authenticating: Data(context)).combined)
    }

    private func open(_ sealed: [UInt8]) throws -> String {
        guard let box = try? ChaChaPoly.SealedBox(combined: Data(sealed)),
            let token = try? ChaChaPoly.open(box, using: key, authenticating: Data(context))
        else {
            throw StorageError.corrupt(
                "the tokens of Zalo account \"\(account)\" were written with another application secret")
        }
        return String(decoding: token, as: UTF8.self)
    }
}
