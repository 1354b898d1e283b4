import ChangeFeed
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// What the law gives a person (91/2025/QH15): to see everything held, and to have it erased.
package struct ErasureCalls: Sendable {
    let core: RegistryCore

    package init(core: RegistryCore) { self.core = core }

    func export(_ request: Cdt_Registry_V1_ExportPersonDataRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ExportPersonDataResponse
    {
        var reader = RequestReader(core)
        let id = reader.id(request.name, of: "people", "name")
        try reader.refuse()
        guard let id else { throw Refusal(.fieldMissing, "name").error }
        guard try core.database.read({ try PersonStore.person(id, in: $0) }) != nil else {
            throw Refusal(.personNotFound, "name", ["value": id.personName]).error
        }
        // "A read audit is committed before personal data leave."
        try await PeopleCalls(core: core).auditRead([id.personName], by: caller)
        return try await core.database.readPooled { tx in
            guard let person = try PersonStore.person(id, in: tx) else {
                throw Refusal(.personNotFound, "name", ["value": id.personName]).error
            }
            let memberships = try MembershipStore.list(
                team: nil, person: id, on: nil, after: nil, limit: .max, in: tx)
            let merges = try PersonMergeStore.merges(of: id, in: tx)
            let reads = try AuditStore.reads(of: id.personName, in: tx)
            return .with {
                $0.person = person.message
                $0.memberships = memberships.map(\.message)
                $0.merges = merges.map(\.message)
                $0.reads = reads.map { action, count in
                    .with {
                        $0.action = action
                        $0.count = Int64(count)
                    }
                }
            }
        }
    }

    func erase(_ request: Cdt_Registry_V1_ErasePersonRequest, by caller: Caller) async throws
        -> Cdt_Registry_V1_ErasePersonResponse
    {
        var reader = RequestReader(core)
        let id = reader.id(request.name, of: "people", "name")
        _ = reader.fields.line(request.reason, "reason", limit: 500, required: false)
        try reader.refuse()
        guard let id else { throw Refusal(.fieldMissing, "name").error }
        let today = core.clock.today
        let reply = try await core.write(request.requestID, of: request, by: caller) {
            [core] tx, author -> Result<Cdt_Registry_V1_ErasePersonResponse, ServiceError> in
            guard let before = try PersonStore.person(id, in: tx) else {
                return .failure(Refusal(.personNotFound, "name", ["value": id.personName]).error)
            }
            if let stale = Etag.refusal(request.etag, version: before.version, name: id.personName) {
                return .failure(stale)
            }
            guard before.erasedAt == nil else { return .failure(Refusal(.personErased, "name").error) }
            let memberships = try MembershipStore.memberships(ofPersonAlone: id, in: tx)
            if let current = memberships.first(where: { !$0.isVoid && $0.range.lastDay >= today }) {
                return .failure(
                    Refusal(
                        .stillMember, "name",
                        ["membership": current.resourceName, "to": current.range.to?.description]
                    ).error)
            }
            let erased = try core.recorder.erase(before, memberships: memberships, by: author, in: tx)
            return .success(.with { $0.person = erased.message })
        }
        try await eraseHistory()
        return reply
    }

    /// Takes what was erased out of the feeds' history. What a stop in between leaves is done at the next run.
    package func eraseHistory() async throws {
        let pending = try await core.database.readPooled { try FeedErasureStore.pending(in: $0) }
        for (topic, erasures) in Dictionary(grouping: pending, by: \.topic).sorted(by: { $0.key < $1.key }) {
            let versions = Dictionary(uniqueKeysWithValues: erasures.map { ($0.aggregate, $0.version) })
            try await core.outbox.erase(topic: topic, versions, in: core.database)
            try await core.database.write { tx in
                for erasure in erasures { try FeedErasureStore.done(erasure, in: tx) }
            }
        }
    }
}

/// What still has to be taken out of the feeds' history.
package enum FeedErasureStore {
    package struct Pending: Sendable, Hashable {
        package var topic: String
        package var aggregate: String
        package var version: Int64
    }

    package static func insert(_ pending: Pending, in tx: WriteTransaction) throws {
        try tx.execute(
            """
            INSERT INTO feed_erasure (topic, aggregate, version) VALUES (?, ?, ?)
            ON CONFLICT (topic, aggregate) DO UPDATE SET version = excluded.version
            """, [.text(pending.topic), .text(pending.aggregate), .integer(pending.version)])
    }

    package static func pending(in tx: ReadTransaction) throws -> [Pending] {
        try tx.query("SELECT topic, aggregate, version FROM feed_erasure ORDER BY topic, aggregate") {
            Pending(topic: try $0.text(0), aggregate: try $0.text(1), version: try $0.int64(2))
        }
    }

    package static func done(_ pending: Pending, in tx: WriteTransaction) throws {
        try tx.execute(
            "DELETE FROM feed_erasure WHERE topic = ? AND aggregate = ? AND version = ?",
            [.text(pending.topic), .text(pending.aggregate), .integer(pending.version)])
    }
}
