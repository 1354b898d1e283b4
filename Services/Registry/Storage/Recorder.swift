import ChangeFeed
import Crypto
import ServiceKit
import Shared
import Storage
import SwiftProtobuf

/// Who writes, when and by which call: what every write leaves in the audit and in the feed.
package struct Author: Sendable {
    package var actor: String
    package var action: String
    package var requestID: String
    package var traceparent: String
    package var now: Instant

    package init(actor: String, action: String, requestID: String = "", traceparent: String = "", now: Instant) {
        self.actor = actor
        self.action = action
        self.requestID = requestID
        self.traceparent = traceparent
        self.now = now
    }
}

/// Writes facts, and with each in the same transaction its event and its line in the audit (R11: "every write is
/// audited; it cannot be switched off").
package struct Recorder: Sendable {
    package static let facts = "registry.facts"
    package static let contacts = "registry.contacts"

    private let outbox: Outbox
    let units: UnitIndex

    package init(outbox: Outbox, units: UnitIndex) {
        self.outbox = outbox
        self.units = units
    }

    // MARK: Writes

    package func insert(_ hamlet: Hamlet, rowHash: [UInt8]? = nil, by author: Author, in tx: WriteTransaction) throws {
        try HamletStore.insert(hamlet, rowHash: rowHash, in: tx)
        try told(hamlet.id.unitName, hamlet.version, units.fact(hamlet), before: nil, by: author, in: tx)
    }

    package func rename(
        _ hamlet: Hamlet, before: Hamlet, rowHash: [UInt8]? = nil, by author: Author, in tx: WriteTransaction
    ) throws {
        try HamletStore.rename(hamlet, rowHash: rowHash, in: tx)
        try told(hamlet.id.unitName, hamlet.version, units.fact(hamlet), before: units.fact(before), by: author, in: tx)
    }

    package func insert(_ team: Team, mark: ImportMark? = nil, by author: Author, in tx: WriteTransaction) throws {
        try TeamStore.insert(team, mark: mark, in: tx)
        try told(team.id.teamName, team.version, units.fact(team), before: nil, by: author, in: tx)
    }

    package func update(_ team: Team, before: Team, mark: ImportMark? = nil, by author: Author, in tx: WriteTransaction)
        throws
    {
        try TeamStore.update(team, mark: mark, historyChanged: team.stretches != before.stretches, in: tx)
        try told(team.id.teamName, team.version, units.fact(team), before: units.fact(before), by: author, in: tx)
        if team.stretches != before.stretches {
            try noteMove(
                of: team.id, from: Following.stays(of: before), to: Following.stays(of: team),
                today: author.now.localDate, in: tx)
        }
    }

    package func insert(_ person: Person, by author: Author, in tx: WriteTransaction) throws {
        try PersonStore.insert(person, in: tx)
        try publish(Self.contacts, person.id.personName, person.version, person.contact, by: author, in: tx)
        try audit(
            person.id.personName, before: nil, after: person.message, salt: person.salt, by: author, in: tx)
    }

    /// A person's occupation and organisations travel with the memberships, so these are told anew when they change.
    package func update(_ person: Person, before: Person, by author: Author, in tx: WriteTransaction) throws {
        try PersonStore.update(person, in: tx)
        try publish(Self.contacts, person.id.personName, person.version, person.contact, by: author, in: tx)
        try audit(
            person.id.personName, before: before.message, after: person.message, salt: person.salt, by: author, in: tx)
        guard person.factsDiffer(from: before) else { return }
        for var membership in try MembershipStore.memberships(ofPersonAlone: person.id, in: tx) {
            membership.version += 1
            membership.updatedAt = author.now
            try MembershipStore.update(membership, in: tx)
            try publish(
                Self.facts, membership.resourceName, membership.version, membership.fact(of: person), by: author, in: tx
            )
        }
    }

    package func insert(
        _ membership: Membership, of person: Person, mark: ImportMark? = nil, by author: Author, in tx: WriteTransaction
    ) throws {
        try MembershipStore.insert(membership, mark: mark, in: tx)
        try told(
            membership.resourceName, membership.version, membership.fact(of: person), before: nil,
            salt: person.salt, by: author, in: tx)
    }

    package func update(
        _ membership: Membership, before: Membership, of person: Person, by author: Author, in tx: WriteTransaction
    ) throws {
        try MembershipStore.update(membership, in: tx)
        try told(
            membership.resourceName, membership.version, membership.fact(of: person), before: before.fact(of: person),
            salt: person.salt, by: author, in: tx)
    }

    package func insert(_ policy: CapacityPolicy, as message: some Message, by author: Author, in tx: WriteTransaction)
        throws
    {
        try CapacityStore.insert(policy, in: tx)
        try audit("capacityPolicies/\(policy.id)", before: nil, after: message, by: author, in: tx)
    }

    /// All units of the index: they are told once, when they are loaded.
    package func tellUnits(by author: Author, in tx: WriteTransaction) throws {
        for rank in units.all.indices {
            try publish(Self.facts, units[rank].id.unitName, 1, units.fact(rank), by: author, in: tx)
        }
    }

    // MARK: Events and audit

    func told(
        _ name: String, _ version: Int64, _ fact: some Message, before: (any Message)?, salt: [UInt8]? = nil,
        by author: Author, in tx: WriteTransaction
    ) throws {
        try publish(Self.facts, name, version, fact, by: author, in: tx)
        try audit(name, before: before, after: fact, salt: salt, by: author, in: tx)
    }

    func publish(
        _ topic: String, _ name: String, _ version: Int64, _ payload: some Message, by author: Author,
        in tx: WriteTransaction
    ) throws {
        try outbox.append(
            topic: topic, aggregate: name, version: version, payload: payload, traceparent: author.traceparent,
            at: author.now.microseconds, in: tx)
    }

    func publishTombstone(
        _ topic: String, _ name: String, _ version: Int64, by author: Author, in tx: WriteTransaction
    ) throws {
        try outbox.appendTombstone(
            topic: topic, aggregate: name, version: version, traceparent: author.traceparent,
            at: author.now.microseconds, in: tx)
    }

    /// A line of the audit: who, when, what, hashes of before and after, request id. Reads of personal data leave one
    /// too, without hashes.
    package func audit(
        _ name: String, before: (any Message)?, after: (any Message)?, salt: [UInt8]? = nil, by author: Author,
        in tx: WriteTransaction
    ) throws {
        // "Audit hashes of personal data are keyed with a per-person salt that erasure destroys."
        let hashes = (try before.map { try Self.hash($0, salt) }, try after.map { try Self.hash($0, salt) })
        try AuditStore.insert(
            AuditEntry(
                id: UUIDv7.next(at: author.now), recordedAt: author.now, actor: author.actor, action: author.action,
                resource: name, requestID: author.requestID, before: hashes.0, after: hashes.1), in: tx)
    }

    private static func hash(_ message: any Message, _ salt: [UInt8]?) throws -> [UInt8] {
        let bytes: [UInt8] = try message.serializedBytes()
        if let salt { return Array(HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: salt))) }
        return Array(SHA256.hash(data: bytes))
    }
}
