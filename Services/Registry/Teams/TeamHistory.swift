import ServiceKit

/// A team's life: statuses and places, laid over each other and taken apart again.
package enum TeamHistory {
    /// Cuts the status periods where places change. Both ascend; places may have gaps, statuses have none.
    package static func stretches(statuses: [StatusPeriod], places: [TeamPlace]) -> [TeamStretch] {
        var result: [TeamStretch] = []
        for status in statuses {
            var from = status.range.firstDay
            for place in places {
                guard let common = place.range.intersection(status.range) else { continue }
                if from < common.firstDay {
                    result.append(
                        TeamStretch(
                            status: status.status, place: nil,
                            range: DateRange(from: from, to: common.firstDay.previous)))
                }
                result.append(
                    TeamStretch(
                        status: status.status,
                        place: .init(unit: place.unit, commune: place.commune, basis: place.basis),
                        range: DateRange(from: common.firstDay, to: common.to)))
                guard let to = common.to else {
                    from = .distantFuture
                    break
                }
                from = to.next
            }
            if from <= status.range.lastDay, from < .distantFuture {
                result.append(
                    TeamStretch(status: status.status, place: nil, range: DateRange(from: from, to: status.range.to)))
            }
        }
        return result
    }

    /// The status periods, neighbours of the same status joined.
    package static func statuses(of stretches: [TeamStretch]) -> [StatusPeriod] {
        stretches.reduce(into: []) { periods, stretch in
            if let last = periods.last, last.status == stretch.status {
                periods[periods.count - 1].range.to = stretch.range.to
            } else {
                periods.append(StatusPeriod(status: stretch.status, range: stretch.range))
            }
        }
    }

    /// The places, neighbours that agree joined.
    package static func places(of stretches: [TeamStretch]) -> [TeamPlace] {
        stretches.reduce(into: []) { places, stretch in
            guard let place = stretch.place else { return }
            if let last = places.last, last.unit == place.unit, last.commune == place.commune,
                last.basis == place.basis,
                last.range.exclusiveEnd == stretch.range.from
            {
                places[places.count - 1].range.to = stretch.range.to
            } else {
                places.append(
                    TeamPlace(unit: place.unit, commune: place.commune, basis: place.basis, range: stretch.range))
            }
        }
    }

    /// The units over time, as callers see them: a hamlet stays one place while its commune changes, and who was in a
    /// commune that ended is there still. `commune` gives a commune's id.
    package static func units(of stretches: [TeamStretch], commune: (UnitRank) -> UniqueID) -> [(
        unit: UniqueID, range: DateRange
    )] {
        stretches.reduce(into: []) { units, stretch in
            guard let place = stretch.place else { return }
            let unit = place.unit ?? commune(place.commune)
            if let last = units.last, last.unit == unit, last.range.exclusiveEnd == stretch.range.from {
                units[units.count - 1].range.to = stretch.range.to
            } else {
                units.append((unit, stretch.range))
            }
        }
    }

    /// Another status from a day on; what was recorded for later is replaced.
    package static func changing(_ periods: [StatusPeriod], to status: TeamStatus, from: LocalDate) -> [StatusPeriod] {
        var result: [StatusPeriod] = []
        for period in periods {
            guard period.range.firstDay < from else { break }
            var period = period
            if period.range.lastDay >= from { period.range.to = from.previous }
            result.append(period)
        }
        if let last = result.last, last.status == status, last.range.exclusiveEnd == from {
            result[result.count - 1].range.to = nil
        } else {
            result.append(StatusPeriod(status: status, range: DateRange(from: from, to: nil)))
        }
        return result
    }
}
