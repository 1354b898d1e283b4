import Crypto
import RPC
import Storage
import SwiftProtobuf

/// "Same id + same payload → same answer, kept 24 h and in the same transaction, keyed by caller and method, returned
/// only after authorisation; failures are not kept."
///
/// ```swift
/// let key = try RequestIDs.key(request.requestID, of: request, context)      // after authorisation
/// let reply = try await database.write { transaction in
///     try RequestIDs.once(key, in: transaction, now: now) { try teams.create(…, in: transaction) }
/// }.get()
/// ```
package enum RequestIDs {
    package static let lifetime: Duration = .seconds(24 * 3600)

    package static let migrations = MigrationSet(
        "request_ids",
        [
            Migration(
                version: 1, name: "answers by request id",
                sql: """
                    CREATE TABLE request_ids (
                        caller TEXT NOT NULL,
                        method TEXT NOT NULL,
                        request_id TEXT NOT NULL,
                        payload_hash BLOB NOT NULL,
                        reply BLOB NOT NULL,
                        expires_at BIGINT NOT NULL,
                        PRIMARY KEY (caller, method, request_id)
                    );
                    CREATE INDEX request_ids_expiry ON request_ids (expires_at);
                    """)
        ])

    /// Which request this is. Made outside the transaction, as it costs a hash.
    package struct Key: Sendable, Hashable {
        let caller: String
        let method: String
        let requestID: String
        let payloadHash: [UInt8]

        package init(caller: String, method: String, requestID: UniqueID, payload: some Message) throws {
            self.caller = caller
            self.method = method
            // One spelling, so that upper and lower case are the same id.
            self.requestID = requestID.description
            var options = BinaryEncodingOptions()
            options.useDeterministicOrdering = true
            let bytes: [UInt8] = try payload.serializedBytes(options: options)
            payloadHash = Array(SHA256.hash(data: bytes))
        }
    }

    /// The key of a call; nil when the caller gave no request id. Anything but a UUID is refused.
    package static func key(_ requestID: String, of request: some Message, _ context: ServerContext) throws -> Key? {
        var check = Violations()
        let id = check.uuid(requestID, "request_id")
        try check.refuse()
        guard let id else { return nil }
        return try Key(
            caller: context.identity?.subject ?? "", method: context.method.path, requestID: id, payload: request)
    }

    /// The stored answer of the same request, or the answer of `body`, which is stored when it is a success.
    ///
    /// `body` runs inside the transaction and decides refusals before its first write, as every write does.
    package static func once<Reply: Message>(
        _ key: Key?, in transaction: WriteTransaction, now: Instant,
        body: () throws -> Result<Reply, ServiceError>
    ) throws -> Result<Reply, ServiceError> {
        guard let key else { return try body() }
        let known = try transaction.queryOne(
            """
            SELECT payload_hash, reply FROM request_ids
            WHERE caller = ? AND method = ? AND request_id = ? AND expires_at > ?
            """,
            [.text(key.caller), .text(key.method), .text(key.requestID), .integer(now.microseconds)]
        ) { (hash: try $0.blob(0), reply: try $0.blob(1)) }
        if let known {
            guard known.hash == key.payloadHash else { return .failure(reused(key)) }
            return .success(try Reply(serializedBytes: known.reply))
        }
        let result = try body()
        if case .success(let reply) = result {
            let bytes: [UInt8] = try reply.serializedBytes()
            try transaction.execute(
                """
                INSERT INTO request_ids (caller, method, request_id, payload_hash, reply, expires_at)
                VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (caller, method, request_id) DO UPDATE SET
                    payload_hash = excluded.payload_hash, reply = excluded.reply, expires_at = excluded.expires_at
                """,
                [
                    .text(key.caller), .text(key.method), .text(key.requestID), .blob(key.payloadHash), .blob(bytes),
                    .integer(now.adding(lifetime).microseconds),
                ])
        }
        return result
    }

    /// As above for a body that cannot refuse.
    package static func once<Reply: Message>(
        _ key: Key?, in transaction: WriteTransaction, now: Instant, body: () throws -> Reply
    ) throws -> Result<Reply, ServiceError> {
        try once(key, in: transaction, now: now) { .success(try body()) }
    }

    /// Removes what has expired, a bounded number at a time; how many rows went.
    package static func purge(_ database: Database, now: Instant, limit: Int = 1000) async throws -> Int {
        try await database.write { transaction in
            try transaction.execute(
                """
                DELETE FROM request_ids WHERE (caller, method, request_id) IN
                    (SELECT caller, method, request_id FROM request_ids WHERE expires_at <= ? LIMIT ?)
                """, [.integer(now.microseconds), .integer(Int64(limit))])
        }
    }

    /// Takes back the stored answers of a method that `holds` finds: erasure of personal data reaches them too.
    package static func forget(
        method: String, where holds: ([UInt8]) throws -> Bool, in transaction: WriteTransaction
    ) throws {
        let stored = try transaction.query(
            "SELECT caller, request_id, reply FROM request_ids WHERE method = ?", [.text(method)]
        ) { (caller: try $0.text(0), id: try $0.text(1), reply: try $0.blob(2)) }
        for answer in stored where try holds(answer.reply) {
            try transaction.execute(
                "DELETE FROM request_ids WHERE caller = ? AND method = ? AND request_id = ?",
                [.text(answer.caller), .text(method), .text(answer.id)])
        }
    }

    private static func reused(_ key: Key) -> ServiceError {
        ServiceError(
            .alreadyExists, reason: "REQUEST_ID_REUSED",
            "request_id \(key.requestID) was used within 24 hours for a different request; take a new one",
            vi: "request_id \(key.requestID) đã được dùng trong 24 giờ qua cho một yêu cầu khác; hãy dùng mã mới",
            metadata: ["requestId": key.requestID])
    }
}
