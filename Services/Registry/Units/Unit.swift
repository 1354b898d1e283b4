import ServiceKit

/// Place of a unit in the tree. Level and kind are data, not depth: communes sit under districts until 30/6/2025 and
/// under provinces since.
package enum UnitLevel: Int, Sendable, Hashable, Comparable, CaseIterable {
    case nation = 1
    case province
    case district
    case commune
    case hamlet

    package static func < (a: UnitLevel, b: UnitLevel) -> Bool { a.rawValue < b.rawValue }
}

/// Position of a unit with a national code in the index and in the database.
///
/// Communes are numbered along the trees, so that the communes of a province or district are few runs of neighbours,
/// and "teams under this unit" is a condition on a range.
package typealias UnitRank = Int

/// One version of a unit: a unit whose code, name, kind or territory changed is another one.
package struct Unit: Sendable, Hashable {
    package var id: UniqueID
    package var level: UnitLevel
    /// National code with leading zeros; empty for the nation and for hamlets.
    package var code: String
    /// Name with its kind, `Xã Mường Mùn`.
    package var name: String
    package var kind: String
    package var validity: DateRange
    /// Other spellings it is found by.
    package var aliases: [String] = []
    /// Created by a reorganisation that was reverted: it never was in force, and comes back if that is applied again.
    package var isVoid = false

    /// The nation's id never changes either; `units/vn` names it in requests.
    package static let nationID = UUIDv8.named("vn", in: "cdt.vn/units")

    /// "National codes are attributes with validity, never keys": the id of a unit that ships with the product follows
    /// from level, code and first day, so that every installation gives it the same one.
    package static func id(level: UnitLevel, code: String, validFrom: LocalDate?) -> UniqueID {
        UUIDv8.named("\(level.rawValue)/\(code)/\(validFrom?.description ?? "")", in: "cdt.vn/units")
    }

    /// Name without its kind word, `Mường Mùn`.
    package var bareName: Substring {
        let prefix = kind + " "
        guard name.lowercased().hasPrefix(prefix) else { return name[...] }
        return name.dropFirst(prefix.count)
    }
}

/// A unit's parent for a stretch of time.
package struct UnitParent: Sendable, Hashable {
    package var unit: UnitRank
    package var parent: UnitRank
    package var range: DateRange
}

/// How a unit became another.
package enum SuccessionRelation: String, Sendable, Hashable {
    case unchanged, renamed, merged, split, reclassified
    /// The code went on the next day; not a line of the published data. Until 30/6/2025 a code stayed with its unit
    /// through changes of name, kind, district and territory; on 1/7/2025 codes were given anew, and all lines
    /// recorded.
    case continued

    /// The new unit is the old one under another name, kind or number.
    package var isOneToOne: Bool { self == .unchanged || self == .renamed || self == .reclassified }
}

/// A line from an old unit to a new one.
package struct UnitSuccession: Sendable, Hashable {
    package var source: UnitRank
    package var target: UnitRank
    /// First day of the target.
    package var effectiveOn: LocalDate
    package var relation: SuccessionRelation
    /// Only a part of the source went to the target.
    package var isPart: Bool
    /// On one line of each source; "a default, not law, where the unit was split".
    package var isDefault: Bool
}

/// All units with national codes, and what binds them.
package struct UnitData: Sendable {
    /// In the order of their ranks.
    package var units: [Unit] = []
    package var parents: [UnitParent] = []
    package var successions: [UnitSuccession] = []
    package var edition: Int64 = 0
}
