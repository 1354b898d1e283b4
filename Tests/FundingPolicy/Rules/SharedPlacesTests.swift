import FundingPolicy
import ServiceKit
import Testing

@Suite struct SharedPlacesTests {
    private func shared(_ stays: [(String, DateRange)]) -> [String: [DateRange]] {
        var places = SharedPlaces()
        for (team, days) in stays { places.add(team: team, unit: "units/x", level: .hamlet, days: days) }
        return places.shared
    }

    @Test func daysWithTwoTeamsAreShared() {
        let found = shared([
            ("a", days("2024-01-01", "2024-06-30")), ("b", days("2024-06-01")), ("c", days("2026-01-01", "2026-01-31")),
        ])
        #expect(found["a"] == [days("2024-06-01", "2024-06-30")])
        #expect(found["b"] == [days("2024-06-01", "2024-06-30"), days("2026-01-01", "2026-01-31")])
        #expect(found["c"] == [days("2026-01-01", "2026-01-31")])
    }

    @Test func oneAfterTheOtherIsNotShared() {
        #expect(shared([("a", days("2024-01-01", "2024-05-31")), ("b", days("2024-06-01"))]).isEmpty)
        #expect(shared([("a", days("2024-01-01"))]).isEmpty)
    }

    @Test func openEndsMeetForEver() {
        #expect(shared([("a", days("")), ("b", days("2024-06-01"))])["a"] == [days("2024-06-01")])
        #expect(shared([("a", days("")), ("b", days(""))])["a"] == [.always])
    }

    @Test func levelsDoNotDisturbEachOther() {
        var places = SharedPlaces()
        places.add(team: "a", unit: "units/x", level: .hamlet, days: .always)
        places.add(team: "b", unit: "units/x", level: .commune, days: .always)
        #expect(places.shared.isEmpty)
    }
}
