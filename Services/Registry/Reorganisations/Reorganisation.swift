import ServiceKit

/// What a line of a reorganisation says. Raw values are those of the contract.
package enum ReorganisationKind: Int, Sendable, Hashable, CaseIterable {
    case merge = 1
    case split
    case transfer
    case rename
    case recode
    case upgrade
    case abolish
}

/// State of a reorganisation. Raw values are those of the contract.
package enum ReorganisationState: Int, Sendable, Hashable {
    case draft = 1
    case applied
    case reverted
}

/// One first-class event: a legal document, the day it takes effect, and its lines.
package struct Reorganisation: Sendable, Hashable {
    package var id: UniqueID
    package var title: String
    package var effectiveOn: LocalDate
    package var document: Document?
    package var state = ReorganisationState.draft
    package var version: Int64 = 1
    package var createdAt: Instant
    package var updatedAt: Instant

    package var name: String { "reorganisations/\(id)" }

    /// "National codes are attributes, never keys": a unit that a reorganisation creates gets its id from the
    /// reorganisation and its key there, so that applying again after a revert gives it the same one.
    package func unitID(key: String) -> UniqueID {
        UUIDv8.named("\(id)/\(key)", in: "cdt.vn/reorganisations")
    }
}

/// A unit that a reorganisation creates.
package struct NewUnit: Sendable, Hashable {
    package enum Parent: Sendable, Hashable {
        /// The parent of its sources, or what that one became.
        case inherited
        case unit(UniqueID)
        case key(String)
    }

    package var key: String
    package var id: UniqueID
    package var level: UnitLevel
    package var code: String
    package var name: String
    package var kind: String
    package var parent: Parent
}

/// A line from an old unit.
package struct ReorganisationLine: Sendable, Hashable {
    package enum Target: Sendable, Hashable {
        case none
        case unit(UniqueID)
        case key(String)
    }

    package var kind: ReorganisationKind
    package var source: UniqueID
    package var target: Target
    package var isDefault = false
}

/// What a reorganisation says, before it is known whether it can be done.
package struct ReorganisationScript: Sendable, Hashable {
    package var effectiveOn: LocalDate
    package var newUnits: [NewUnit]
    package var lines: [ReorganisationLine]
}
