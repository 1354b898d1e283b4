import ServiceKit

/// How many communes have a team, day by day: "100% of communes covered", with the day on which it came to be so.
///
/// R9: "units of that level in force on D under the unit that have an ACTIVE team / all such units".
package struct CoverageSweep: Sendable {
    /// A commune, for the time it lies under the unit.
    package struct Commune: Sendable {
        /// Days on which it lies there.
        package var days: [DateRange]
        /// Days on which it has an ACTIVE commune team.
        package var withTeam: [DateRange]

        package init(days: [DateRange], withTeam: [DateRange]) {
            self.days = days
            self.withTeam = withTeam
        }
    }

    /// Communes with a team and communes, on the last day.
    package private(set) var covered = 0
    package private(set) var all = 0
    /// The first day on which the threshold was reached; nil: not up to the last.
    package private(set) var reachedOn: LocalDate?

    /// - Parameter threshold: in hundredths of a percent.
    package init(_ communes: [Commune], until last: LocalDate, threshold: Int64) {
        var steps: [LocalDate: (covered: Int, all: Int)] = [:]
        func step(_ range: DateRange, _ covered: Int, _ all: Int) {
            let from = range.from ?? .distantPast
            steps[from, default: (0, 0)].covered += covered
            steps[from, default: (0, 0)].all += all
            guard let end = range.exclusiveEnd else { return }
            steps[end, default: (0, 0)].covered -= covered
            steps[end, default: (0, 0)].all -= all
        }
        for commune in communes {
            let days = DateRange.union(commune.days)
            for range in days { step(range, 0, 1) }
            let both = days.flatMap { range in commune.withTeam.compactMap { $0.intersection(range) } }
            for range in DateRange.union(both) { step(range, 1, 0) }
        }
        for (day, change) in steps.sorted(by: { $0.key < $1.key }) where day <= last {
            covered += change.covered
            all += change.all
            // 0/0 is "not applicable" and reaches nothing.
            if reachedOn == nil, all > 0, Indicator.reaches(Int64(covered), of: Int64(all), threshold: threshold) {
                reachedOn = day
            }
        }
    }
}
