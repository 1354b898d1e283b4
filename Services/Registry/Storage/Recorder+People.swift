import ServiceKit
import Shared
import Storage
import SwiftProtobuf

extension Recorder {
    /// A membership becomes another person's: by a merge, or by taking one back.
    func give(
        _ membership: Membership, to person: Person, from former: Person, by author: Author, in tx: WriteTransaction
    ) throws {
        var next = membership
        next.person = person.id
        next.version += 1
        next.updatedAt = author.now
        try MembershipStore.update(next, in: tx)
        try publish(Self.facts, next.resourceName, next.version, next.fact(of: person), by: author, in: tx)
        try audit(
            next.resourceName, before: membership.fact(of: former), after: next.fact(of: person), salt: former.salt,
            by: author, in: tx)
    }

    /// Erases a person: what is left is the id, and memberships that say when somebody was in a team. The salt of the
    /// audit's hashes goes as well, so that these say nothing any more.
    func erase(_ person: Person, memberships: [Membership], by author: Author, in tx: WriteTransaction) throws -> Person
    {
        var erased = Person(
            id: person.id, fullName: "", source: person.source, version: person.version + 1,
            createdAt: person.createdAt, updatedAt: author.now)
        erased.mergedInto = person.mergedInto
        erased.erasedAt = author.now
        try PersonStore.update(erased, in: tx)
        try PersonStore.destroySalt(of: person.id, in: tx)
        try publishTombstone(Self.contacts, person.id.personName, erased.version, by: author, in: tx)
        try FeedErasureStore.insert(
            .init(topic: Self.contacts, aggregate: person.id.personName, version: person.version), in: tx)
        for membership in memberships {
            var next = membership
            next.reason = ""
            next.version += 1
            next.updatedAt = author.now
            try MembershipStore.update(next, in: tx)
            try publish(Self.facts, next.resourceName, next.version, next.fact(of: erased), by: author, in: tx)
            try FeedErasureStore.insert(
                .init(topic: Self.facts, aggregate: membership.resourceName, version: membership.version), in: tx)
            try ImportBatchStore.forgetProblems(of: membership.id, in: tx)
            try MembershipStore.forgetRow(of: membership.id, in: tx)
        }
        try DuplicateStore.forget(person.id, in: tx)
        try PersonMergeStore.clearReasons(of: person.id, in: tx)
        try StoredReplies.forget(person.id.personName, in: tx)
        try audit(person.id.personName, before: nil, after: nil, by: author, in: tx)
        return erased
    }
}

/// "Erasure reaches … stored replies": answers kept for repeated request ids that hold the person.
private enum StoredReplies {
    static func forget(_ name: String, in tx: WriteTransaction) throws {
        let prefix = "/cdt.registry.v1.RegistryService/"
        for (method, holds) in [
            (
                prefix + "CreatePerson",
                { (bytes: [UInt8]) in
                    try Cdt_Registry_V1_CreatePersonResponse(serializedBytes: bytes).person.name == name
                }
            ),
            (
                prefix + "UpdatePerson",
                { (bytes: [UInt8]) in
                    try Cdt_Registry_V1_UpdatePersonResponse(serializedBytes: bytes).person.name == name
                }
            ),
        ] { try RequestIDs.forget(method: method, where: holds, in: tx) }
    }
}
