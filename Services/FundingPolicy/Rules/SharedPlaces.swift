import ServiceKit

/// Finds the days on which several active teams of one level sat on one unit (NEEDS_CONSOLIDATION): "each is paid until
/// consolidated, and the run lists them".
package struct SharedPlaces: Sendable {
    private struct Place: Hashable {
        var unit: String
        var level: TeamLevel
    }
    private var presences: [Place: [(team: String, days: DateRange)]] = [:]

    package init() {}

    /// A stretch of time in which an active team sat on a unit.
    package mutating func add(team: String, unit: String, level: TeamLevel, days: DateRange) {
        presences[Place(unit: unit, level: level), default: []].append((team, days))
    }

    /// The shared days of each team that has any.
    package var shared: [String: [DateRange]] {
        var result: [String: [DateRange]] = [:]
        for present in presences.values where present.count > 1 {
            let crowded = SharedPlaces.crowded(present.map(\.days))
            guard !crowded.isEmpty else { continue }
            for (team, days) in present {
                let own = crowded.compactMap { $0.intersection(days) }
                if !own.isEmpty { result[team, default: []] += own }
            }
        }
        return result
    }

    /// The days that at least two of the ranges hold: one pass over their ends, however many there are.
    static func crowded(_ ranges: [DateRange]) -> [DateRange] {
        var ends: [(day: Int32, step: Int)] = []
        for range in ranges where !range.isEmpty {
            ends.append((range.from?.dayNumber ?? .min, 1))
            if let end = range.exclusiveEnd { ends.append((end.dayNumber, -1)) }
        }
        ends.sort { ($0.day, $0.step) < ($1.day, $1.step) }
        var result: [DateRange] = []
        var count = 0
        var start: Int32 = .min
        for (day, step) in ends {
            if count == 1, step == 1 { start = day }
            if count == 2, step == -1, start < day {
                result.append(
                    DateRange(
                        from: start == .min ? nil : LocalDate(dayNumber: start),
                        exclusiveEnd: LocalDate(dayNumber: day)))
            }
            count += step
        }
        if count >= 2 { result.append(DateRange(from: start == .min ? nil : LocalDate(dayNumber: start), to: nil)) }
        return DateRange.union(result)
    }
}
