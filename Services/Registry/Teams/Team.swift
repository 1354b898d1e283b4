import ServiceKit

/// Level of a team. Raw values are those of the contract.
package enum TeamLevel: Int, Sendable, Hashable, CaseIterable {
    case commune = 1
    case hamlet = 2
}

/// Status of a team. Raw values are those of the contract.
package enum TeamStatus: Int, Sendable, Hashable, CaseIterable {
    case planned = 1
    case active
    case suspended
    case merged
    case dissolved

    /// At work or able to go back to work.
    package var isRunning: Bool { self == .planned || self == .active || self == .suspended }

    /// As callers write it, `ACTIVE`.
    package var word: String {
        switch self {
        case .planned: "PLANNED"
        case .active: "ACTIVE"
        case .suspended: "SUSPENDED"
        case .merged: "MERGED"
        case .dissolved: "DISSOLVED"
        }
    }
}

/// What a team calls itself. Raw values are those of the contract.
package enum TeamNameVariant: Int, Sendable, Hashable {
    case digitalTechnology = 1
    case digitalTransformation
    case digitalTechnologyAndProject06
}

/// A legal document.
package struct Document: Sendable, Hashable {
    package var number = ""
    package var title = ""
    package var issuer = ""
    package var issuedOn: LocalDate?
    package var effective = DateRange.always
}

/// Key of a row in the system it came from.
package struct SourceKey: Sendable, Hashable {
    package var system: String
    package var externalID: String
}

/// A status for a stretch of time.
package struct StatusPeriod: Sendable, Hashable {
    package var status: TeamStatus
    package var range: DateRange
}

/// A place for a stretch of time: the unit a team sits in, and the commune that is or holds it.
package struct TeamPlace: Sendable, Hashable {
    /// Nil when the commune it was ended, and no successor is recorded.
    package var unit: UniqueID?
    package var commune: UnitRank
    package var basis: PlacementBasis
    package var range: DateRange
}

/// A stretch of a team's life in which neither status nor place changes. Together they are its whole history; there is
/// one for every day from its first on.
package struct TeamStretch: Sendable, Hashable {
    package var status: TeamStatus
    /// Nil where nothing is known: before its commune came into being.
    package var place: Place?
    package var range: DateRange

    package struct Place: Sendable, Hashable {
        /// Nil when the commune it was ended, and no successor is recorded.
        package var unit: UniqueID?
        package var commune: UnitRank
        package var basis: PlacementBasis
    }
}

/// A community digital technology team.
package struct Team: Sendable, Hashable {
    package var id: UniqueID
    package var level: TeamLevel
    package var name: String
    package var nameVariant = TeamNameVariant.digitalTechnology
    /// The establishing decision; without one no allowance is due.
    package var decision: Document?
    package var stretches: [TeamStretch]
    package var source: SourceKey?
    /// The version of its event told last: rises with each change, and when the same is told again.
    package var version: Int64 = 1
    /// How often of that the same was told again.
    package var retold: Int64 = 0
    package var createdAt: Instant
    package var updatedAt: Instant

    /// Whether it says the same, apart from versions and times.
    package func saysSame(as other: Team) -> Bool {
        name == other.name && nameVariant == other.nameVariant && decision == other.decision
            && stretches == other.stretches
    }

    /// What the etag is made of: a team that nobody changed keeps it.
    package var edition: Int64 { version - retold }

    package var firstDay: LocalDate { stretches.first?.range.firstDay ?? .distantPast }
    package func stretch(on date: LocalDate) -> TeamStretch? { stretches.first { $0.range.contains(date) } }
}
