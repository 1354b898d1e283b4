import Foundation
import ServiceKit

/// A unit found by name.
package struct UnitHit: Sendable, Hashable {
    package var unit: UnitRank
    /// The spelling that matched.
    package var matched: String
    /// The query is spelled as the name or alias is, tone marks included, with or without the kind word.
    package var isExact: Bool
}

extension UnitIndex {
    /// "A query matches where it begins at a word of the name or of an alias; exact spellings first, then by code."
    package func search(_ query: String, under ancestor: UnitRank, levels: Set<UnitLevel>, on date: LocalDate)
        -> [UnitHit]
    {
        let exactQuery = Self.exact(query)
        var hits: [UnitRank: UnitHit] = [:]
        spellings.match(Array(TextFolding.fold(query).utf8)) { rank, alias in
            let unit = self[rank]
            guard levels.contains(unit.level), unit.validity.contains(date) else { return }
            let matched = alias.map { unit.aliases[$0] } ?? unit.name
            let isExact =
                Self.exact(matched) == exactQuery || Self.exact(matched) == unit.kind.lowercased() + " " + exactQuery
            if let known = hits[rank], known.isExact || !isExact && known.matched == unit.name { return }
            hits[rank] = UnitHit(unit: rank, matched: matched, isExact: isExact)
        }
        return hits.values
            .filter { ancestor == Self.nation || $0.unit != ancestor && isUnder($0.unit, ancestor, on: date) }
            .sorted {
                ($0.isExact ? 0 : 1, self[$0.unit].code, $0.unit) < ($1.isExact ? 0 : 1, self[$1.unit].code, $1.unit)
            }
    }

    /// The ancestors' names without the nation's, `Huyện Tuần Giáo, Tỉnh Điện Biên`.
    package func path(of rank: UnitRank, on date: LocalDate) -> String {
        ancestors(of: rank, on: date).filter { $0 != Self.nation }.map { self[$0].name }.joined(separator: ", ")
    }

    /// Without regard to case and composition, with regard to tone marks.
    static func exact(_ spelling: String) -> String {
        spelling.precomposedStringWithCanonicalMapping.lowercased()
            .split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
