import ServiceKit
import Storage

/// "Under this unit" as a condition on commune ranks.
enum RankFilter {
    static func condition(_ column: String, _ runs: [ClosedRange<UnitRank>]?) -> (String, [SQLValue]) {
        guard let runs else { return ("\(column) >= 0", []) }
        guard !runs.isEmpty else { return ("1 = 0", []) }
        let parts = runs.map { _ in "\(column) BETWEEN ? AND ?" }.joined(separator: " OR ")
        return ("(\(parts))", runs.flatMap { [SQLValue($0.lowerBound), SQLValue($0.upperBound)] })
    }

    /// Communes that are asked for at once: few statements for a country, and not much in memory.
    static let atOnce = 200

    /// The stays in one of some communes after a day; of those that only tell that it has ended, with `ended`.
    static func staying(in communes: ArraySlice<UnitRank>, after day: LocalDate, ended: Bool) -> (String, [SQLValue]) {
        // As many placeholders each time, so that it is one statement.
        let places = [String](repeating: "?", count: atOnce).joined(separator: ", ")
        let ranks = communes + [UnitRank](repeating: communes.first ?? -1, count: max(0, atOnce - communes.count))
        return (
            "commune_rank IN (\(places)) AND valid_to > ? AND basis <> ?",
            ranks.map { SQLValue($0) } + [SQLValue(day), SQLValue(ended ? -1 : PlacementBasis.ended.rawValue)]
        )
    }

    /// The communes over time of what a table of stays has under some ids.
    static func stays(of ids: some Sequence<UniqueID>, _ column: String, _ table: String, in tx: ReadTransaction) throws
        -> [UniqueID: [CommuneStay]]
    {
        var found: [UniqueID: [CommuneStay]] = [:]
        let places = [String](repeating: "?", count: atOnce).joined(separator: ", ")
        try Array(ids).inParts(of: atOnce) { part in
            let padding = [UniqueID](repeating: part[part.startIndex], count: atOnce - part.count)
            _ = try tx.query(
                """
                SELECT \(column), commune_rank, basis, valid_from, valid_to FROM \(table)
                WHERE \(column) IN (\(places)) ORDER BY \(column), valid_from
                """, (part + padding).map { SQLValue($0) }
            ) { row in
                let commune = try row.int(1)
                let stay = CommuneStay(
                    commune: commune, range: try row.range(3), basis: try row.value(2, PlacementBasis.self))
                // A stretch of a team that lies nowhere.
                found[try row.id(0), default: []] += commune < 0 ? [] : [stay]
            }
        }
        return found
    }
}
