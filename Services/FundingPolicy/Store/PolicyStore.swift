import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// A version of a policy as it is stored.
package struct StoredPolicy: Sendable, Hashable {
    package var policy: Policy
    package var contentHash: String
    package var createdAt: Instant
    package var activatedAt: Instant?

    /// Drafts never change in place, so a version's content and state are its etag.
    package var etag: String { "\"\(contentHash.prefix(16))-\(policy.state.rawValue)\"" }

    package var message: Cdt_Funding_V1_Policy {
        var message = PolicyMessages.message(policy)
        message.contentHash = contentHash
        message.createTime = createdAt.timestamp
        if let activatedAt { message.activateTime = activatedAt.timestamp }
        message.etag = etag
        return message
    }

    /// As above, with the jurisdiction as the registry knows it.
    package func message(_ reader: FactsReader) throws -> Cdt_Funding_V1_Policy {
        var message = message
        if let unit = try PolicyStore.jurisdiction(of: policy, reader) {
            message.jurisdictionUnit = unit.id
            message.jurisdictionDisplayName = unit.displayName
        }
        return message
    }
}

/// SQL of policies.
package enum PolicyStore {
    private static let columns = "name, version, state, content, content_hash, created_at, activated_at"

    private static func stored(_ row: Row) throws -> StoredPolicy {
        var ignored = Violations()
        var policy = PolicyMessages.policy(
            try Cdt_Funding_V1_Policy(serializedBytes: try row.blob(3)), &ignored)
        policy.name = try row.text(0)
        policy.version = try row.int(1)
        policy.state = PolicyState(rawValue: try row.int(2)) ?? .draft
        return StoredPolicy(
            policy: policy, contentHash: try row.text(4), createdAt: try row.instant(5),
            activatedAt: try row.instantOrNull(6))
    }

    /// Every active version, by name and version.
    package static func active(_ transaction: ReadTransaction) throws -> [StoredPolicy] {
        try transaction.query(
            "SELECT \(columns) FROM policies WHERE state = 2 ORDER BY name, version", [], stored)
    }

    package static func versions(of name: String, _ transaction: ReadTransaction) throws -> [StoredPolicy] {
        try transaction.query(
            "SELECT \(columns) FROM policies WHERE name = ? ORDER BY version", [.text(name)], stored)
    }

    /// A version; 0: the newest active one or, without any, the newest draft.
    package static func get(_ name: String, version: Int, _ transaction: ReadTransaction) throws -> StoredPolicy? {
        if version > 0 {
            return try transaction.queryOne(
                "SELECT \(columns) FROM policies WHERE name = ? AND version = ?", [.text(name), SQLValue(version)],
                stored)
        }
        return try transaction.queryOne(
            "SELECT \(columns) FROM policies WHERE name = ? ORDER BY state DESC, version DESC LIMIT 1", [.text(name)],
            stored)
    }

    package struct Filter: Sendable {
        package var validOn: LocalDate?
        package var jurisdictionCode = ""
        package var includeDrafts = false
        package init() {}
    }

    /// A page by name and version, after a position.
    package static func list(
        _ filter: Filter, after: (name: String, version: Int)?, limit: Int, _ transaction: ReadTransaction
    ) throws -> [StoredPolicy] {
        let on = SQLValue(filter.validOn)
        return try transaction.query(
            """
            SELECT \(columns) FROM policies
            WHERE (name > ? OR (name = ? AND version > ?)) AND (state = 2 OR ? = 1)
                AND (? = '' OR jurisdiction_code = ?)
                AND (CAST(? AS TEXT) IS NULL
                    OR ((from_day IS NULL OR from_day <= ?) AND (end_day IS NULL OR end_day > ?)))
            ORDER BY name, version LIMIT ?
            """,
            [
                .text(after?.name ?? ""), .text(after?.name ?? ""), SQLValue(after?.version ?? 0),
                SQLValue(filter.includeDrafts), .text(filter.jurisdictionCode), .text(filter.jurisdictionCode), on, on,
                on, SQLValue(limit),
            ], stored)
    }

    /// Records a version; false when there is one of that name and number.
    @discardableResult
    package static func insert(_ stored: StoredPolicy, _ transaction: WriteTransaction) throws -> Bool {
        let policy = stored.policy
        let content: [UInt8] = try PolicyMessages.message(policy).serializedBytes()
        return try transaction.execute(
            """
            INSERT INTO policies (name, version, state, jurisdiction_code, from_day, end_day, content, content_hash,
                created_at, activated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (name, version) DO NOTHING
            """,
            [
                .text(policy.name), SQLValue(policy.version), SQLValue(policy.state.rawValue),
                .text(policy.jurisdictionCode), SQLValue(policy.validity.from), SQLValue(policy.validity.exclusiveEnd),
                .blob(content), .text(stored.contentHash), SQLValue(stored.createdAt),
                SQLValue(stored.activatedAt),
            ]) > 0
    }

    package static func activate(_ name: String, version: Int, at now: Instant, _ transaction: WriteTransaction) throws
    {
        try transaction.execute(
            "UPDATE policies SET state = 2, activated_at = ? WHERE name = ? AND version = ? AND state = 1",
            [SQLValue(now), .text(name), SQLValue(version)])
    }

    /// The unit whose territory the policy covers, as the registry knows it; nil while it does not.
    package static func jurisdiction(of policy: Policy, _ reader: FactsReader) throws -> UnitFacts? {
        guard let date = policy.territoryDate else { return nil }
        if policy.jurisdictionUnit.isEmpty { return try reader.unit(code: policy.jurisdictionCode, on: date) }
        guard let unit = try reader.unit(policy.jurisdictionUnit), unit.validity.contains(date) else { return nil }
        return unit
    }
}
