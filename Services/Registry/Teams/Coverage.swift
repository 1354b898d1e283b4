import ServiceKit

/// A share of units with a team.
package struct Coverage: Sendable, Hashable {
    package var covered = 0
    package var all = 0

    package static func + (a: Coverage, b: Coverage) -> Coverage {
        Coverage(covered: a.covered + b.covered, all: a.all + b.all)
    }
}

/// R9: "units of that level in force on D under the unit that have an ACTIVE team (above commune: at least one in the
/// subtree) / all such units". 0/0 is "not applicable".
package enum CoverageRule {
    /// - Parameters:
    ///   - presence: the communes with active teams.
    ///   - hamlets: how many hamlets each commune has; needed for level HAMLET only.
    package static func coverage(
        of unit: UnitRank, level: UnitLevel, on date: LocalDate, presence: [UnitRank: TeamPresence],
        hamlets: [UnitRank: Int], units: UnitIndex
    ) -> Coverage {
        switch level {
        case .hamlet:
            return communes(of: unit, on: date, units: units).reduce(into: Coverage()) { sum, commune in
                sum.covered += presence[commune]?.hamletsWithTeam ?? 0
                sum.all += hamlets[commune] ?? 0
            }
        case .commune:
            let all = communes(of: unit, on: date, units: units)
            return Coverage(covered: all.count { presence[$0]?.hasCommuneTeam ?? false }, all: all.count)
        case .nation, .province, .district:
            let all = included(unit, level: level, on: date, units: units)
            let withTeam = Set(
                presence.keys.compactMap { commune in
                    units.ancestor(of: commune, at: level, on: date)
                        ?? units.heirs(of: commune, on: date).first { units[$0].level == level }
                })
            return Coverage(covered: all.count { withTeam.contains($0) }, all: all.count)
        }
    }

    private static func communes(of unit: UnitRank, on date: LocalDate, units: UnitIndex) -> [UnitRank] {
        included(unit, level: .commune, on: date, units: units)
    }

    /// A unit is among the units of its own level.
    private static func included(_ unit: UnitRank, level: UnitLevel, on date: LocalDate, units: UnitIndex) -> [UnitRank]
    {
        if units[unit].level == level { return units[unit].validity.contains(date) ? [unit] : [] }
        return units.descendants(of: unit, at: level, on: date)
    }
}
