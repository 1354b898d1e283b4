import ServiceKit

/// A person who is or was a member.
package struct Person: Sendable, Hashable {
    package var id: UniqueID
    package var fullName: String
    package var birthYear: Int?
    package var birthDate: LocalDate?
    /// As in the contract: 0 not known, 1 female, 2 male.
    package var sex = 0
    package var phones: [String] = []
    package var email = ""
    package var zaloUserIDs: [String] = []
    /// As in the contract; 0 not known.
    package var occupation = 0
    package var organisations: [String] = []
    package var residenceUnit: UniqueID?
    package var workUnit: UniqueID?
    package var source: SourceKey?
    /// Keyed hash of the citizen id; the number itself is nowhere.
    package var citizenHash: [UInt8]?
    /// Keys the audit's hashes of what is personal here; erasure destroys it.
    package var salt: [UInt8] = []
    /// The record this one was merged into.
    package var mergedInto: UniqueID?
    package var erasedAt: Instant?
    package var version: Int64 = 1
    package var createdAt: Instant
    package var updatedAt: Instant

    /// A salt for a new person.
    package static func newSalt() -> [UInt8] { (0..<16).map { _ in UInt8.random(in: .min ... .max) } }

    /// Whether the feeds of facts or of contacts tell what differs from `other`.
    package func factsDiffer(from other: Person) -> Bool {
        occupation != other.occupation || organisations != other.organisations
    }

    /// Whether it says the same, apart from versions and times.
    package func saysSame(as other: Person) -> Bool {
        var other = other
        other.id = id
        other.version = version
        other.createdAt = createdAt
        other.updatedAt = updatedAt
        return self == other
    }
}

/// Role in a team. Raw values are those of the contract.
package enum MemberRole: Int, Sendable, Hashable, CaseIterable {
    case leader = 1
    case deputy
    case member
}

/// A person's stretch of time in a team.
package struct Membership: Sendable, Hashable {
    package var id: UniqueID
    package var team: UniqueID
    package var person: UniqueID
    package var role: MemberRole
    /// `to` is the last day; "a seat is free from the day after" (R4).
    package var range: DateRange
    /// Recorded by mistake: it never counted.
    package var isVoid = false
    package var reason = ""
    package var source: SourceKey?
    /// The version of its event told last: rises with each change, and when the same is told again.
    package var version: Int64 = 1
    /// How often of that the same was told again.
    package var retold: Int64 = 0
    package var updatedAt: Instant

    /// What the etag is made of: a membership that nobody changed keeps it.
    package var edition: Int64 { version - retold }
}
