import ServiceKit
import Testing

@testable import Notification

/// "Night rules respected to the minute in Asia/Ho_Chi_Minh".
@Suite struct QuietHoursTests {
    private func moment(_ day: String, _ hour: Int, _ minute: Int, _ second: Int = 0) throws -> Instant {
        Instant(try #require(LocalDate(day)), hour: hour, minute: minute, second: second)
    }

    @Test func theNightBeginsAndEndsWithAMinute() throws {
        let night = try #require(QuietHours("22:00-06:05"))
        #expect(!night.contains(try moment("2024-11-04", 21, 59, 59)))
        #expect(night.contains(try moment("2024-11-04", 22, 0)))
        #expect(night.contains(try moment("2024-11-05", 0, 0)))
        #expect(night.contains(try moment("2024-11-05", 6, 4, 59)))
        #expect(!night.contains(try moment("2024-11-05", 6, 5)))
        #expect(night.end(at: try moment("2024-11-04", 22, 0)) == (try moment("2024-11-05", 6, 5)))
        #expect(night.end(at: try moment("2024-12-31", 23, 59)) == (try moment("2025-01-01", 6, 5)))
        #expect(night.end(at: try moment("2024-11-05", 3, 0)) == (try moment("2024-11-05", 6, 5)))
        #expect(night.end(at: try moment("2024-11-05", 12, 0)) == nil)
        #expect(night.openSeconds == (15 * 60 + 55) * 60)
    }

    @Test func hoursWithinADayAndTheSpreadAfterThem() throws {
        var noon = try #require(QuietHours("11:30-13:00", spread: 10))
        #expect(!noon.contains(try moment("2024-11-04", 11, 29, 59)))
        #expect(noon.contains(try moment("2024-11-04", 12, 59, 59)))
        #expect(noon.end(at: try moment("2024-11-04", 12, 0), random: 0.5) == (try moment("2024-11-04", 13, 5)))
        noon.spread = 0
        #expect(noon.end(at: try moment("2024-11-04", 12, 0), random: 0.9) == (try moment("2024-11-04", 13, 0)))
        #expect(noon.openSeconds == 86_400 - 5_400)
    }

    @Test(arguments: [
        "", "22:00", "22:00-22:00", "24:00-06:00", "22:60-06:00", "22:0-06:00", "2200-0600", "22:00-06:00-07:00",
    ])
    func whatIsNoTimeIsRefused(text: String) { #expect(QuietHours(text) == nil) }
}
